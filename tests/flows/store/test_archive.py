"""Backups of ROMs: a plain tar archive, checked when it is read, and the same ROM again."""

import hashlib
import io
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import store_setup as setup
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from in_process import hardboot
from store_setup import StorePhone
from told import raises

from hardboot.base.errors import InputError
from hardboot.base.process import find_tool
from hardboot.flows.store import add, archive, stored
from hardboot.flows.store.place import STORE
from hardboot.formats.archives.decoders import zstd

Members = list[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StorePhone:
    return setup.with_linux(monkeypatch, tmp_path)


@pytest.fixture
def saved(phone: StorePhone, tmp_path: Path) -> Path:
    path = tmp_path / "linux.tar.zst"
    archive.save(phone.phone, stored.find(phone.phone, "linux"), path)
    return path


def members(path: Path) -> Members:
    with zstd.open(path, "rb") as packed, tarfile.open(fileobj=packed, mode="r|") as found:
        read: Members = []
        for info in found:
            stream = found.extractfile(info)
            assert stream
            read.append((info, stream.read()))
        return read


def written(path: Path, changed: Members) -> Path:
    with zstd.open(path, "wb") as packed, tarfile.open(fileobj=packed, mode="w|") as made:
        for info, content in changed:
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return path


def parsed(path: Path, folder: Path) -> tuple[object, ...]:
    """Return all that a backup says."""
    folder.mkdir(exist_ok=True)
    with archive.opened(path, folder, name=None) as new:
        images = {name: (bytes(one.data), one.changes, one.read_only) for name, one in new.images.items()}
        boot = {name: bytes(one) for name, one in new.boot.items()}
        return new.name, new.kind, images, boot, new.root, new.description, new.release, new.cmdline


def test_gnu_tar_and_sha256sum_read_it(saved: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    find_tool("zstd", "zstd")
    subprocess.run([find_tool("tar", "tar"), "--zstd", "-xf", saved, "-C", folder], check=True, timeout=30)
    assert (folder / "root.img").read_bytes() == setup.ROOT
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, timeout=30)
    assert checked.returncode == 0, checked.stdout


def test_a_rom_is_restored_as_it_was_also_as_a_copy(phone: StorePhone, saved: Path, tmp_path: Path) -> None:
    known = stored.find(phone.phone, "linux")
    (tmp_path / "work").mkdir()
    with archive.opened(saved, tmp_path / "work", name="copy") as new:
        made = add.add(phone.phone, new, add.check(phone.phone, new))
    assert phone.names() == ["copy", "linux"]
    for name in ("root.img", "boot-boot.img"):
        assert phone.content(f"copy/{name}") == phone.content(f"linux/{name}")
    assert (made.kind, made.root, made.release, made.boot) == (
        known.kind,
        known.root,
        known.release,
        known.boot,
    )
    assert made.images[0].runs != known.images[0].runs


def _drop_last(found: Members) -> Members:
    return found[:-1]


def _damage(found: Members) -> Members:
    return [(info, content[::-1] if info.name == "root.img" else content) for info, content in found]


def _grow(found: Members) -> Members:
    return [(info, content + bytes(4096) if info.name == "root.img" else content) for info, content in found]


def _escape(found: Members) -> Members:
    for info, _ in found:
        info.name = info.name.replace("root.img", "../root.img")
    return found


def _twice(found: Members) -> Members:
    return [*found[:2], found[1], *found[2:]]


def _link(found: Members) -> Members:
    link = tarfile.TarInfo("root.img")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return [found[0], (link, b""), *found[1:]]


def _without_manifest(found: Members) -> Members:
    return found[1:]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (_drop_last, "it is cut off"),
        (_damage, "its content does not fit its checksums"),
        (_grow, "it does not hold what its manifest lists"),
        (_escape, "it does not hold what its manifest lists"),
        (_twice, "it does not hold what its manifest lists"),
        (_link, "it holds something else than files"),
        (_without_manifest, "it does not begin with a manifest"),
    ],
)
def test_what_is_not_a_whole_backup_is_refused(
    saved: Path, tmp_path: Path, change: Callable[[Members], Members], problem: str
) -> None:
    path = written(tmp_path / "changed.tar.zst", change(members(saved)))
    with pytest.raises(InputError) as caught:
        parsed(path, tmp_path / "work")
    assert caught.value.what.endswith(f"no usable backup of a ROM: {problem}")
    assert not (tmp_path / "root.img").exists()


def test_a_cut_file_is_refused_wherever_it_is_cut(saved: Path, tmp_path: Path) -> None:
    content = saved.read_bytes()
    for size in range(0, len(content), max(1, len(content) // 40)):
        path = tmp_path / "cut.tar.zst"
        path.write_bytes(content[:size])
        with pytest.raises(InputError):
            parsed(path, tmp_path / "work")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(data=st.data())
def test_a_changed_byte_changes_nothing_or_is_refused(
    saved: Path, tmp_path: Path, data: st.DataObject
) -> None:
    content = bytearray(saved.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "changed.tar.zst"
    path.write_bytes(content)
    try:
        changed = parsed(path, tmp_path / "work")
    except InputError:
        return
    assert changed == parsed(saved, tmp_path / "work")


def test_a_backup_that_cannot_be_read_whole_leaves_no_file(phone: StorePhone, tmp_path: Path) -> None:
    known = stored.find(phone.phone, "linux")
    phone.scripted.files.remove("/data/hardboot/roms/linux/root.img")
    with pytest.raises(Exception, match=r".") as caught:
        archive.save(phone.phone, known, tmp_path / "never.tar.zst")
    assert getattr(caught.value, "exit_code", 1) == 5
    assert not (tmp_path / "never.tar.zst").exists()


@pytest.mark.parametrize("file", ["boot-boot.img", "system.img"])
def test_no_backup_is_made_of_a_rom_that_it_could_not_restore(
    phone: StorePhone, tmp_path: Path, file: str
) -> None:
    new = setup.android(tmp_path)
    made = add.add(phone.phone, new, add.check(phone.phone, new))
    node = phone.scripted.files.find(f"{STORE}/droid/{file}")
    assert node
    node.write(5, b"damaged")
    with raises(
        InputError,
        f"{STORE}/droid/{file} on the phone is damaged, or not what was added",
        "No backup was written.",
        "Remove the ROM and add it again, or restore a backup: hardboot rom restore FILE",
    ):
        archive.save(phone.phone, made, tmp_path / "never.tar.zst")
    assert not (tmp_path / "never.tar.zst").exists()


def test_a_backup_with_the_name_of_the_phones_own_system_needs_another_one(
    phone: StorePhone, saved: Path, tmp_path: Path
) -> None:
    found = members(saved)
    changed = [(info, content.replace(b'"linux"', b'"home"', 1)) for info, content in found[:-1]]
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {info.name}\n" for info, content in changed)
    path = written(tmp_path / "home.tar.zst", [*changed, (found[-1][0], sums.encode())])
    ran = hardboot("rom", "restore", path)
    assert (ran.returncode, phone.names()) == (3, ["linux"])
    assert "no ROM can be called home" in ran.stderr
    assert hardboot("rom", "restore", path, "--name", "second").returncode == 0
    assert phone.names() == ["linux", "second"]
