"""Show the main job from start to end, with the commands that users type. Run it with `make demo`.

It uses a virtual phone of its own ("demo"); your phones and other virtual phones are not touched.
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
from hardboot.virtual import classic, machine

NAME = "demo"
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


def boot_partition() -> str:
    """Return the SHA-256 of the boot partition on the phone's disk, read from outside the phone."""
    place = classic.TABLE.place("boot")
    copy = FOLDER / "boot-partition.img"
    with (machine.folder(NAME) / "disk.img").open("rb") as disk, copy.open("wb") as target:
        disk.seek(place.offset)
        target.write(disk.read(place.size))
    return sha256_file(copy)


def main() -> None:
    """Patch, build, flash, restart, boot from RAM, and check the result from outside the phone."""
    start = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    tree, zimage, host, rom = (FOLDER / name for name in ("linux", "zImage", "host.img", "rom.img"))

    print("1. Start a new phone: stock kernel, unlocked, rooted")
    machine.stop(NAME)
    run("virtual", "start", "--name", NAME, "--reset-disk")
    phone = machine.status(NAME)
    serial = ("--serial", str(phone.serial))

    print("\n2. Build a host kernel: unpack the source, patch it for this phone, build it")
    run("virtual", "source", tree)
    run("patch", "apply", tree, "--device", "virt-arm")
    run("virtual", "kernel", tree, "-o", zimage)
    run("host-image", phone.factory_image, "--kernel", zimage, "-o", host)
    shutil.rmtree(tree)

    print("\n3. Flash it over ADB, and restart through the bootloader")
    run(*serial, "flash-host-kernel", host, "--yes", "--reboot")

    print("\n4. Boot a ROM without flashing it: Debian's unmodified kernel, packed by mkbootimg")
    run("virtual", "rom", rom)
    before, resets = boot_partition(), machine.status(NAME).resets
    done = ask(*serial, "boot", rom)

    print("\n5. Check the result from outside the phone")
    after, now = boot_partition(), machine.status(NAME).resets
    print(f"  hardware resets while booting the ROM  {now - resets} (counted by QEMU)")
    print(f"  boot partition before                  {before[:32]}…")
    print(f"  boot partition after                   {after[:32]}…")
    machine.stop(NAME)
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
