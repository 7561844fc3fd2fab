"""hardboot plan and the dry run for phones with an older patch: against calculations by hand."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import pytest
from image_builders import arm64_image, dtb, kernel_with_banner, pack, unpacks_to, zimage
from planned import HostPhone, call, rom_image
from ramdisks import ramdisk

from hardboot import profile
from hardboot.base.errors import RefusedError
from hardboot.device.copies import Copy
from hardboot.device.phone import Phone
from hardboot.flows import rom
from hardboot.formats.kernels import atags
from hardboot.layout import Arm64Kernel
from hardboot.transport.base import Output, Transport

MIB = 1 << 20
# What stands for a Nexus 6 with 3 GiB: its real /proc/iomem was never found.
IOMEM = "00000000-0d9fffff : System RAM\n0fb00000-bfffffff : System RAM\n"
TREE = "/ { #address-cells = <2>; #size-cells = <2>; qcom,msm-id = <178 0x47 0x8000>; };"


def old_kernel(address: int, size: int, unpacked: int) -> bytes:
    """Return a zImage of `size` bytes like those up to 3.10: no stated sizes, a fixed address."""
    body = bytearray(unpacked)
    body[100_000 : 100_000 + len(BANNER)] = BANNER
    payload = pack(bytes(body), "gzip")
    options: dict[str, Any] = {"tags": b"", "code": unpacks_to(address)}
    head = len(zimage(payload=payload, **options)) - len(payload)
    found = zimage(payload=payload + bytes(size - head - len(payload)), **options)
    assert abs(len(found) - size) <= 8
    return found[:-8] if len(found) > size else found


BANNER = b"Linux version 3.10.40-test (who@where) (gcc 4.9) #1 SMP PREEMPT\n"


def test_the_nexus_6_with_a_zimage_dtb_of_10_mib_is_planned_as_by_hand(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    tree = dtb(TREE, pad=0x1000)
    kernel = old_kernel(0x8000, 10 * MIB - 0x2000, 16 * MIB)
    kernel += tree + bytes(10 * MIB - len(kernel) - len(tree))
    assert len(kernel) == 10 * MIB
    image = rom_image(tmp_path, kernel_data=kernel, ramdisk=ramdisk(8 * MIB))
    (tmp_path / "iomem").write_text(IOMEM)
    out, _ = call(capsys, "--json", "plan", image, "--device", "shamu", "--iomem", tmp_path / "iomem")
    plan = json.loads(out)

    # What is known of the phone: MR_KEXEC_MEM_MIN 0x20000000, KEXEC_HB_KERNEL_LOC 0x3208000, r2 of its
    # bootloader 0x01e00000, KEXEC_HB_PAGE_ADDR 0x3e9df000, ramoops 0x3e9e0000 + 0x100000, zreladdr 0x8000.
    #
    # The zImage without its tree has 0xa00000 - 0x2000 = 0x9fe000 bytes. One zero word is wanted behind it,
    # so its segment has 0x9ff000. Free RAM from mem_min on ends with lowmem: 0xff000000 - 8 MiB - 240 MiB of
    # vmalloc - 0xc0000000 = 0x2f800000. It starts at a whole MiB, 0x20000000, and ends at 0x209ff000.
    # The ramdisk, 8 MiB = 0x800000, starts at the next MiB, 0x20a00000, and ends at 0x21200000.
    # The tree starts there.
    segments = {one["name"]: (one["start"], one["end"]) for one in plan["segments"]}
    assert segments["zImage"] == (0x20000000, 0x209FF000)
    assert segments["initrd"] == (0x20A00000, 0x21200000)
    assert segments["dtb"][0] == 0x21200000
    tree_size = segments["dtb"][1] - segments["dtb"][0]
    assert tree_size % 0x1000 == 0
    assert next(one["bytes"] for one in plan["segments"] if one["name"] == "zImage") == 0x9FE000
    assert (plan["entry"], plan["dtb"], plan["flag"]) == (0x20000000, 0x21200000, 4)
    assert plan["initrd"] == {"start": 0x20A00000, "end": 0x21200000}

    # After the reset the host kernel copies the tree to r2 and the zImage to KERNEL_LOC, and jumps there. The
    # decompressor has 0x1000 of stack and 0x10000 of heap behind itself, and a page for its BSS. It writes
    # page tables from 0x8000 - 0x5000 on, 16 MiB of kernel from 0x8000 on, and behind that the kernel clears
    # a BSS of at most 4 MiB: up to 0x8000 + 0x1400000 = 0x1408000, below the tree.
    extents = {one["name"]: (one["start"], one["end"]) for one in plan["extents"]}
    assert extents["dtb moved by the host kernel"] == (0x01E00000, 0x01E00000 + tree_size)
    assert extents["zImage moved by the host kernel"] == (0x03208000, 0x03208000 + 0x9FF000)
    assert extents["zImage heap"] == (0x03C07000, 0x03C07000 + 0x12000)
    assert extents["unpacked kernel"] == (0x3000, 0x1408000)
    assert extents["hardboot page"] == (0x3E9DF000, 0x3E9E0000)
    assert extents["ramoops"] == (0x3E9E0000, 0x3EAE0000)
    assert plan["release"] == "3.10.40-test"
    assert plan["complete"] is True


@pytest.mark.parametrize("how", [None, "gzip"])
def test_an_arm64_kernel_is_unpacked_and_planned_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, how: str | None
) -> None:
    body = arm64_image(kernel_with_banner("3.10.73-test"), bss=0x10000, flags=0)
    tree = dtb(TREE)
    image = rom_image(tmp_path, kernel_data=(pack(body, how) if how else body) + tree)
    found = rom.read(image)
    assert isinstance(found.kernel, Arm64Kernel)
    assert bytes(found.kernel.data) == body
    assert found.release == "3.10.73-test"
    (tmp_path / "iomem").write_text(IOMEM)
    out, _ = call(capsys, "--json", "plan", image, "--device", "angler", "--iomem", tmp_path / "iomem")
    plan = json.loads(out)
    assert plan["entry"] == 0x80000
    assert plan["complete"] is True
    _, errors = call(capsys, "plan", image, "--device", "shamu", "--iomem", tmp_path / "iomem", code=4)
    assert "the ROM's kernel is for arm64" in errors


class AtagsPhone(HostPhone):
    """A phone without device trees."""

    tags: bytes | None = None
    iomem = "80200000-887fffff : System RAM\n90000000-fdffffff : System RAM\n"

    def fetch(self, copy: Copy, answer: Output) -> bytes | None:
        return self.tags if copy.path == "/proc/atags" else super().fetch(copy, answer)

    def fetch_device_tree(self, answer: Output) -> None:
        raise AssertionError("it has none")


def atags_phone(monkeypatch: pytest.MonkeyPatch, tags: bytes | None, image: Path) -> None:
    phone = AtagsPhone(cast(Transport, None), profile.load("mako"), "1")
    phone.tags, phone.header = tags, image.read_bytes()[:4096]
    monkeypatch.setattr("hardboot.device.phone.connected", lambda *_, **__: nullcontext(phone))


def atags_rom(tmp_path: Path) -> Path:
    return rom_image(tmp_path, kernel_data=old_kernel(0x80208000, MIB, 2 * MIB))


def test_a_phone_with_atags_gives_its_own_to_the_guest(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = atags.build((atags.Tag(atags.CORE), atags.Tag(atags.SERIAL, b"12345678")))
    image = atags_rom(tmp_path)
    atags_phone(monkeypatch, tags, image)
    out, _ = call(capsys, "--json", "boot", image, "--dry-run")
    plan = json.loads(out)["plan"]
    segment = next(one for one in plan["segments"] if one["name"] == "atags")
    assert segment["start"] == plan["dtb"] == plan["entry"] - 0x7000
    line = plan["cmdline"].encode() + b"\0"
    # CORE without values, SERIAL, CMDLINE, INITRD2, the end.
    assert segment["bytes"] == 8 + 16 + 8 + -(-len(line) // 4) * 4 + 16 + 8
    moved = next(one for one in plan["extents"] if one["name"] == "atags moved by the host kernel")
    assert (moved["start"], moved["end"]) == (0x80200100, 0x80200100 + segment["bytes"])


@pytest.mark.parametrize(
    ("tags", "code", "message"),
    [
        (None, 4, "shows no /proc/atags"),
        (bytes(1024), 3, "ATAGS: first tag"),
        (b"\2\0\0\0", 3, "does not end"),
    ],
)
def test_atags_that_are_missing_or_damaged_are_refused(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tags: bytes | None,
    code: int,
    message: str,
) -> None:
    image = atags_rom(tmp_path)
    atags_phone(monkeypatch, tags, image)
    _, errors = call(capsys, "boot", image, "--dry-run", code=code)
    assert message in errors


def test_offline_a_phone_with_atags_is_planned_with_a_stand_in(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "iomem").write_text("80200000-887fffff : System RAM\n")
    image = atags_rom(tmp_path)
    out, _ = call(capsys, "--json", "plan", image, "--device", "mako", "--iomem", tmp_path / "iomem")
    plan = json.loads(out)
    assert plan["complete"] is False
    assert plan["dtb_source"] == "none: this phone's kernels get ATAGS"


@pytest.mark.parametrize(("end", "page"), [("7fefffff", 0x7D800000), ("dfffffff", 0xDD800000)])
def test_the_end_of_ram_tells_the_model_to_all_that_looks_at_the_page(end: str, page: int) -> None:
    class Model(Phone):
        def read(self, command: str, *, timeout_s: float = 0) -> str:
            return f"00000000-{end} : System RAM\n"

    phone = Model(cast(Transport, None), profile.load("g3"), "1")
    with pytest.raises(RefusedError):
        _ = phone.profile.page
    phone.tell_model()
    assert phone.profile.hardboot.page == page


def test_a_phone_of_one_model_is_not_asked_for_its_ram() -> None:
    phone = Phone(cast(Transport, None), profile.load("shamu"), "1")
    phone.tell_model()
    assert phone.profile == profile.load("shamu")
