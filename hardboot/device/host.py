"""The running kernel as a host: what it can do, asked by the agent, held against the profile."""

import shlex
from collections.abc import Sequence

from hardboot.base.errors import RefusedError
from hardboot.device.handset import KERNEL, parse_kernel
from hardboot.device.phone import STAGING, Phone
from hardboot.payload import agent
from hardboot.payload.agent import AgentInfo
from hardboot.profile import Profile
from hardboot.transport.base import Output

AGENT = f"{STAGING}/agent"  # where `ask` puts it
# Where it stays as long as something is loaded: /data may be read-only when it is needed. Not if programs
# may not run from /dev.
_KEPT = "/dev/hardboot-agent"
KEEP_AGENT = f"cat {AGENT} >{_KEPT} && chmod 700 {_KEPT} && {{ {_KEPT} info >/dev/null 2>&1 || rm {_KEPT}; }}"
IS_KEPT = f"test -x {_KEPT}"  # for `roots`; `kept_agent` reads the answer
_PAGE = "/sys/kernel/kexec_hardboot/page"  # shown by hardboot's own kernel series


def kept_agent(phone: Phone, answer: Output) -> str:
    """The path of an agent on the phone that can be run: the one kept if IS_KEPT says so, else a new one."""
    if answer.code == 0:
        return _KEPT
    return phone.stage(agent.binary(phone.profile.arch), "agent", mode=0o755)


def ask(phone: Phone, flag: int | None) -> AgentInfo:
    """Put the agent on the phone and ask it about the running kernel.

    Args:
        phone: The phone.
        flag: Also ask whether kexec_load(2) takes this flag, if nothing is loaded; 0: whether it is there.

    Raises:
        DeviceError: If there is no root, or the agent does not run.
    """
    program = agent.binary(phone.profile.arch)
    return _parse_info(phone.stage_program(program, "agent", agent.info_command(AGENT, flag)))


def info(phone: Phone, flag: int | None) -> AgentInfo:
    """Ask the agent that `ask` put on the phone once more."""
    return _parse_info(phone.root(agent.info_command(AGENT, flag)))


def _parse_info(output: Output) -> AgentInfo:
    if output.code:
        raise agent.failure("info", output.text)
    return agent.parse_info(output.text)


def has_hardboot(phone: Phone) -> bool:
    """True if the running kernel shows the profile's sign of hardboot support."""
    return phone.profile.presence is not None and phone.root(questions(phone.profile)[0]).code == 0


def look(phone: Phone) -> None:
    """See that the running kernel is a host for this phone, as far as it can be read without the agent.

    Raises:
        RefusedError: If it has no hardboot support, or keeps another page than the profile.
    """
    kernel, *answers = phone.roots(KERNEL, *questions(phone.profile))
    parse(phone.profile, parse_kernel(kernel).release, answers)


def questions(profile: Profile) -> tuple[str, str]:
    """What `look` asks; for `roots`, where `parse` reads the answers."""
    return f"test -e {shlex.quote(profile.presence or '/')}", f"cat {_PAGE}"


def parse(profile: Profile, release: str, answers: Sequence[Output]) -> None:
    """See in the answers to `questions` what `look` does; `release` is that of the kernel."""
    presence, page = answers
    if presence.code:
        raise _no_support(release)
    if page.code == 0 and int(page.text, 16) != profile.page.start:
        raise _other_page(profile, int(page.text, 16))


def check(profile: Profile, info: AgentInfo) -> int:
    """See that the running kernel is a host for this profile; returns its flag for kexec_load(2).

    A kernel that names its flag is believed: the flag is a matter of the kernel's version, and the profile
    says that of the usual host kernel.

    Raises:
        RefusedError: If it has no hardboot support, or keeps another page.
        DeviceError: If it refused the empty load that asked for the flag.
    """
    wanted = profile.hardboot
    if info.hardboot_page is None and info.probe != 0:
        raise _no_support(info.release)
    if info.hardboot_page is not None and info.hardboot_page != wanted.page:
        raise _other_page(profile, info.hardboot_page)
    if info.hardboot_flag is not None:
        return info.hardboot_flag
    if info.probe not in (0, None):
        raise agent.explain("probe", info.probe)
    return wanted.flag


def _no_support(release: str) -> RefusedError:
    return RefusedError(
        f"the running kernel {release} has no hardboot support",
        state="Nothing was loaded.",
        fix="If a ROM runs, restart the phone (adb reboot); else: hardboot flash-host-kernel BOOT.IMG",
    )


def _other_page(profile: Profile, page: int) -> RefusedError:
    return RefusedError(
        f"the host kernel keeps the hardboot page at {page:#x}, the profile {profile.name} has it at "
        f"{profile.page.start:#x}",
        state="Nothing was loaded.",
        fix=f"Build the host kernel with this profile: hardboot patch apply TREE --device {profile.name}",
    )
