"""File trees: root file systems in tar archives, and the system folder of an old ROM."""

import io
import struct
import subprocess
import tarfile
from pathlib import Path

import ota_builders as build
import pytest
from image_sets import write_zip

from hardboot.base.errors import InputError
from hardboot.downloads import TreeEntry, TreeSource, open_download
from hardboot.formats.ota import updater_script

BOOT = build.image(4)


def entries(tree: TreeSource) -> dict[str, tuple[TreeEntry, bytes]]:
    return {"/".join(entry.parts): (entry, b"".join(entry.content())) for entry in tree.entries()}


def rootfs(folder: Path) -> Path:
    root = folder / "rootfs"
    for name in ("etc", "usr/bin", "var/lib", "dev"):
        (root / name).mkdir(parents=True)
    (root / "etc/hostname").write_text("phone\n")
    (root / "usr/bin/tool").write_bytes(b"\x7fELF" * 1000)
    (root / "usr/bin/tool").chmod(0o4755)
    (root / "usr/bin/alias").hardlink_to(root / "usr/bin/tool")
    (root / "bin").symlink_to("usr/bin")
    (root / "var/lib/boot.img").write_bytes(b"not the ROM's")
    return root


@pytest.mark.parametrize(("option", "kind"), [("", ""), ("-z", "gzip"), ("-J", "xz"), ("--zstd", "zstd")])
def test_a_root_file_system_made_by_tar_is_read(option: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "rootfs.tar"
    command = [
        "tar",
        "-C",
        str(rootfs(tmp_path)),
        "--owner=0",
        "--group=7",
        "-cf",
        str(path),
        *([option] if option else []),
        ".",
    ]
    subprocess.run(command, check=True)
    with open_download(path) as download:
        assert (download.kind, dict(download.images)) == ("root file system", {})
        tree = download.trees["rootfs"]
        assert tree.packing == ((kind, "tar") if kind else ("tar",))
        found = entries(tree)
        assert len(found) == tree.count
        copy = io.BytesIO()
        tree.write_tar(copy)
    assert found["etc/hostname"][1] == b"phone\n"
    tool = {name: found[name][0] for name in ("usr/bin/tool", "usr/bin/alias")}
    assert {entry.kind for entry in tool.values()} == {"file", "hard link"}
    assert {(entry.mode, entry.uid, entry.gid) for entry in tool.values()} == {(0o4755, 0, 7)}
    assert (found["bin"][0].kind, found["bin"][0].target) == ("link", "usr/bin")
    extracted = tmp_path / "extracted"
    extracted.mkdir()
    subprocess.run(["tar", "-C", extracted, "-x"], input=copy.getvalue(), check=True)
    subprocess.run(["diff", "-r", "--no-dereference", tmp_path / "rootfs", extracted], check=True)


def test_devices_and_attributes_are_kept(tmp_path: Path) -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind in (("etc", tarfile.DIRTYPE), ("usr", tarfile.DIRTYPE), ("dev", tarfile.DIRTYPE)):
            info = tarfile.TarInfo(name)
            info.type = kind
            archive.addfile(info)
        info = tarfile.TarInfo("dev/null")
        info.type, info.devmajor, info.devminor = tarfile.CHRTYPE, 1, 3
        archive.addfile(info)
        info = tarfile.TarInfo("usr/ping")
        info.pax_headers = {"SCHILY.xattr.security.capability": "\1\0\0\2"}
        archive.addfile(info)
    path = tmp_path / "a.tar"
    path.write_bytes(target.getvalue())
    with open_download(path) as download:
        copy = io.BytesIO()
        download.trees["rootfs"].write_tar(copy)
        path.write_bytes(copy.getvalue())
        found = entries(download.trees["rootfs"])
    with open_download(path) as download:
        assert {name: entry.kind for name, (entry, _) in entries(download.trees["rootfs"]).items()} == {
            name: entry.kind for name, (entry, _) in found.items()
        }
        again = entries(download.trees["rootfs"])
    for one in (found, again):
        assert (one["dev/null"][0].kind, one["dev/null"][0].device) == ("character device", (1, 3))
        assert one["usr/ping"][0].xattrs == {"security.capability": b"\1\0\0\2"}


@pytest.mark.parametrize("name", ["../../etc/passwd", "usr/../../x", "usr/" + "x" * 256])
def test_a_path_that_leads_out_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(build.tar({"etc/x": b"", "usr/x": b"", "var/x": b"", name: b"x"}))
    with (
        open_download(path) as download,
        pytest.raises(InputError, match="leads out of the archive, or no file"),
    ):
        entries(download.trees["rootfs"])


SCRIPT = b"""
assert(getprop("ro.product.device") == "hammerhead");
package_extract_dir("system", "/system");
symlink("toolbox", "/system/bin/cat",
        "/system/bin/chmod");
symlink("../x", "/data/elsewhere");
set_metadata_recursive("/system", "uid", 0, "gid", 0, "dmode", 0755, "fmode", 0644, "capabilities", 0x0,
                       "selabel", "u:object_r:system_file:s0");
set_metadata_recursive("/system/bin", "uid", 0, "gid", 2000, "dmode", 0755, "fmode", 0755);
set_metadata("/system/bin/run-as", "uid", 0, "gid", 2000, "mode", 0750, "capabilities", 0xc0,
             "selabel", "u:object_r:runas_exec:s0");
package_extract_file("boot.img", "/dev/block/boot");
"""
OLD_SCRIPT = b"""
set_perm_recursive(0, 0, 0755, 0644, "/system");
set_perm_recursive(0, 2000, 0755, 0755, "/system/bin");
set_perm(0, 3003, 06755, "/system/bin/run-as");
"""
SYSTEM = {
    "system/build.prop": b"ro.x=y\n",
    "system/bin/toolbox": b"\x7fELF",
    "system/bin/run-as": b"\x7fELF",
    "system/media/boot.img": b"an animation",
}
WHERE = "META-INF/com/google/android/updater-script"


def test_the_system_folder_of_an_old_rom_is_read(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "cm.zip", {"boot.img": BOOT, WHERE: SCRIPT, **SYSTEM})
    with open_download(path) as download:
        assert {name: b"".join(one.blocks()) for name, one in download.images.items()} == {"boot": BOOT}
        tree = download.trees["system"]
        found = entries(tree)
        assert len(found) == tree.count
    assert {name: entry.kind for name, (entry, _) in found.items()} == {
        "": "folder",
        "bin": "folder",
        "media": "folder",
        "build.prop": "file",
        "bin/toolbox": "file",
        "bin/run-as": "file",
        "media/boot.img": "file",
        "bin/cat": "link",
        "bin/chmod": "link",
    }
    assert found["build.prop"][1] == b"ro.x=y\n"
    assert found["bin/cat"][0].target == "toolbox"
    label = {"security.selinux": b"u:object_r:system_file:s0\0"}
    for name, gid, mode in (("build.prop", 0, 0o644), ("bin/toolbox", 2000, 0o755), ("bin", 2000, 0o755)):
        entry = found[name][0]
        assert (entry.uid, entry.gid, entry.mode, entry.xattrs) == (0, gid, mode, label)
    run_as = found["bin/run-as"][0]
    assert (run_as.gid, run_as.mode) == (2000, 0o750)
    assert run_as.xattrs == {
        "security.selinux": b"u:object_r:runas_exec:s0\0",
        "security.capability": struct.pack("<5I", 0x02000001, 0xC0, 0, 0, 0),
    }


def test_permissions_as_android_up_to_4_3_sets_them_are_read(tmp_path: Path) -> None:
    with open_download(write_zip(tmp_path / "cm.zip", {WHERE: OLD_SCRIPT, **SYSTEM})) as download:
        found = entries(download.trees["system"])
    modes = {
        name: (found[name][0].gid, found[name][0].mode)
        for name in ("build.prop", "bin/toolbox", "bin/run-as")
    }
    assert modes == {"build.prop": (0, 0o644), "bin/toolbox": (2000, 0o755), "bin/run-as": (3003, 0o6755)}


def test_a_system_folder_without_a_script_says_so(tmp_path: Path) -> None:
    with open_download(write_zip(tmp_path / "a.zip", SYSTEM)) as download:
        assert download.trees["system"].note == "owners and permissions are not stated (no updater-script)"
        assert entries(download.trees["system"])["bin/toolbox"][0].mode == 0o644


def test_a_script_or_path_that_leads_out_is_refused(tmp_path: Path) -> None:
    for members in (
        {WHERE: b'symlink("x", "/system/../../etc/passwd");', **SYSTEM},
        {**SYSTEM, "system/../../x": b""},
    ):
        with (
            pytest.raises(InputError, match="leads out of the archive"),
            open_download(write_zip(tmp_path / "a.zip", members)) as download,
        ):
            entries(download.trees["system"])


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (b"\xff", "it is no text"),
        (b'set_perm(0, 0, "/system/x");', "set_perm at offset 0x0: 3 arguments"),
        (b'set_metadata("/x", "uid");', "set_metadata at offset 0x0: 2 arguments"),
        (b'set_perm(0, 0, 09, "/system/x");', "'09' is no number"),
        (b'set_perm(0, 0, 0x1ffffffffffffffff, "/x");', "0x1ffffffffffffffff is too large"),
        (b'symlink("a\\"b", "/system/x");', "is no argument"),
    ],
)
def test_a_damaged_script_is_refused(script: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        updater_script.parse(script)


def test_limits_of_a_script_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updater_script, "MAX_RULES", 2)
    with pytest.raises(InputError, match="more than 2 calls"):
        updater_script.parse(SCRIPT)
    monkeypatch.setattr(updater_script, "MAX_SCRIPT", 9)
    with pytest.raises(InputError, match="the limit is 9"):
        updater_script.parse(SCRIPT)
