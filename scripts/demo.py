"""Show the main job from start to end, with the commands that users type. Run it with `make demo`.

`make demo PHONE=virt-arm64` shows it on the phone with slots. It uses a virtual phone of its own ("demo",
"demo-virt-arm64"); your phones and other virtual phones are not touched.
"""

import json
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from hardboot.base.files import sha256_file
from hardboot.virtual import classic, machine, model

FOLDER = Path("build/demo")
TIMEOUT_S = 2 * 3600


def run(*words: str | Path) -> None:
    """Print a command and run it."""
    hardboot(words, subprocess.DEVNULL, None)


def ask(*words: str | Path) -> Any:
    """Print a command, run it with --json, and return its document."""
    return json.loads(hardboot(words, subprocess.DEVNULL, subprocess.PIPE, "--json"))


def hardboot(words: tuple[str | Path, ...], stdin: int, stdout: int | None, *options: str) -> str:
    """Run hardboot and return its output; a failure ends the demo with its exit code."""
    shown = shlex.join(["hardboot", *options, *map(str, words)])
    print(f"\n$ {shown}", flush=True)
    command = [sys.executable, "-m", "hardboot", *options, *map(str, words)]
    done = subprocess.run(command, stdin=stdin, stdout=stdout, text=True, timeout=TIMEOUT_S)
    if done.returncode:
        print(f"demo: `{shown}` failed with exit code {done.returncode}", file=sys.stderr)
        sys.exit(done.returncode)
    return done.stdout or ""


def boot_partition(name: str) -> str:
    """Return the SHA-256 of the boot partition on the disk of the phone `name`, read from outside."""
    kind = machine.find_model(name)
    place = kind.table.place("boot" if kind.name == classic.NAME else "boot_a")
    copy = FOLDER / "boot-partition.img"
    with (machine.folder(name) / "disk.img").open("rb") as disk, copy.open("wb") as target:
        disk.seek(place.offset)
        target.write(disk.read(place.size))
    return sha256_file(copy)


def main() -> None:
    """Patch, build, flash, restart, boot from RAM, and check the result from outside the phone."""
    device = sys.argv[1] if len(sys.argv) > 1 else classic.NAME
    name = "demo" if device == classic.NAME else f"demo-{device}"
    arch = model.find(device).target.arch
    start = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    tree, kernel, host, rom = (FOLDER / part for part in ("linux", "kernel", "host.img", "rom"))

    print("1. Start a new phone: stock kernel, unlocked, rooted")
    machine.stop(name)
    run("virtual", "start", "--device", device, "--name", name, "--reset-disk")
    phone = machine.status(name)
    factory = phone.factory_image
    serial = ("--serial", str(phone.serial))

    print("\n2. Build a host kernel: unpack the source, patch it for this phone, build it")
    run("virtual", "source", tree)
    run("patch", "apply", tree, "--device", device)
    run("virtual", "kernel", tree, "--arch", arch, "-o", kernel)
    boot = factory / "boot.img" if factory.is_dir() else factory
    run("host-image", boot, "--kernel", kernel, "-o", host)
    shutil.rmtree(tree)

    print("\n3. Flash it over ADB, and restart through the bootloader")
    run(*serial, "flash-host-kernel", host, "--yes", "--reboot")

    print("\n4. Boot a ROM without flashing it: Debian's unmodified kernel, packed by mkbootimg")
    run("virtual", "rom", rom, "--device", device)
    before, resets = boot_partition(name), machine.status(name).resets
    done = ask(*serial, "boot", rom)

    print("\n5. Check the result from outside the phone")
    after, now = boot_partition(name), machine.status(name).resets
    print(f"  hardware resets while booting the ROM  {now - resets} (counted by QEMU)")
    print(f"  boot partition before                  {before[:32]}…")
    print(f"  boot partition after                   {after[:32]}…")
    machine.stop(name)
    if before != after or now - resets != 1 or done["outcome"] != "guest-up":
        print("demo: unexpected result", file=sys.stderr)
        sys.exit(1)
    print("\n  phase            seconds")
    for phase in done["phases"]:
        print(f"  {phase['name']:<16} {phase['seconds']:7.1f}")
    print(f"  {'whole demo':<16} {time.monotonic() - start:7.1f}")
    print(f"\n  host kernel   {done['host']['release']}, boot id {done['host']['boot_id']}")
    print(f"  guest kernel  {done['guest']['release']}, boot id {done['guest']['boot_id']}")
    print(f"hardboot: guest {done['guest']['release']} is up after a hardware reset")


if __name__ == "__main__":
    main()
