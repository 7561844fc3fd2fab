"""MultiROM's folder on a phone: listed, imported, and never written to."""

import contextlib
import json
from pathlib import Path

import multirom_folders
import multirom_setup
import pytest
import store_setup as setup
from cuts import KINDS, Cut, CutTransport, Killed, Kind
from in_process import hardboot
from multirom_folders import BASE, ROM_INFO
from multirom_setup import BOOT, EXT4, INITRD, KERNEL, change, injected
from scripted_phone.files import Link
from scripted_phone.image_files import images_of
from store_setup import StorePhone
from told import raises

from hardboot.base.errors import HardbootError, InputError, RefusedError
from hardboot.flows.store import add, archive, multirom, multirom_import, stored
from hardboot.flows.store.place import RESERVE
from hardboot.flows.store.start import StoredSource
from hardboot.formats.boot import bootimg

phone = multirom_setup.phone


def test_each_type_is_listed_with_its_kernel_and_what_can_be_done(phone: StorePhone) -> None:
    assert hardboot("rom", "list").stdout.splitlines() == [
        "No ROMs. Add one: hardboot rom add NAME IMAGE",
        "",
        f"MultiROM, {BASE}",
        "multirom:Android  Android in folders, the phone's kernel (only listed: it shares the phone's "
        "kernel: only MultiROM's own menu starts it)",
        "multirom:Chosen  Android in folders, its own kernel (boot.img) (rom boot)",
        "multirom:In images  Android in images, its own kernel (boot.img) (rom import)",
        "multirom:Linux  Linux (rom_info.txt), its own kernel (rom_info.txt) (rom boot or import)",
        "multirom:LinuxFolder  Linux (rom_info.txt), its own kernel (rom_info.txt) (rom boot or import)",
        "multirom:Sparse  Android in images, its own kernel (boot.img) (rom import)",
        "multirom:Ubuntu  Ubuntu 13.04, its own kernel (boot.img) (only listed: it has no rom_info.txt, "
        "which MultiROM writes as soon as its menu lists the ROM)",
        "multirom:Ubuntu old  Ubuntu 12.10, the phone's kernel (only listed: MultiROM itself does not "
        "support it any more)",
    ]
    listed = json.loads(hardboot("--json", "rom", "list").stdout)["multirom"]
    assert listed["folder"] == BASE
    assert listed["roms"][2] == {
        "name": "multirom:In images",
        "type": "android-images",
        "kernel": "its own kernel (boot.img)",
        "not_booted": "its trampoline starts the ROM that multirom.ini names: Chosen",
        "not_imported": None,
    }


def test_the_folder_of_the_forks_comes_first_and_a_phone_without_any_lists_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    phone = setup.connected(monkeypatch, tmp_path)
    assert multirom.find(phone.phone) is None
    assert json.loads(hardboot("--json", "rom", "list").stdout)["multirom"] is None
    with pytest.raises(InputError, match="it has no folder of MultiROM"):
        multirom.get(phone.phone, "x")
    multirom_folders.put(phone.scripted, {})
    phone.scripted.files.nodes[f"{BASE}/roms/linked"] = Link(target=f"{BASE}/roms/Linux")
    listed = multirom.find(phone.phone)
    assert listed
    assert "linked" not in [one.name for one in listed.roms]
    fork = "/data/media/0/MultiROM/multirom"
    phone.scripted.make_folder(f"{fork}/roms")
    found = multirom.find(phone.phone)
    assert found == multirom.MultiRomFolder(fork, ())
    assert hardboot("rom", "list").stdout.splitlines()[-2:] == [f"MultiROM, {fork}", "No ROMs."]


def test_a_linux_rom_in_an_image_is_imported_with_its_kernel_out_of_the_image(phone: StorePhone) -> None:
    done = hardboot("--json", "rom", "import", "Linux")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert (made["name"], made["kind"], made["root"]) == ("Linux", "linux", "root")
    assert phone.content("Linux/root.img") == EXT4
    boot = bootimg.parse(phone.content("Linux/boot-boot.img"))
    assert (bytes(boot.kernel), bytes(boot.ramdisk)) == (KERNEL, INITRD)
    assert boot.cmdline == "rw console=tty0 quiet splash rootflags=defaults,noatime,nodiratime"
    assert images_of(phone.scripted.files).mounts[0] == ("replay", "ext4")
    assert phone.phone.pushed_bytes < len(EXT4)  # copied on the phone


def test_a_linux_rom_in_a_folder_is_copied_into_a_new_file_system(phone: StorePhone) -> None:
    images = images_of(phone.scripted.files)
    images.of("hardboot.folder.root").update(BOOT)
    scripts: list[str] = []

    def run(script: str) -> tuple[str, int]:
        scripts.append(script)
        return "", 0

    images.answer = run
    refused = hardboot("rom", "import", "LinuxFolder")
    assert refused.returncode == 3
    assert "hardboot rom import LinuxFolder --data 4G" in refused.stderr
    for source in ("Linux", "In images"):
        refused = hardboot("rom", "import", source, "--data", "4M")
        assert refused.returncode == 3
        assert f"the files of multirom:{source} lie in images, which keep their sizes" in refused.stderr
    done = hardboot("--json", "rom", "import", "multirom:LinuxFolder", "--name", "folder", "--data", "4M")
    assert done.returncode == 0, done.stderr
    assert f"cp -a {BASE}/roms/LinuxFolder/root/. ." in scripts[0]
    assert [one["size"] for one in json.loads(done.stdout)["images"]] == [4 << 20]
    assert [access for access, _ in images.mounts[:2]] == ["rw", "replay"]


def test_an_android_rom_in_images_is_imported_and_starts_without_the_trampoline(phone: StorePhone) -> None:
    for source, name in (("In images", "In-images"), ("Sparse", "Sparse")):
        done = hardboot("--json", "rom", "import", source)
        assert done.returncode == 0, done.stderr
        warning = (
            f"firmware.img of multirom:{source} is not copied: the new ROM runs with the phone's own firmware"
        )
        assert (warning in done.stderr) == (source == "In images")
        made = json.loads(done.stdout)
        assert (made["name"], made["kind"], made["init"]) == (name, "android", "/main_init")
        assert [(one["name"], one["read_only"]) for one in made["images"]] == [
            ("system", True),
            ("data", False),
            ("cache", False),
        ]
        assert phone.content(f"{name}/data.img") == EXT4
        assert phone.content(f"{name}/boot-boot.img") == injected()
    started = StoredSource(stored.find(phone.phone, "Sparse")).complete(phone.phone).ramdisks()
    assert b"init /main_init\n" in bytes(started)
    assert b"/dev/block/dm-1 /data ext4" in bytes(started)


def test_room_for_the_start_files_is_asked_for_before_anything_is_copied(phone: StorePhone) -> None:
    data = phone.scripted.data
    data.capacity = 1 << 40
    free = phone.scripted.files.free("/data")
    assert free is not None
    data.capacity += 3 * len(EXT4) + len(injected()) + RESERVE + (1 << 20) - free
    with pytest.raises(RefusedError, match=r"sparse needs .* on /data, .* are free"):
        multirom_import.import_rom(phone.phone, "Sparse", "sparse", size=None)
    assert phone.names() == []


def test_an_imported_rom_is_restored_as_it_was(phone: StorePhone, tmp_path: Path) -> None:
    made = multirom_import.import_rom(phone.phone, "Sparse", "sparse", size=None)
    archive.save(phone.phone, made, tmp_path / "sparse.tar.zst")
    (tmp_path / "work").mkdir()
    with archive.opened(tmp_path / "sparse.tar.zst", tmp_path / "work", name="copy") as new:
        restored = add.add(phone.phone, new, add.check(phone.phone, new))
    same = ("kind", "init", "boot", "root", "release", "cmdline", "description")
    assert [getattr(restored, name) for name in same] == [getattr(made, name) for name in same]
    assert phone.content("copy/data.img") == EXT4


@pytest.mark.parametrize("kind", KINDS)
def test_wherever_an_import_is_cut_off_the_rom_is_whole_or_absent(phone: StorePhone, kind: Kind) -> None:
    def cut_off(cut: Cut) -> Cut:
        phone.phone.transport = CutTransport(phone.scripted, cut)
        with contextlib.suppress(HardbootError, Killed):
            multirom_import.import_rom(phone.phone, "Linux", "Linux", size=None)
        phone.phone = setup.reconnected(phone).phone
        return cut

    steps = cut_off(Cut()).seen
    assert phone.names() == ["Linux"]
    seen = set()
    for number in range(0, steps, 5):
        stored.remove(phone.phone, "Linux")
        cut_off(Cut(number, kind))
        seen.add(tuple(phone.names()))
        stored.clear(phone.phone, stored.look(phone.phone))
        if "Linux" not in phone.names():
            multirom_import.import_rom(phone.phone, "Linux", "Linux", size=None)
        assert phone.names() == ["Linux"]
        assert phone.content("Linux/root.img") == EXT4
    assert seen <= {(), (".Linux.new",), ("Linux",)}
    assert len(seen) > 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Android", "its files lie in folders of /data, not in images"),
        ("Chosen", "its files lie in folders of /data, not in images"),
        ("Ubuntu", "it has no rom_info.txt, which MultiROM writes as soon as its menu lists the ROM"),
        ("Ubuntu old", "MultiROM itself does not support it any more"),
    ],
)
def test_what_cannot_be_imported_is_told(phone: StorePhone, name: str, reason: str) -> None:
    with raises(
        RefusedError,
        f"multirom:{name} cannot be imported: {reason}",
        "Nothing was written.",
        "Add it anew, from the files that it was installed from: hardboot rom add",
    ):
        multirom_import.import_rom(phone.phone, name, "new", size=None)


def test_an_image_that_is_no_file_system_or_mounted_is_refused(phone: StorePhone) -> None:
    path = f"{BASE}/roms/Linux/root.img"

    def refuses(kind: type[Exception], text: str) -> None:
        with pytest.raises(kind, match=text):
            multirom_import.import_rom(phone.phone, "Linux", "new", size=None)

    phone.scripted.add_file("/sys/block/loop0/loop/backing_file", f"{path}\n")
    refuses(RefusedError, "is mounted: MultiROM runs this ROM now")
    phone.scripted.files.nodes.pop("/sys/block/loop0/loop/backing_file")
    for content, text in (
        (b"\x3a\xff\x26\xed".ljust(4096, b"\0"), "it is an Android sparse image"),
        (bytes(4096), "it holds no file system that is known"),
        (EXT4[:-1], "which is not whole blocks"),
    ):
        change(phone, "Linux/root.img", content)
        refuses(InputError, text)
    change(phone, "Linux/root.img", EXT4)
    node = phone.scripted.files.nodes.pop(path)
    phone.scripted.files.nodes[path] = Link(target=f"{BASE}/roms/In images/data.img")
    refuses(RefusedError, "is a link that leads out|is no plain file")
    phone.scripted.files.nodes[path] = node
    assert phone.names() == []


def test_hostile_rom_infos_and_links_reach_nothing_outside(phone: StorePhone) -> None:
    evil = ROM_INFO.replace(b"%m/root.img", b"%m/../../../../../system/secret")
    change(phone, "Linux/rom_info.txt", evil)
    with pytest.raises(InputError, match="which is no path in the folder of the ROM"):
        multirom_import.import_rom(phone.phone, "Linux", "new", size=None)
    change(phone, "Linux/rom_info.txt", ROM_INFO.replace(b"%r/boot/vmlinuz", b"kernel"))
    kernel = f"{BASE}/roms/Linux/kernel"
    phone.scripted.add_file("/data/secret", KERNEL)
    phone.scripted.files.nodes[kernel] = Link(target="/data/secret")
    with pytest.raises(RefusedError, match="is a link that leads out of it: /data/secret"):
        multirom_import.import_rom(phone.phone, "Linux", "new", size=None)
    phone.scripted.files.nodes.pop(kernel)
    with pytest.raises(InputError, match="multirom:Linux has no kernel: kernel"):
        multirom_import.import_rom(phone.phone, "Linux", "new", size=None)
    assert phone.names() == []
    change(phone, "Linux/rom_info.txt", ROM_INFO)


def test_a_root_folder_that_is_a_link_out_of_the_rom_is_refused(phone: StorePhone) -> None:
    root = f"{BASE}/roms/LinuxFolder/root"
    nodes = {
        path: node for path, node in phone.scripted.files.nodes.items() if f"{path}/".startswith(f"{root}/")
    }
    for path in nodes:
        phone.scripted.files.nodes.pop(path)
    phone.scripted.files.nodes[root] = Link(target="/data/local")
    for words in (("import", "LinuxFolder", "--data", "4M"), ("boot", "multirom:LinuxFolder")):
        done = hardboot("rom", *words)
        assert done.returncode == 4
        assert f"root in {BASE}/roms/LinuxFolder is a link that leads out of it: /data/local" in done.stderr
    phone.scripted.files.nodes.update(nodes)


def test_a_root_file_system_that_is_not_there_is_told(phone: StorePhone) -> None:
    for key in (b"root_dir", b"root_img"):
        info = b"\n".join(line for line in ROM_INFO.split(b"\n") if not line.startswith(key + b"="))
        change(phone, "Linux/rom_info.txt", info.replace(b"root.img", b"gone.img"))
        with pytest.raises(InputError, match=r"multirom:Linux has no root file system: no (gone\.img|root)$"):
            multirom_import.import_rom(phone.phone, "Linux", "new", size=4 << 20)
    change(phone, "Linux/rom_info.txt", ROM_INFO.replace(b"root.img", b"gone.img"))
    done = hardboot("rom", "boot", "multirom:Linux")
    assert done.returncode == 3
    assert "multirom:Linux has no root file system: no gone.img and no root" in done.stderr
    change(phone, "Linux/rom_info.txt", ROM_INFO)
