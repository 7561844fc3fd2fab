"""image-files, built for this computer: what it mounts, what it takes away, and files of a hostile image.

chroot(2) is real, mounts are not: the folder "rom" is the image.
"""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from agents import PHONE_AGENTS, PhoneAgent, build_for_host

from hardboot.payload import agent, agent_errors, extents, image_files
from hardboot.payload.extents import Extent
from hardboot.payload.image_files import Access, FileInfo, Mount, Part

DISK = "hardboot.linux.root"
RUNS = (Extent(0, 4096, 8192), Extent(8192, 0, 4096))
MADE = [
    "unshare 0x20000",
    "mount / none flags=0x44000",
    "mount /mount tmpfs flags=0xa",
    "sync",
    "node /mapper 0xaec",
    "open /mapper",
    f"dm 4 v4 {DISK} flags=0",
    "dm 4",
    "node /loop-control 0xaed",
    "loop 0x4c82",
    "node /loop0 0x708",
    "loop 0x4c00",
    "loop 0x4c04",
    f"dm 3 v4 {DISK} flags=0",
    "dm 3",
    f"dm 9 v4 {DISK} flags=0",
    "target 0 16 linear 7:8 8",
    "target 16 8 linear 7:8 0",
    "dm 9",
    f"dm 6 v4 {DISK} flags=0",
    "dm 6",
    "node /disk 0xfd03",
]
GONE = ["umount /rom", f"dm 4 v4 {DISK} flags=0", "dm 4", "sync"]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return it for this computer, with the sanitizers."""
    return build_for_host("image-files", tmp_path_factory.mktemp("image-files") / "image-files")


@dataclass
class Image:
    """An image, the phone around it, and the program.

    Attributes:
        settings: See agent_host/arch.h.
    """

    program: Path
    root: Path
    access: Access = "replay"
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the phone's files."""
        for path, content in (("sys/block/loop0/dev", "7:8\n"), ("proc/sys/vm/drop_caches", "")):
            (self.root / path).parent.mkdir(parents=True)
            (self.root / path).write_text(content)
        self.files.mkdir(parents=True)
        (self.root / "userdata").write_bytes(bytes(1 << 16))
        (self.root / "table").write_bytes(extents.build_table(RUNS))

    @property
    def files(self) -> Path:
        """The root folder of the image."""
        return self.root / "mount/rom"

    def run(self, words: list[str]) -> subprocess.CompletedProcess[bytes]:
        """Do what `words` say."""
        mount = Mount(
            access=self.access,
            device=str(self.root / "userdata"),
            table=str(self.root / "table"),
            disk=DISK,
            filesystem="ext4",
            folder=str(self.root / "mount"),
        )
        # LeakSanitizer cannot work under every debugger and container; the program never allocates.
        env = {"AGENT_ROOT": str(self.root), "ASAN_OPTIONS": "detect_leaks=0", **self.settings}
        command = ["sh", "-c", mount.command(str(self.program), words)]
        if os.geteuid() != 0:  # chroot(2) needs root, or a namespace in which the user is it
            command = ["unshare", "--user", "--map-root-user", *command]
        return subprocess.run(command, env=env, capture_output=True, timeout=20)

    def calls(self, words: list[str]) -> list[str]:
        """Return what it asks of the kernel."""
        return self.run(words).stderr.decode().splitlines()

    def list(self, *paths: bytes, below: bool = True) -> tuple[FileInfo, ...]:
        done = self.run(image_files.list_words(paths, below=below))
        assert done.returncode == 0, done.stdout
        return image_files.parse_listing(done.stdout.decode())

    def read(self, *parts: Part) -> subprocess.CompletedProcess[bytes]:
        wanted = self.root / "wanted"
        wanted.write_bytes(image_files.build_wanted(parts))
        return self.run(image_files.read_words(str(wanted)))

    def write(self, *lines: str) -> subprocess.CompletedProcess[bytes]:
        self.access = "rw"
        changes = self.root / "changes"
        changes.write_text("".join(lines))
        return self.run(image_files.write_words(str(changes), str(self.root / "sources")))


@pytest.fixture
def image(program: Path, tmp_path: Path) -> Image:
    made = Image(program, tmp_path)
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources/new").write_bytes(b"new content")
    return made


def failed(done: subprocess.CompletedProcess[bytes], what: str, *, code: int = 1) -> bool:
    """Whether it ended with this error."""
    found = agent_errors.parse_failure((done.stdout + done.stderr).decode(errors="replace"))
    assert found is not None, done
    assert (found.what, done.returncode) == (what, code)
    return True


@pytest.mark.parametrize(
    ("access", "flags", "table"), [("rw", "0xe", "0"), ("replay", "0xf", "0"), ("ro", "0xf", "0x1")]
)
def test_the_image_is_mounted_by_its_runs_and_taken_away(
    image: Image, access: Access, flags: str, table: str
) -> None:
    image.access = access
    load = f"dm 9 v4 {DISK} flags="
    made = [f"{load}{table}" if line.startswith(load) else line for line in MADE]
    calls = image.calls(image_files.list_words([b"/"], below=True))
    assert calls == [*made, f"mount /rom ext4 flags={flags}", "clone", *GONE]
    assert (image.root / "proc/sys/vm/drop_caches").read_text() == "3"


def test_programs_of_the_phone_run_in_its_root_folder_and_follow_no_link(image: Image) -> None:
    (image.files / "a file").write_text("content")
    done = image.run(image_files.run_words("/bin/sh", "pwd; cat 'a file'; exit 7"))
    assert (done.stdout.decode(), done.returncode) == (f"{image.files}\ncontent", 7)
    assert "mount /rom ext4 flags=0x10f" in done.stderr.decode().splitlines()
    assert image.run(image_files.run_words("/bin/sh", "kill -9 $$")).returncode == 128 + 9
    assert failed(image.run(image_files.run_words("/missing", "")), "run /missing")


@pytest.mark.parametrize(
    ("call", "errno", "what"),
    [
        ("unshare", 1, "mount privately {root}/mount"),
        ("mount /mount", 1, "mount privately {root}/mount"),
        ("node /mapper", 1, "make the device {root}/mount/mapper"),
        (f"dm 4 v4 {DISK}", 0, None),
        ("loop 0x4c82", 28, "find a free loop device"),
        ("loop 0x4c00", 16, "make a loop device over {root}/userdata"),
        ("loop 0x4c04", 22, "make a loop device over {root}/userdata"),
        ("dm 3", 16, f"in use {DISK}"),
        ("dm 9", 22, f"make the disk {DISK}"),
        ("dm 6", 5, f"make the disk {DISK}"),
        ("node /disk", 1, "make the device disk"),
        ("mount /rom", 22, f"mount {DISK}"),
        ("clone", 11, f"start a process for {DISK}"),
        ("umount", 16, f"in use {DISK}"),
    ],
)
def test_what_fails_leaves_no_disk_and_runs_nothing(
    image: Image, call: str, errno: int, what: str | None
) -> None:
    image.settings = {"AGENT_CALL": call, "AGENT_CALL_ERRNO": str(errno)}
    done = image.run(image_files.list_words([b"/"], below=True))
    if what is None:
        assert done.returncode == 0
        return
    assert failed(done, what.format(root=image.root), code=image_files.NOT_MOUNTED)
    calls = done.stderr.decode().splitlines()
    if "dm 6" in calls and call != "umount":
        assert "dm 4" in calls[calls.index("dm 6") :]


@pytest.mark.parametrize("errno", [6, 19])
def test_a_kernel_without_device_mapper_is_told(image: Image, errno: int) -> None:
    image.settings = {"AGENT_CALL": "open /mapper", "AGENT_CALL_ERRNO": str(errno)}
    done = image.run(image_files.list_words([b"/"], below=True))
    assert failed(done, image_files.NO_MAPPER, code=image_files.NOT_MOUNTED)


def test_a_loop_device_that_somebody_takes_first_is_tried_again(image: Image) -> None:
    image.settings = {"AGENT_CALL": "loop 0x4c00", "AGENT_CALL_ERRNO": "16", "AGENT_CALL_TIMES": "3"}
    calls = image.calls(image_files.list_words([b"/"], below=True))
    assert [line for line in calls if line.startswith("node /loop")][1:] == [
        f"node /loop{number} 0x708" for number in range(4)
    ]
    assert calls[-4:] == GONE


def test_disks_that_a_killed_run_left_are_forgotten_unless_somebody_has_them(image: Image) -> None:
    command = image_files.forget_command(str(image.program), str(image.root / "mount"), ["one", "two"])
    env = {"AGENT_ROOT": str(image.root), "ASAN_OPTIONS": "detect_leaks=0"}
    run: Callable[..., subprocess.CompletedProcess[bytes]] = subprocess.run
    done = run(["sh", "-c", command], env=env, capture_output=True, timeout=20)
    assert done.stdout == b"forgotten=1\n"
    assert [line for line in done.stderr.decode().splitlines() if " v4 " in line] == [
        "dm 4 v4 one flags=0",
        "dm 4 v4 two flags=0",
    ]
    env |= {"AGENT_CALL": "dm 4", "AGENT_CALL_ERRNO": "16"}
    assert failed(run(["sh", "-c", command], env=env, capture_output=True, timeout=20), "in use one")


# Files of an image


def test_files_are_listed_with_any_name_and_links_lead_nowhere_else(image: Image) -> None:
    odd = os.fsdecode(bytes(one for one in range(1, 256) if one != ord("/"))[:200])
    (image.files / "etc").mkdir()
    (image.files / "etc" / odd).write_bytes(b"x" * 300)
    (image.files / "outside").symlink_to("/../../../../etc/passwd")
    (image.files / "up").symlink_to("../../..")
    os.mkfifo(image.files / "fifo")
    found = {one.path: one for one in image.list(b"/")}
    assert {path: one.kind for path, one in found.items()} == {
        b"/": "folder",
        b"/etc": "folder",
        b"/etc/" + os.fsencode(odd): "file",
        b"/outside": "link",
        b"/up": "link",
        b"/fifo": "other",
    }
    assert found[b"/etc/" + os.fsencode(odd)].size == 300
    assert found[b"/etc"].modified == int((image.files / "etc").stat().st_mtime)
    # Followed: there is no /etc/passwd in the image, and above its root is its root.
    kinds = [one.kind for one in image.list(b"/outside", b"/up", b"/missing", b"/etc/missing/x")]
    assert [kinds[0], *sorted(kinds[1:3]), *sorted(kinds[3:7]), *kinds[7:]] == [
        "missing",
        "folder",
        "folder",
        "file",
        "link",
        "link",
        "other",
        "missing",
        "missing",
    ]
    assert len(image.list(b"/up", below=False)) == 1


def test_folders_too_deep_and_lists_too_long_are_refused(image: Image) -> None:
    deep = image.files
    for _ in range(70):
        deep /= "d"
        deep.mkdir()
    done = image.run(image_files.list_words([b"/"], below=True))
    assert failed(done, "more than 64 folders in each other at /" + "/".join(["d"] * 64))


def test_parts_of_files_are_read_one_behind_the_other(image: Image) -> None:
    content = os.urandom(700_000)
    (image.files / "big file").write_bytes(content)
    (image.files / "small").write_bytes(b"small")
    (image.files / "link").symlink_to("/small")
    done = image.read(
        Part(b"/big file", 1, 600_000), Part(b"/small", 2, 3), Part(b"/link", 0, 5), Part(b"/small", 5, 0)
    )
    assert done.returncode == 0
    assert done.stdout == content[1:600_001] + b"all" + b"small"


@pytest.mark.parametrize(
    ("path", "size", "what"),
    [
        (b"/small", 6, "past the end of /small"),
        (b"/missing", 1, "open /missing"),
        (b"/fifo", 1, "not a plain file: /fifo"),
        (b"/out", 1, "open /out"),
        (b"/", 1, "not a plain file: /"),
    ],
)
def test_what_cannot_be_read_is_told_and_never_waited_for(
    image: Image, path: bytes, size: int, what: str
) -> None:
    (image.files / "small").write_bytes(b"small")
    os.mkfifo(image.files / "fifo")
    (image.files / "out").symlink_to(image.root / "userdata")
    assert failed(image.read(Part(path, 0, size)), what)


def test_files_are_written_inside_whatever_the_links_say(image: Image) -> None:
    (image.files / "etc").mkdir()
    (image.files / "old").write_bytes(b"a much longer old content")
    (image.files / "old").chmod(0o604)
    (image.files / "link").symlink_to("/etc/linked")
    (image.files / "folder").symlink_to(image.root / "sources")
    (image.root / "proc/kept").write_text("kept")
    lines = [
        image_files.folder_line(b"/etc/a new folder", 0o750),
        image_files.folder_line(b"/etc", 0o700),
        *(
            image_files.file_line(path, 0o640, "new")
            for path in (b"/etc/a new folder/file", b"/old", b"/link", b"/../../up")
        ),
    ]
    done = image.write(*lines)
    assert (done.returncode, done.stdout) == (0, b"written=1\n")
    for path in ("etc/a new folder/file", "old", "etc/linked", "up"):
        assert (image.files / path).read_bytes() == b"new content"
    assert (image.files / "old").stat().st_mode & 0o777 == 0o604
    assert (image.files / "up").stat().st_mode & 0o777 == 0o640
    assert (image.files / "etc/a new folder").stat().st_mode & 0o777 == 0o750
    assert failed(image.write(image_files.file_line(b"/folder/x", 0o600, "new")), "write /folder/x")
    assert sorted(path.name for path in (image.root / "sources").iterdir()) == ["new"]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("f 0x1a4 ../table /x\n", "not a name: ../table"),
        ("f 0x1a4 missing /x\n", "open missing"),
        ("f 0x1a4 linked /x\n", "open linked"),
        ("f 0x1a4 new /etc\n", "not a plain file: /etc"),
        ("f 0x1a4 new /fifo\n", "not a plain file: /fifo"),
        ("d 0x1ed /file\n", "make the folder /file"),
        ("d 0x1ed /none/x\n", "make the folder /none/x"),
        ("x 0x1ed /x\n", "not d or f: x"),
        ("f 9 new /x\n", "not a hexadecimal number: 9"),
        ("f\n", "not a hexadecimal number: "),
    ],
)
def test_what_cannot_be_written_is_told_and_writes_nothing(image: Image, line: str, what: str) -> None:
    (image.files / "etc").mkdir()
    (image.files / "file").touch()
    os.mkfifo(image.files / "fifo")
    (image.root / "sources/linked").symlink_to(image.root / "table")
    assert failed(image.write(line), what)
    assert sorted(path.name for path in image.files.iterdir()) == ["etc", "fifo", "file"]


# The committed binaries


@pytest.mark.parametrize("phone_agent", PHONE_AGENTS, ids=lambda one: one.arch)
def test_the_binary_runs_and_refuses_wrong_arguments(phone_agent: PhoneAgent) -> None:
    one = PhoneAgent(
        phone_agent.arch, phone_agent.qemu, phone_agent.machine, phone_agent.bits, agent.image_files
    )
    done = one("ro", "device")
    found = agent_errors.parse_failure(done.stdout)
    assert found is not None
    assert found.what.startswith("usage: image-files ACCESS")
    assert one("forget", "/none").returncode == 1
    # Without any right, it gets no mount namespace.
    refused = agent_errors.parse_failure(one("rw", "d", "t", "n", "ext4", "/tmp", "list", "/").stdout)
    assert refused == agent_errors.AgentFailure("mount privately /tmp", 1)
