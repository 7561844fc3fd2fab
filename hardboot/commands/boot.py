"""hardboot boot: boot an image from RAM, the best way that this phone has."""

import sys
from collections.abc import Callable
from dataclasses import replace

import click

from hardboot.attempts.aftermath import Before
from hardboot.attempts.recording import recorded
from hardboot.base.errors import RefusedError
from hardboot.base.interrupts import if_cut_off
from hardboot.commands import completion
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, ask_to_put_back, confirm, echo, journaled, pass_settings
from hardboot.commands.exec import show, start_options
from hardboot.commands.load import Wanted, emit_plan, image_options, plan_page
from hardboot.device import host, record
from hardboot.device.phone import Phone
from hardboot.flows import home
from hardboot.flows.journal import Journal
from hardboot.flows.restart import RESTART_S
from hardboot.flows.store import multirom, named
from hardboot.flows.store.multirom_boot import MultiRomSource
from hardboot.flows.store.start import StoredSource
from hardboot.flows.ways import choice, kexec
from hardboot.flows.ways.choice import Choice
from hardboot.flows.ways.fastboot import BootableImage
from hardboot.flows.ways.flash import FlashBoot
from hardboot.flows.ways.kexec import PlannedRom
from hardboot.flows.ways.recovery import RecoveryBoot
from hardboot.flows.ways.slot import SlotBoot
from hardboot.flows.ways.way import FASTBOOT, FLASH, HARDBOOT, RECOVERY, SLOT, SOFT, Ready, Request
from hardboot.store.multirom import PREFIX

_HELP_VIA = (
    "Boot by hardboot (a hardware reset, with a host kernel), soft (plain kexec), fastboot (the bootloader), "
    "recovery (the recovery partition, for one boot), slot (the slot that does not run, for one boot), flash "
    "(the boot partition, until hardboot home), or auto: hardboot if a host kernel runs, else fastboot if "
    "the bootloader is unlocked, else recovery, else slot."
)
from_rom_option = click.option(
    "--from-rom", is_flag=True, help="Restart the phone into its own system first, if a ROM runs."
)
# Chooses a way for a phone, and makes the request for it.
Choose = Callable[[Phone, Journal], tuple[Choice, Request]]


@click.command(
    cls=Command,
    example="hardboot boot rom.img --dry-run\nhardboot boot rom.img --append loglevel=7\n"
    "hardboot boot debian",
)
@image_options((choice.AUTO, HARDBOOT, SOFT, FASTBOOT, RECOVERY, SLOT, FLASH), _HELP_VIA, stored=True)
@click.option(
    "--fastboot-serial",
    metavar="SERIAL",
    shell_complete=completion.fastboot_serials,
    help="Reach the bootloader there, as `fastboot -s` does: on USB, tcp:HOST[:PORT], udp:HOST[:PORT]. "
    "Default: the phone's serial number.",
)
@click.option(
    "--as-v2",
    is_flag=True,
    help="Send a ROM of several images as one of header v2, with --via fastboot or recovery.",
)
@from_rom_option
@start_options
@pass_settings
def boot(
    settings: Settings,
    wanted: Wanted,
    wait_s: float,
    quiesce: bool,
    from_rom: bool,
    fastboot_serial: str | None,
    as_v2: bool,
) -> None:
    """Boot IMAGE once; a restart brings the phone back to its own system.

    IMAGE is a boot image, or a folder, archive or OTA with the images of a ROM. Where no such path exists, it
    is the name of a ROM on the phone (hardboot rom list); without IMAGE, the default of these is booted.

    Checks that the kernel of IMAGE runs. There are several ways; --dry-run shows which one is taken, and why
    not the others. Only recovery, slot and flash write to partitions: the first two put the old content back
    by themselves, after flash it is done by `hardboot home`.
    """
    if from_rom and wanted.dry_run:
        raise click.UsageError("--from-rom cannot be combined with --dry-run.")
    if named.is_name(wanted.files):
        if wanted.via not in (choice.AUTO, HARDBOOT) or as_v2 or fastboot_serial:
            raise click.UsageError("A ROM that is stored on the phone is booted by --via hardboot only.")
        path = wanted.files.image
        choose = choose_named(wanted, None if path is None else str(path))
    else:
        request = replace(wanted.request(wanted.files.read()), fastboot_serial=fastboot_serial, as_v2=as_v2)
        choose = _choose_image(wanted, request)
    run(settings, wanted, choose, wait_s=wait_s, quiesce=quiesce, from_rom=from_rom)


def run(
    settings: Settings,
    wanted: Wanted,
    choose: Choose,
    *,
    wait_s: float,
    quiesce: bool,
    from_rom: bool = False,
) -> None:
    """Connect to the phone, and boot what `choose` returns, or print what would be booted."""
    agree = ask_to_put_back(settings)
    settles = None if wanted.dry_run else agree
    with journaled(settings, connect_s=min(wait_s, RESTART_S), restarts=True, settles=settles) as (
        phone,
        journal,
    ):
        with if_cut_off("Nothing was loaded."):
            if from_rom and record.is_guest(phone.kernel()):
                home.go(phone, wait_s=wait_s, agree=agree)
            chosen, ready, before = _prepare(settings, wanted, phone, choose, journal, wait_s)
        if not wanted.dry_run:
            if isinstance(ready, FlashBoot):
                confirm(settings, ready.effect(phone), state="Nothing was written.")
            plan = _plan(phone, chosen, ready)
            with recorded(phone, journal, command=settings.words, plan=plan, before=before):
                ready.start(phone, journal, wait_s=wait_s, quiesce=quiesce)
    if wanted.dry_run:
        _emit(settings, wanted, phone, chosen, ready, journal)
    else:
        settings.emit(journal.document(), lambda: show(journal))


def _choose_image(wanted: Wanted, request: Request) -> Choose:
    def choose(phone: Phone, journal: Journal) -> tuple[Choice, Request]:
        named.warn_of_namesake(phone, wanted.files)
        return choice.choose(phone, request, wanted.via, journal, explain=wanted.dry_run), request

    return choose


def choose_named(wanted: Wanted, name: str | None, *, is_known: bool = False) -> Choose:
    """Return what chooses the way of a ROM on the phone: a stored one, see `named.source`, or MultiROM's."""

    def choose(phone: Phone, journal: Journal) -> tuple[Choice, Request]:
        source: StoredSource | MultiRomSource
        if name is not None and name.startswith(PREFIX):
            journal.host = phone.kernel()
            host.look(phone)
            source = MultiRomSource(*multirom.get(phone, name.removeprefix(PREFIX)))
            append = " ".join(filter(None, (source.append, wanted.append)))
        else:
            source = named.source(phone, name, journal, is_known=is_known).appending(wanted.append)
            append = source.append
        journal.via = HARDBOOT
        return Choice(kexec.hardboot), replace(wanted.request(source), append=append or None)

    return choose


def _prepare(
    settings: Settings, wanted: Wanted, phone: Phone, choose: Choose, journal: Journal, wait_s: float
) -> tuple[Choice, Ready, Before]:
    """Prepare the boot; if a ROM runs that is no host, restart into the own system, after a question."""

    def prepare() -> tuple[Choice, Ready, Before]:
        before = Before.ask(phone)
        chosen, request = choose(phone, journal)
        return chosen, chosen.way.prepare(phone, request, journal), before

    try:
        return prepare()
    except RefusedError as error:
        now = journal.host
        if wanted.dry_run or now is None or not record.is_guest(now) or wanted.via == FASTBOOT:
            raise
        if record.is_panic_kernel(now) or host.has_hardboot(phone):
            raise  # a restart would lose the dump, or be no help
        if not (settings.yes or sys.stdin.isatty()):
            raise RefusedError(
                f"{error.what}: a ROM is running",
                state=error.state,
                fix="Restart the phone first (hardboot reboot), or let this command do it: --from-rom",
            ) from error
        name = f"{phone.profile.name} {phone.serialno}"
        confirm(settings, f"A ROM is running. This restarts {name} into its own system first.")
    home.go(phone, wait_s=wait_s, agree=ask_to_put_back(settings))
    return prepare()


def _emit(
    settings: Settings, wanted: Wanted, phone: Phone, chosen: Choice, ready: Ready, journal: Journal
) -> None:
    """Print what a dry run found out: the plan, or the image, and the choice of the way."""
    document = {**journal.document(), "other_ways": dict(chosen.others)}
    if isinstance(ready, PlannedRom):
        emit_plan(settings, wanted, phone.profile, ready.prepared, document)
    elif isinstance(ready, BootableImage | RecoveryBoot | SlotBoot | FlashBoot):
        if wanted.svg is not None:
            raise RefusedError(
                "there is no memory map: the bootloader places the image",
                state="Nothing was sent.",
                fix="Leave out --svg.",
            )
        settings.emit({**document, "image": ready.document()}, lambda: _show(ready))
    if not settings.json:
        echo(f"  way           {chosen.way.name}")
        for name, reason in chosen.others.items():
            echo(f"  not {name:<10}{reason}")


def _plan(phone: Phone, chosen: Choice, ready: Ready) -> dict[str, object]:
    """Return what is planned, as a dry run prints it with --json."""
    if isinstance(ready, PlannedRom):
        return {"way": chosen.way.name, "plan": plan_page(phone.profile, ready.prepared).document()}
    if isinstance(ready, BootableImage | RecoveryBoot | SlotBoot | FlashBoot):
        return {"way": chosen.way.name, "image": ready.document()}
    return {"way": chosen.way.name}


def _show(ready: BootableImage | RecoveryBoot | SlotBoot | FlashBoot) -> None:
    for name, value in ready.rows():
        echo(f"  {name:<13} {value}")
