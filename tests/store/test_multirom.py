"""MultiROM's folders: types by files, as MultiROM tells them; rom_info.txt, which may hold anything."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multirom_folders import ROM_INFO as TEMPLATE

from hardboot.base.errors import InputError
from hardboot.store import multirom, rom_info
from hardboot.store.multirom import MultiRom
from hardboot.store.rom_info import BootFile


@pytest.mark.parametrize(
    ("files", "kind", "kernel"),
    [
        ("boot/ system/ data/ cache/", "android-folders", "the phone's kernel"),
        ("boot/ system/ data/ cache/ boot.img", "android-folders", "its own kernel (boot.img)"),
        ("boot/ system.img data.img cache.img boot.img", "android-images", "its own kernel (boot.img)"),
        ("boot/ system.img data.img cache.img data/", "android-folders", "the phone's kernel"),
        ("boot/ system.img vendor/ data.img cache.img", "android-folders", "the phone's kernel"),
        ("boot/ system.sparse.img data.sparse.img cache.sparse.img", "android-images", "the phone's kernel"),
        ("boot/ system.sparse.img data/ cache/ boot.img", "android-folders", "its own kernel (boot.img)"),
        ("boot/ system.sparse.img data.img cache/", "unknown", "the phone's kernel"),
        ("system.sparse.img data.sparse.img cache.sparse.img", "unknown", "the phone's kernel"),
        ("rom_info.txt root/", "linux", "its own kernel (rom_info.txt)"),
        ("boot/ system/ rom_info.txt boot.img", "linux", "its own kernel (rom_info.txt)"),
        ("root/ boot.img", "ubuntu", "its own kernel (boot.img)"),
        ("root/", "unsupported", "the phone's kernel"),
        ("root.img boot.img", "unknown", "its own kernel (boot.img)"),
        ("system/ data/ cache/", "unknown", "the phone's kernel"),
        ("boot/ system.img data.img", "unknown", "the phone's kernel"),
        ("boot system data cache", "unknown", "the phone's kernel"),
        ("", "unknown", "the phone's kernel"),
    ],
)
def test_a_type_is_told_by_the_files(files: str, kind: str, kernel: str) -> None:
    one = MultiRom("a", frozenset(files.split()), None)
    assert (one.type, one.kernel) == (kind, kernel)


@pytest.mark.parametrize(
    ("files", "imported", "booted"),
    [
        ("boot/ system/ data/ cache/ boot.img", False, True),
        ("boot/ system/ data/ cache/", False, False),
        ("boot/ system.img data.img cache.img boot.img", True, True),
        ("boot/ system.img data.img cache.img", False, False),
        ("boot/ system.sparse.img data/ cache.sparse.img boot.img", False, True),
        ("rom_info.txt", True, True),
        ("root/ boot.img", False, False),
        ("root/", False, False),
    ],
)
def test_what_cannot_be_used_has_a_reason(files: str, imported: bool, booted: bool) -> None:
    one = MultiRom("a", frozenset(files.split()), "a")
    assert (one.not_imported is None, one.not_booted is None) == (imported, booted)


@pytest.mark.parametrize(
    ("current", "named"), [("Internal", "Internal"), (None, "none in this folder"), ("\x1b[2J", r"\x1b[2J")]
)
def test_an_android_rom_that_multirom_did_not_start_last_is_not_booted(
    current: str | None, named: str
) -> None:
    files = frozenset(["boot/", "system/", "data/", "cache/", "boot.img"])
    reason = f"its trampoline starts the ROM that multirom.ini names: {named}"
    assert MultiRom("a", files, current).not_booted == reason


def test_a_linux_rom_whose_name_has_a_space_is_only_imported() -> None:
    one = MultiRom("a b", frozenset(["rom_info.txt"]), None)
    assert one.not_imported is None
    assert one.not_booted == "its name has a space: MultiROM does not start it either"


def test_of_an_image_and_a_folder_the_folder_counts() -> None:
    files = "system.img vendor.sparse.img data.img data/ cache.img cache.sparse.img"
    assert MultiRom("a", frozenset(files.split()), None).images == {
        "system": "system.img",
        "vendor": "vendor.sparse.img",
        "cache": "cache.img",
    }


def test_names_that_multirom_skips_and_that_could_control_a_terminal_are_left_out() -> None:
    names = ["a b", "Internal", ".hidden", "", "x" * 26, "x" * 27, "a\nb", "\x1b[2J", "ä", "ä" * 14]
    found = multirom.parse(((name, "rom_info.txt") for name in names), "")
    assert [one.name for one in found] == ["a b", "x" * 26, "ä"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("current_rom=Debian\nauto_boot_seconds=5\n", "Debian"),
        ("auto_boot_rom=A\ncurrent_rom=a b\ncurr_rom_part=\n", "a b"),
        ("current_rom=A\ncurrent_rom=B\n", "B"),
        ("current_rom=\n", None),
        ("current_rom=A=B", "A"),
        ("current_rom=A\ncurr_rom_part=1234-ABCD\n", None),  # on a drive; here it is another one
        ("", None),
    ],
)
def test_the_chosen_rom_is_read_from_multirom_ini(text: str, name: str | None) -> None:
    assert multirom.current_rom(text) == name


def test_the_template_is_read() -> None:
    info = rom_info.parse(TEMPLATE)
    assert (info.root_image, info.root_folder, info.filesystem) == ("root.img", "root", "ext4")
    assert info.kernel == BootFile("boot/vmlinuz", inside=True, wildcard=False)
    assert info.initrd == BootFile("boot/initrd.img", inside=True, wildcard=False)
    assert (info.dtb, info.dtb_named) == (BootFile("dtb.img", inside=True, wildcard=False), False)
    values = {"b": "", "d": "/dev/vda3", "r": "ext4", "s": "/m/root", "i": "/m/root.img", "f": "ext4"}
    assert info.cmdline(values, image=True) == (
        "root=/dev/vda3 rootfstype=ext4 rw console=tty0 quiet splash "
        "rootflags=defaults,noatime,nodiratime loop=/m/root.img loopfstype=ext4"
    )
    assert info.cmdline(values, image=False).endswith("nodiratime rootsubdir=/m/root")
    assert info.plain_cmdline == ("rw console=tty0 quiet splash rootflags=defaults,noatime,nodiratime")


def changed(**values: str) -> bytes:
    """Return the template with other values."""
    lines = [f'{key}="{value}"'.encode() for key, value in values.items()]
    return b"\n".join([TEMPLATE, *lines])  # the last value of a key counts


def test_paths_beside_the_root_and_wildcards_are_read() -> None:
    text = changed(kernel_path="./kernels//zImage*", dtb_path="%r/boot/a.dtb", root_img="%m/a/b")
    info = rom_info.parse(text)
    assert info.kernel == BootFile("kernels/zImage", inside=False, wildcard=True)
    assert (info.dtb, info.dtb_named) == (BootFile("boot/a.dtb", inside=True, wildcard=False), True)
    assert info.root_image == "a/b"


def test_an_empty_value_is_none() -> None:
    info = rom_info.parse(TEMPLATE.replace(b'"%r/boot/initrd.img"', b'""'))
    assert info.initrd is None
    assert rom_info.parse(changed(initrd_path="", root_img="")).root_image == "root.img"


def test_aliases_are_replaced_once_and_others_are_left_out() -> None:
    info = rom_info.parse(changed(base_cmdline="a=%z b%b %d%%", dir_cmdline="c=%s%"))
    values = {"b": "", "d": "%s", "s": "50%f", "f": "ext4"}
    assert info.cmdline(values, image=False) == "a= b %s c=50%f"


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"type": "halium"}, "its type is 'halium', not 'kexec'"),
        ({"root_img": "/media/0/multirom/roms/other/root.img"}, "its root_img is "),
        ({"root_img": "%m/../other/root.img"}, "its root_img is "),
        ({"kernel_path": "%r"}, "its kernel_path is "),
        ({"root_dir": "%mroot"}, "its root_dir is "),
        ({"root_dir": "%m/"}, "its root_dir is "),
        ({"root_dir": "%m/%m"}, "its root_dir is "),
        ({"kernel_path": "%r/../../etc/shadow"}, "its kernel_path is "),
        ({"kernel_path": "boot*/vmlinuz"}, "its kernel_path is "),
        ({"kernel_path": "*"}, "its kernel_path is "),
        ({"kernel_path": "%r/boot/*"}, "its kernel_path is "),
        ({"root_img_fs": "ext4 -o exec"}, "its root_img_fs is "),
        ({"base_cmdline": "a\x1b[2Jb"}, "the value of base_cmdline holds control characters"),
    ],
)
def test_what_is_wrong_is_refused(values: dict[str, str], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        rom_info.parse(changed(**values))
    assert caught.value.what.startswith(f"rom_info.txt cannot be used: {problem}")


@pytest.mark.parametrize("key", ["type", "kernel_path", "base_cmdline", "root"])
def test_what_is_missing_is_told(key: str) -> None:
    lines = [line for line in TEMPLATE.split(b"\n") if not line.startswith(key.encode())]
    with pytest.raises(InputError, match=f"it says no {key}"):
        rom_info.parse(b"\n".join(lines))


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(InputError, match="more than 65536"):
        rom_info.parse(b"#" * (rom_info.LIMIT + 1))


_LINES = st.sampled_from([*TEMPLATE.split(b"\n"), b'root_img="', b'kernel_path="%r/.."', b"=", b'""'])


@given(st.lists(_LINES | st.binary(max_size=60), max_size=20))
def test_no_path_leads_out_of_the_folder(lines: list[bytes]) -> None:
    with contextlib.suppress(InputError):
        info = rom_info.parse(b"\n".join(lines))
        files = [info.kernel, info.dtb, *([info.initrd] if info.initrd else [])]
        for path in (info.root_image, info.root_folder, *(one.path for one in files)):
            if path is not None:
                assert path
                assert not path.startswith("/")
                assert not {"..", ".", ""} & set(path.split("/"))
