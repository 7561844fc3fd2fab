"""The running kernel as a host: what it supports, as the agent reports it, compared with the profile."""

import errno
import re
import shlex
from collections.abc import Sequence

from hardboot.base import log
from hardboot.base.errors import DeviceError, RefusedError
from hardboot.device.handset import KERNEL, KernelIdentity, parse_kernel
from hardboot.device.phone import Phone
from hardboot.device.shells import line_command
from hardboot.device.staging import STAGING
from hardboot.formats.kernels.release import parse_version
from hardboot.payload import agent, agent_errors
from hardboot.payload.agent import AgentInfo
from hardboot.profile import Profile
from hardboot.transport.base import Output

AGENT = f"{STAGING}/agent"  # where `ask` puts it
# Kept as long as something is loaded, as /data may be read-only by then; not where /dev is noexec.
_KEPT = "/dev/hardboot-agent"
KEEP_AGENT = f"cat {AGENT} >{_KEPT} && chmod 700 {_KEPT} && {{ {_KEPT} info >/dev/null 2>&1 || rm {_KEPT}; }}"
IS_KEPT = f"test -x {_KEPT}"  # for `roots`; `kept_agent` reads the output
_KEXEC_FILES = ("kexec_loaded", "kexec_crash_loaded")
_OURS = "/sys/kernel/kexec_hardboot"  # shown by hardboot's own kernel series
_PAGE = f"{_OURS}/page"
_OLD_FLAG = 0x4
_UPDATE_ELFCOREHDR = (6, 6, 0)  # since this version 0x4 is KEXEC_UPDATE_ELFCOREHDR, and no sign of hardboot


def kept_agent(phone: Phone, output: Output) -> str:
    """Return the path of an agent on the phone: the kept one according to IS_KEPT, else a new one.

    Raises:
        DeviceError: If a new one does not arrive whole.
    """
    if output.code == 0:
        return _KEPT
    return phone.stage(agent.binary(phone.profile.arch), "agent", mode=0o755)


def ask(phone: Phone, flag: int | None) -> AgentInfo:
    """Put the agent on the phone and ask it about the running kernel.

    Args:
        phone: The phone.
        flag: Also ask whether kexec_load(2) takes this flag, if nothing is loaded; 0 asks whether it exists.

    Raises:
        DeviceError: If there is no root, or the agent does not run.
    """
    program = agent.binary(phone.profile.arch)
    return _parse_info(phone.stage_program(program, "agent", agent.info_command(AGENT, flag)))


def info(phone: Phone, flag: int | None) -> AgentInfo:
    """Ask again as `ask` does, with the agent that it put on the phone."""
    return _parse_info(phone.root(agent.info_command(AGENT, flag)))


def _parse_info(output: Output) -> AgentInfo:
    if output.code:
        raise agent_errors.failure("info", output.text)
    return agent.parse_info(output.text)


def info_without_agent(phone: Phone, kernel: KernelIdentity) -> AgentInfo:
    """Return what the files of the running kernel tell; for a phone on which the agent does not run.

    Raises:
        DeviceError: If the phone does not answer.
    """
    page, loaded, crash = phone.roots(f"cat {_PAGE}", *(f"cat /sys/kernel/{name}" for name in _KEXEC_FILES))
    flags = {"0": False, "1": True}
    return AgentInfo(
        release=kernel.release,
        boot_id=kernel.boot_id,
        kexec_loaded=flags.get(loaded.text.strip()),
        kexec_crash_loaded=flags.get(crash.text.strip()),
        hardboot_page=_page_address(page.text) if page.code == 0 else None,
        hardboot_flag=None,
        hardboot_version=None,
        probe=None,
    )


def _page_address(text: str) -> int | None:
    """Return the address in the file _PAGE; None if it holds none."""
    digits = re.fullmatch(r"(?:0x)?([0-9a-fA-F]{1,16})", text.strip())
    return int(digits[1], 16) if digits else None


def has_hardboot(phone: Phone) -> bool | None:
    """Return whether the running kernel has hardboot support; None if that cannot be found out.

    The file that the profile names tells it, and that of hardboot's own series; without the first, the agent.

    Raises:
        DeviceError: If the phone does not answer.
    """
    presence = phone.profile.presence
    if phone.root(_presence_query(presence or _OURS)).code == 0:
        return True
    if presence is not None:
        return False
    try:
        return is_supported(phone.profile, ask(phone, phone.profile.hardboot.flag))
    except DeviceError as error:
        log.detail(error.what)
        return None


def is_supported(profile: Profile, info: AgentInfo) -> bool | None:
    """Return whether what the agent reports is hardboot support; None if it does not tell.

    Args:
        profile: Of the phone; its flag was probed.
        info: The report.
    """
    if info.hardboot_page is not None:
        return True
    if info.probe == 0:
        return not (
            profile.hardboot.flag == _OLD_FLAG
            and (parse_version(info.release) or (0, 0, 0)) >= _UPDATE_ELFCOREHDR
        )
    return False if info.probe in (errno.EINVAL, errno.ENOSYS) else None


def _presence_query(path: str) -> str:
    return " || ".join(f"test -e {shlex.quote(one)}" for one in dict.fromkeys((path, _OURS)))


def look(phone: Phone) -> None:
    """Check that the running kernel is a host for this phone; the agent is asked where no file tells.

    Raises:
        RefusedError: If it has no hardboot support, or its hardboot page is not the profile's.
        DeviceError: If the phone does not answer.
    """
    kernel, *outputs = phone.roots(KERNEL, *queries(phone.profile))
    release = parse_kernel(kernel).release
    parse(phone.profile, release, outputs)
    is_ours = outputs[1].code == 0
    if phone.profile.presence is None and not is_ours and has_hardboot(phone) is False:
        raise _no_support(release)


def queries(profile: Profile) -> tuple[str, str]:
    """Return the commands of `look`, for `roots`; `parse` reads their outputs."""
    return _presence_query(profile.presence or "/"), line_command(_PAGE)


def parse(profile: Profile, release: str, outputs: Sequence[Output]) -> None:
    """Check the outputs of `queries`, which tell nothing against a kernel whose profile names no file.

    Args:
        profile: Of the phone.
        release: Of the running kernel, for the error.
        outputs: One for each query.
    """
    presence, page = outputs
    if presence.code:
        raise _no_support(release)
    address = _page_address(page.text)
    if page.code == 0 and address is None:
        raise DeviceError(
            f"{_PAGE} on the phone holds no address: {page.text.strip()[:40]!r}",
            state="Nothing was loaded.",
            fix="Build the host kernel with hardboot's own series: hardboot patch apply TREE",
        )
    if page.code == 0 and address is not None and address != profile.page.start:
        raise _other_page(profile, address)


def check(profile: Profile, info: AgentInfo) -> int:
    """Check that the running kernel is a host for this profile; return its flag for kexec_load(2).

    The flag that the kernel shows counts: it depends on the kernel's version, and the profile has the flag of
    the usual host kernel.

    Raises:
        RefusedError: If it has no hardboot support, or its hardboot page is not the profile's.
        DeviceError: If it refused the empty load that probed the flag.
    """
    wanted = profile.hardboot
    if info.hardboot_page is None and not is_supported(profile, info):
        raise _no_support(info.release)
    if info.hardboot_page is not None and info.hardboot_page != wanted.page:
        raise _other_page(profile, info.hardboot_page)
    if info.hardboot_flag is not None:
        return info.hardboot_flag
    if info.probe not in (0, None):
        raise agent_errors.explain("probe", info.probe)
    return wanted.flag


def _no_support(release: str) -> RefusedError:
    return RefusedError(
        f"the running kernel {release} has no hardboot support",
        state="Nothing was loaded.",
        fix="Restart the phone if a ROM is running. Otherwise build a host kernel (hardboot patch apply "
        "TREE) and write it to the phone: hardboot flash-host-kernel BOOT.IMG",
    )


def _other_page(profile: Profile, page: int) -> RefusedError:
    return RefusedError(
        f"the host kernel has the hardboot page at {page:#x}, the profile {profile.name} has it at "
        f"{profile.page.start:#x}",
        state="Nothing was loaded.",
        fix=f"Build the host kernel with this profile: hardboot patch apply TREE --device {profile.name} "
        "(or --profile FILE)",
    )
