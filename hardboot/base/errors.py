"""One error tree. Every error says what happened, what is changed or not, and what to do next.

The class tells the caller's next action; the exit code tells a script (README, "Exit codes").
"""


class HardbootError(Exception):
    """An error that the user can act on.

    Args:
        what: What happened, with the value and the limit it broke.
        state: What is changed and what is not.
        fix: What to do next.

    Attributes:
        result: The result so far, for --json.
        several_lines: Whether line ends in `what` are its own, and not those of a name in it.
    """

    exit_code = 1
    several_lines = False

    def __init__(self, what: str, *, state: str, fix: str) -> None:
        super().__init__(what)
        self.what = what
        self.state = state
        self.fix = fix
        self.result: dict[str, object] = {}

    def explain(self, cause: str, fix: str) -> None:
        """Add the likely cause to what happened, and tell what to do about that instead."""
        self.what = f"{self.what}; likely cause: {cause}"
        self.args = (self.what,)
        self.fix = fix


class UsageError(HardbootError):
    """The command line is wrong."""

    exit_code = 2


class InputError(HardbootError):
    """A given file, profile, patch or value is wrong.

    Args:
        what: See `HardbootError`.
        state: See `HardbootError`.
        fix: See `HardbootError`.
        file: The file it is about; its name goes in front of `what`.
    """

    exit_code = 3

    def __init__(self, what: str, *, state: str, fix: str, file: str | None = None) -> None:
        super().__init__(what if file is None else f"{file}: {what}", state=state, fix=fix)
        self.file = file


class ToolError(HardbootError):
    """A program that this step needs is missing or failed; `what` may end with lines that it printed."""

    exit_code = 3
    several_lines = True


class RefusedError(HardbootError):
    """A rule forbids it, and nothing was changed. `fix` names the option that lifts the rule, if any."""

    exit_code = 4


class DeviceError(HardbootError):
    """The phone, its cable, authorisation or root failed. Retrying after a repair is safe."""

    exit_code = 5


class RequestError(DeviceError):
    """A request to the phone failed. Only the flow that made it knows what that means: `if_cut_off`."""


class DeviceStateError(HardbootError):
    """Something was sent and the outcome is unknown: look at the phone before anything else."""

    exit_code = 6
