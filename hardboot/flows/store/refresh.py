"""Leave on the phone all that a start of a stored ROM needs: segments, plan and program."""

from dataclasses import replace

from hardboot.base import log
from hardboot.base.errors import DeviceError, HardbootError
from hardboot.base.interrupts import if_cut_off
from hardboot.device import host, record
from hardboot.device.phone import Phone
from hardboot.device.record import Loaded
from hardboot.device.shells import line_command, read
from hardboot.flows.journal import Journal
from hardboot.flows.load import PreparedRom
from hardboot.flows.store import place, stored
from hardboot.flows.store.place import Place
from hardboot.flows.store.put import put_all
from hardboot.flows.store.start import StoredSource
from hardboot.flows.ways import kexec
from hardboot.flows.ways.way import Request
from hardboot.payload import agent, extents
from hardboot.store import start_file
from hardboot.store.manifest import Manifest
from hardboot.store.start_file import Host

PROGRAM = "/data/hardboot/hardboot"
_VERSION = "/proc/sys/kernel/version"  # `uname -v`
_PAGE = "/sys/kernel/kexec_hardboot/page"


def refresh(phone: Phone, found: Manifest, journal: Journal, *, untested: bool = False) -> Loaded:
    """Plan the start of a ROM for the running kernel, and leave all it needs on the phone.

    Args:
        phone: The phone, running its host kernel.
        found: The ROM.
        journal: Takes the phases.
        untested: Also on a phone on which hardboot has never been tested.

    Returns:
        The record by which `status` will recognise the ROM.

    Raises:
        RefusedError: If the running kernel is no host, the ROM does not fit, or there is no room on /data.
        InputError: If one of its boot images is damaged.
        DeviceError: If it fails; start files that were there before may be gone.
    """
    source = StoredSource(found)
    request = Request(source, append=source.append or None, untested=untested)
    prepared = kexec.hardboot.prepare(phone, request, journal).prepared
    kernel, plan = journal.host, prepared.plan
    assert kernel is not None
    with if_cut_off("The ROM is as before; it may have no start files."), log.step("Writing the start files"):
        planned = _host(phone, prepared, kernel.release)
        old = stored.room_of(phone, [f"{found.name}/start", f"{found.name}/start.new"])  # they go first
        size = sum(len(one.data) for one in plan.segments) - old
        where = place.make_room(phone, place.ask(phone), size)
        place.check_room(
            where,
            size,
            f"the start of {found.name} from the phone itself",
            state=f"The ROM is as before; it starts from the computer: hardboot rom boot {found.name}",
            fix=f"Free some space, then: hardboot rom refresh {found.name}",
        )
        description = prepared.described(kernel, replace(plan, flag=planned.flag))
        record.remember_stored(phone, found.name, description)
        _write(phone, found, prepared, planned, where)
    return description


def make_startable(phone: Phone, rom: Manifest) -> None:
    """Make a new or changed ROM start from the phone itself; without that, it starts from the computer."""
    try:
        refresh(phone, rom, Journal(phone.profile.name, phone.serialno))
    except HardbootError as error:
        log.warn(
            f"{rom.name} cannot be started from the phone itself yet: {error.what}. "
            f"Later, with the host kernel running: hardboot rom refresh {rom.name}"
        )


def _host(phone: Phone, prepared: PreparedRom, release: str) -> Host:
    """Return the running kernel, as the program on the phone will recognise it."""
    flag = host.check(phone.profile, host.ask(phone, prepared.plan.flag))
    version, page = phone.roots(line_command(_VERSION), line_command(_PAGE))
    text = read(_VERSION, version).strip()
    if not text or not text.isprintable():
        raise DeviceError(
            f"the phone does not say which build of its kernel runs: {text[:80]!r}",
            state="The ROM is as before; it starts from the computer.",
            fix=f"Look at it on the phone: adb shell cat {_VERSION}",
        )
    return Host(release, text, page.text.strip() if page.code == 0 else None, flag, prepared.live)


def _write(phone: Phone, found: Manifest, prepared: PreparedRom, planned: Host, where: Place) -> None:
    final = f"{stored.folder(found.name)}/start"
    target = f"{final}.new"
    command = f"rm -rf {target} {final} && mkdir {target} && chmod 700 {target}"
    read(command, phone.root(command))
    files = {
        **{segment.name: segment.data for segment in prepared.plan.segments},
        **{start_file.table_name(image): extents.build_table(image.extents) for image in found.images},
        start_file.NAME: start_file.build(prepared.plan, planned, found.images, pin=where.f2fs),
    }
    program = agent.phone_program(phone.profile.arch).read_bytes()
    put_all(phone, {**{f"{target}/{name}": data for name, data in files.items()}, f"{PROGRAM}.new": program})
    command = (
        f"chmod 600 {target}/* && chmod 700 {PROGRAM}.new && mv {PROGRAM}.new {PROGRAM} && "
        f"mv {target} {final} && sync"
    )
    read(command, phone.root(command))
