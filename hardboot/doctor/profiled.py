"""The profile: which one is for this phone, and how far it can be trusted."""

from pathlib import Path

from msgspec.structs import fields

from hardboot import profile as profiles
from hardboot.doctor.line import Line, missing, ok, unknown
from hardboot.doctor.next_steps import Place
from hardboot.profile import Profile

# Without one of these no plan can be made.
_NEEDED = ("ram", "bootloader", "hardboot.page", "hardboot.host_abi", "partitions.boot", "dtb.kind")


def fastboot_works(known: Profile | None) -> bool | None:
    """Return whether the bootloader boots images without flashing them; None if that is not known."""
    if known is None:
        return None
    return False if known.cmdline.ignored else known.fastboot.works


def places(known: Profile | None) -> tuple[Place, ...]:
    """Return what an image can be booted from once, as far as the profile tells."""
    if known is None or known.cmdline.ignored:
        return ()
    boot = known.partitions.get("boot")
    found: list[Place] = ["recovery"] if "recovery" in known.partitions else []
    return (*found, "slot") if boot is not None and boot.slots else tuple(found)


def lines(known: Profile | None, path: Path | None, reason: str, fix: str) -> list[Line]:
    """Return the lines of the profile.

    Args:
        known: The profile; None if there is none.
        path: Its file, if that is known.
        reason: Why there is none.
        fix: What to do then.
    """
    if known is None:
        return [missing("profile", reason, fix)]
    return [_origin(known, path), _tested(known), _facts(known), _survives(known)]


def _origin(known: Profile, path: Path | None) -> Line:
    if path is None or profiles.is_shipped(path):
        return ok("profile", f"{known.name} ({known.title}), shipped with hardboot")
    return ok("profile", f"{known.name} ({known.title}), {path}")


def _tested(known: Profile) -> Line:
    if known.status == "hardware":
        return ok("tested", "hardboot works on this phone")
    if known.status == "emulated":
        return ok("tested", "on the virtual phone")
    how = "Check every fact that is not verified, make sure that you can reflash boot; then use --untested."
    return missing("tested", "never: its addresses may be wrong", how)


def _facts(known: Profile) -> Line:
    trusts = [entry.status for entry in known.evidence.values()]
    counted = [f"{trusts.count(one)} {one}" for one in ("verified", "secondary", "inferred") if one in trusts]
    value = f"facts: {', '.join(counted) or 'none'}"
    stated = profiles.facts(known)
    lacking = [name for name in _NEEDED if not any(f"{fact}.".startswith(f"{name}.") for fact in stated)]
    if known.hardboot.models and "hardboot.page" in lacking:
        lacking.remove("hardboot.page")  # each model has its own
    if lacking:
        value += f"; unknown: {', '.join(lacking)}"
        return unknown("trust", value, f"How to find them: hardboot devices show {known.name}")
    return ok("trust", value)


def _survives(known: Profile) -> Line:
    """Return over which restarts RAM keeps its content."""
    name, how = "RAM", "Measure it: hardboot probe"
    measured = {field.name: getattr(known.survives, field.name) for field in fields(known.survives)}
    parts = [
        f"{word} over {', '.join(names)}"
        for word, value in (("kept", True), ("lost", False))
        if (names := [one for one, kept in measured.items() if kept is value])
    ]
    if not parts:
        return unknown(name, "whether it survives a restart", how)
    value = f"{'; '.join(parts)} (restarts that were measured)"
    return ok(name, value) if True in measured.values() else missing(name, value, how)
