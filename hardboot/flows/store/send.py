"""Write an image into a file on the phone, whole: zero pages are not sent, but written there."""

import shlex

from hardboot.base import log
from hardboot.base.temporary import temporary_folder
from hardboot.device.phone import Phone
from hardboot.device.shells import QUICK_S
from hardboot.flows.partition_read import SLOW_BYTES_PER_S
from hardboot.formats.reading import Data
from hardboot.payload import agent as agents
from hardboot.payload import agent_errors
from hardboot.store.pages import PAGE_SIZE, Part, parts

_DATA = 32 << 20  # bytes that are pushed at once
_PAGES = (512 << 20) // PAGE_SIZE  # written at once: no more than a command is waited for


def send(phone: Phone, agent: str, image: Data, target: str) -> int:
    """Write `image` to the file `target`, and return the bytes that were sent.

    Args:
        phone: The phone.
        agent: Path of the agent on the phone.
        image: Whole pages.
        target: Absolute path; nothing is there yet.

    Raises:
        DeviceError: If it fails; the file may be there in part.
    """
    sent = 0
    name = target.rpartition("/")[2]
    with log.progress(f"Writing {name}", len(image)) as advance:
        for part in parts(image, most_data=_DATA, most_pages=_PAGES):
            _pour(phone, agent, part, target)
            sent += len(part.data)
            advance((part.end - part.first) * PAGE_SIZE)
    return sent


def _pour(phone: Phone, agent: str, part: Part, target: str) -> None:
    with temporary_folder() as folder:
        runs, data = folder / "runs", folder / "pages"
        runs.write_bytes(agents.build_runs(part.runs))
        data.write_bytes(part.data)
        staged = phone.stage_all([(runs, runs.name), (data, data.name)])
    command = agents.pour_command(agent, target, part.first, part.end, *staged)
    size = (part.end - part.first) * PAGE_SIZE
    output = phone.root(
        f"{command} && rm {' '.join(map(shlex.quote, staged))}", timeout_s=QUICK_S + size / SLOW_BYTES_PER_S
    )
    if output.code:
        raise agent_errors.failure("pour", output.text)
