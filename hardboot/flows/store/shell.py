"""Commands of the phone's own shell in an image: each one mounts it and takes it away again."""

import secrets
import shlex
from dataclasses import dataclass, field

from hardboot.base.errors import DeviceError
from hardboot.device.shells import read
from hardboot.flows.store.mounted import MountedImage
from hardboot.payload import image_files
from hardboot.transport.base import Output

COMMAND_S = 600.0  # seconds that a command may take
_FIND = "command -v sh"


def run_checked(image: MountedImage, command: str, *, timeout_s: float) -> None:
    """Run a command in the root folder of an image, which must succeed.

    Args:
        image: Mounted.
        command: For the phone's own shell.
        timeout_s: Seconds that it may take.

    Raises:
        RefusedError: If the image cannot be mounted.
        DeviceError: If the command fails.
    """
    output = ImageShell(image).run(command, timeout_s=timeout_s)
    if output.code:
        raise DeviceError(
            f"a command on the phone failed in {image.title}: {' '.join(output.text.split())[-200:]}",
            state="Nothing was kept on the phone.",
            fix=f"The command was: {command}",
        )


@dataclass
class ImageShell:
    """A shell that remembers its folder, and nothing else, from one command to the next.

    Attributes:
        image: Whose folders it is in.
        folder: Of the phone, while the image is mounted.
    """

    image: MountedImage
    folder: str = field(init=False)
    _shell: str = field(init=False)

    def __post_init__(self) -> None:
        """Find the phone's shell."""
        self.folder = self.root
        self._shell = read(_FIND, self.image.phone.root(_FIND)).strip()

    @property
    def root(self) -> str:
        """The root folder of the image on the phone."""
        return f"{self.image.mount.folder}/rom"

    @property
    def shown(self) -> str:
        """The folder as the ROM calls it; as the phone does where it is outside of the image."""
        below = self.folder.removeprefix(self.root)
        return (below or "/") if self.folder == self.root or below != self.folder else self.folder

    def run(self, command: str, *, timeout_s: float = COMMAND_S) -> Output:
        """Run a command, for `timeout_s` seconds at most; any exit code is an answer.

        Raises:
            RefusedError: If the image cannot be mounted, or it is mounted already.
            DeviceError: If the phone does not answer.
        """
        marker = secrets.token_hex(8)
        script = (
            f"cd {shlex.quote(self.folder)} || cd {shlex.quote(self.root)}\n{command}\n"
            f"code=$?; echo {marker}$PWD; exit $code"
        )
        words = image_files.run_words(self._shell, script)
        output = self.image.phone.root(self.image.command(words), timeout_s=timeout_s)
        if output.code == image_files.NOT_MOUNTED:
            self.image.refuse(output.text)
        text, found, rest = output.text.rpartition(marker)
        if not found:
            return output  # the command ended the shell
        self.folder = rest.partition("\n")[0]
        return Output(text, output.code)
