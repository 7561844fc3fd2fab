"""image-files as the phone runs it: images hold what a test says, by the names of their disks."""

import errno
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from hardboot.payload.image_files import NOT_MOUNTED, escape
from scripted_phone.calls import Call
from scripted_phone.files import FileSystem
from scripted_phone.kernels import AgentError, open_file

Files = dict[bytes, bytes | None]  # content by path; None for a folder


@dataclass
class Images:
    """The images of a phone.

    Attributes:
        files: Of each, by the name of its disk.
        kinds: Of what is no plain file and no folder, by its path: "l" or "o".
        mounts: How each command mounted one: access, file system.
        unmountable: What is said in place of mounting: text and error number.
        used: Names of disks that somebody has open.
        answer: What `run` prints for a command, and its exit code.
    """

    files: dict[str, Files] = field(default_factory=dict)
    kinds: dict[bytes, str] = field(default_factory=dict)
    mounts: list[tuple[str, str]] = field(default_factory=list)
    unmountable: tuple[str, int] | None = None
    used: set[str] = field(default_factory=set)
    answer: Callable[[str], tuple[str, int]] = lambda _command: ("", 0)

    def of(self, disk: str) -> Files:
        """Return the files of an image; at first there is its root folder alone."""
        return self.files.setdefault(disk, {b"/": None})


def images_of(files: FileSystem) -> Images:
    """Return the images of a phone's files."""
    found: Images = files.__dict__.setdefault("images", Images())
    return found


def image_files(call: Call) -> int:
    """Do what the program does, as image-files.c and files.c."""
    images = images_of(call.files)
    try:
        if call.words[1] == "forget":
            return _forget(call, images)
        access, device, table, disk, filesystem, folder, command, *words = call.words[1:]
        if images.unmountable:
            raise AgentError(*images.unmountable)
        if disk in images.used:
            raise AgentError(f"in use {disk}", errno.EBUSY)
        for name in (device, table):
            open_file(call, name)
        assert call.files.find(folder)
        images.mounts.append((access, filesystem))
    except AgentError as error:
        return _failed(call, error, NOT_MOUNTED)
    files = images.of(disk)
    try:
        if command == "run":
            text, code = images.answer(words[-1])
            call.out.write(text.encode())
            return code
        if command in ("look", "list"):
            _list(call, images, files, [unquote_to_bytes(word) for word in words], below=command == "list")
        elif command == "read":
            _read(call, files, words[0])
        else:
            assert access == "rw"
            _write(call, files, *words)
        return 0
    except AgentError as error:
        return _failed(call, error, 1)


def _failed(call: Call, error: AgentError, code: int) -> int:
    call.out.write(f"error={error.what} errno={error.number}\n".encode())
    return code


def _forget(call: Call, images: Images) -> int:
    for name in call.words[3:]:
        if name in images.used:
            raise AgentError(f"in use {name}", errno.EBUSY)
        for path in [path for path in call.files.nodes if path.startswith("/sys/block/dm-")]:
            call.files.nodes.pop(path)
    call.out.write(b"forgotten=1\n")
    return 0


def _list(call: Call, images: Images, files: Files, paths: list[bytes], *, below: bool) -> None:
    for path in paths:
        start = path.rstrip(b"/") + b"/"
        found = [one for one in files if one == path or (below and one.startswith(start))]
        for one in found or [path]:
            content = files.get(one)
            kind = images.kinds.get(one) or ("-" if one not in files else "d" if content is None else "f")
            size = len(content or b"")
            call.out.write(f"{kind} 0x1a4 {size:#x} 0x65000000 {escape(one)}\n".encode())


def _read(call: Call, files: Files, wanted: str) -> None:
    for line in open_file(call, wanted).decode().splitlines():
        offset, size, escaped = line.split(" ")
        content = files[unquote_to_bytes(escaped)]
        assert content is not None
        call.out.write(content[int(offset, 16) :][: int(size, 16)])


def _write(call: Call, files: Files, changes: str, sources: str) -> None:
    for line in open_file(call, changes).decode().splitlines():
        kind, _, *names = line.split(" ")
        path = unquote_to_bytes(names[-1])
        if files.get(path.rpartition(b"/")[0] or b"/", b"") is not None:
            raise AgentError(f"write {path.decode()}", errno.ENOENT)
        files[path] = None if kind == "d" else open_file(call, f"{sources}/{names[0]}")
    call.out.write(b"written=1\n")
