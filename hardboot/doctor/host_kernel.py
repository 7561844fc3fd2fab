"""The running kernel as a host: whether it starts what is loaded after a reset, and what is loaded."""

from hardboot.base import log
from hardboot.base.errors import DeviceError, HardbootError
from hardboot.device import host, record
from hardboot.device.record import LoadState
from hardboot.doctor.line import Line, missing, ok, unknown
from hardboot.doctor.questions import Answers
from hardboot.profile import Profile, UnknownFactError

_ASK = "hardboot status asks the kernel itself."


def is_host(answers: Answers, profile: Profile | None) -> bool | None:
    """Return whether the running kernel is a host for this phone; None if its files do not tell."""
    state = host_line(answers, profile).state
    return None if state == "unknown" else state == "ok"


def load_state(answers: Answers) -> LoadState:
    """Return what is loaded, as far as the phone tells."""
    output = answers.outputs.get("loaded")
    if output is None or answers.kernel is None:
        return LoadState(None, None)
    try:
        return record.parse(output, answers.kernel)
    except DeviceError as error:
        log.detail(error.what)
        return LoadState(None, None)


def lines(answers: Answers, profile: Profile | None) -> list[Line]:
    """Return the lines of the host."""
    return [host_line(answers, profile), _loaded(answers)]


def host_line(answers: Answers, profile: Profile | None) -> Line:
    """Return the line about the kernel's support."""
    name, config = "host kernel", answers.config
    if profile is None:
        return unknown(name, "without a profile it cannot be told", "hardboot devices suggest --install")
    outputs = [answers.outputs.get(one) for one in ("presence", "page")]
    if None in outputs or not answers.is_root:
        return unknown(name, answers.silence, "Root the phone." if not answers.is_root else "Try again.")
    presence, page = (one for one in outputs if one is not None)
    if page.code == 0 or (presence.code == 0 and profile.presence):
        try:
            host.parse(profile, answers.text("release").strip(), [presence, page])
        except UnknownFactError as error:
            return unknown(name, error.what, error.fix)
        except HardbootError as error:
            return missing(name, error.what, error.fix)
        shown = f"page {page.text.strip()}" if page.code == 0 else f"{profile.presence} is there"
        return ok(name, f"hardboot support: {shown}")
    if config is not None and "KEXEC_HARDBOOT" in config:
        return ok(name, "another author's hardboot support (CONFIG_KEXEC_HARDBOOT)")
    kernel = answers.kernel
    if kernel is not None and record.is_guest(kernel):
        return missing(
            name, "a ROM is running; the host kernel comes back after a restart", "hardboot reboot"
        )
    if config is None and profile.presence is None:
        return unknown(name, "the kernel's files do not tell", _ASK)
    how = f"Add it to the kernel's source: hardboot patch apply TREE --device {profile.name}"
    return missing(name, "no hardboot support", how)


def _loaded(answers: Answers) -> Line:
    name = "loaded image"
    if not answers.is_root:
        return unknown(name, answers.silence, "Root the phone.")
    state = load_state(answers)
    if state.loaded is None and state.record is None:
        return unknown(name, "this kernel does not tell", _ASK)
    return ok(name, str(state))
