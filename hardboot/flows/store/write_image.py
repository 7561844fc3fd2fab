"""Write an image into a file of the store, whole, and find out on which blocks it lies."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hardboot.base import log
from hardboot.base.errors import RefusedError
from hardboot.base.sizes import human_size
from hardboot.device.phone import Phone
from hardboot.device.staging import STAGING
from hardboot.flows.store import leftover, raw
from hardboot.flows.store.place import STORE, Place
from hardboot.flows.store.put import damaged
from hardboot.flows.store.send import Written, copy, send
from hardboot.formats.reading import Data, sha256
from hardboot.payload import agent as agents
from hardboot.store.manifest import StoredImage
from hardboot.store.pages import PAGE_SIZE

AGENT = f"{STAGING}/agent"


@dataclass(frozen=True)
class NewImage:
    """An image that is going to be stored.

    Attributes:
        data: Its content.
        changes: The ROM writes to it, so that its hash means nothing later.
        read_only: The ROM cannot write to it.
        filesystem: What is in it, as mount(2) calls it.
    """

    data: Data = field(repr=False)
    changes: bool = True
    read_only: bool = False
    filesystem: str = "ext4"


def stage_agent(phone: Phone) -> None:
    """Put the agent on the phone, at AGENT.

    Raises:
        DeviceError: If it does not arrive whole.
    """
    phone.stage(agents.binary(phone.profile.arch), "agent", mode=0o755)


def write(
    phone: Phone,
    where: Place,
    folder: str,
    name: str,
    image: NewImage,
    *,
    generation: int = 0,
    twins: Mapping[str, str] = {},
) -> StoredImage:
    """Write an image into a folder of the phone; what a cut-off command wrote of it is not sent again.

    Args:
        phone: The phone, with the agent at AGENT.
        where: The place of its ROMs.
        folder: Path of the folder.
        name: Of the image.
        image: The image.
        generation: See `StoredImage`.
        twins: Files on the phone whose content is not sent, but copied: by its SHA-256.

    Raises:
        RefusedError: If the file system gave it blocks that cannot be handed to a ROM.
        DeviceError: If it fails; the file may be there in part.
    """
    digest = sha256(image.data)
    made = StoredImage(
        name=name,
        size=len(image.data),
        sha256=None if image.changes else digest,
        filesystem=image.filesystem,
        read_only=image.read_only,
        generation=generation,
    )
    path = f"{folder}/{made.file}"
    written = _write(phone, where, image.data, digest, path, twins.get(digest))
    _check_content(phone, path, made, digest, written.sha256)
    return made.lying_at(raw.settled(phone, AGENT, where, path, written.extents, name=name, size=made.size))


def _write(phone: Phone, where: Place, data: Data, digest: str, path: str, twin: str | None) -> Written:
    first = min(leftover.begin(phone, path, digest), len(data) // PAGE_SIZE)
    written = None
    if first:
        log.say(f"Going on where an earlier command was cut off, after {human_size(first * PAGE_SIZE)}")
        written = send(phone, AGENT, where, data, path, first=first)
    elif twin:
        with log.step(f"Copying {twin.removeprefix(f'{STORE}/')}, which is the same"):
            written = copy(phone, AGENT, where, twin, len(data), path)
    if written and written.sha256 == digest:
        return written
    return send(phone, AGENT, where, data, path)


def locate(phone: Phone, where: Place, folder: str, image: StoredImage, digest: str) -> StoredImage:
    """Return an image with its runs, after comparing what these blocks hold with what they must.

    Args:
        phone: The phone, with the agent at AGENT.
        where: The place of its ROMs.
        folder: Where its file lies.
        image: The image.
        digest: SHA-256 of its content, in hex.

    Raises:
        RefusedError: If the file system gave it blocks that cannot be handed to a ROM.
        DeviceError: If it holds something else, or the phone does not answer.
    """
    path, name, size = f"{folder}/{image.file}", image.name, image.size
    with log.step(f"Comparing {name}"):
        runs = raw.runs_of(phone, AGENT, where, path, name=name, size=size)
        # What the ROM will see: the blocks of the raw partition.
        found = raw.sha256(phone, AGENT, where, runs, size=size)
        _check_content(phone, path, image, digest, found)
    return image.lying_at(runs)


def _check_content(phone: Phone, path: str, image: StoredImage, digest: str, found: str) -> None:
    """Say what is wrong if the blocks of an image have another SHA-256, `found`."""
    if found == digest:
        return
    if phone.sha256(path, image.size) != digest:
        raise damaged(image.name)
    raise RefusedError(
        f"the blocks of {image.name} on the raw partition hold something else than the file",
        state="Nothing was kept on the phone.",
        fix="The phone encrypts or moves what it writes to /data: ROMs cannot be stored on it.",
    )
