"""One error tree. Every error says what happened, what state things are in, and what to do next.

The class tells the caller's next action, the exit code tells it to a script (docs: README, "Exit codes").
"""


class HardbootError(Exception):
    """What a user can act on.

    Args:
        what: What happened, with the value and the limit it broke.
        state: What state things are in: what was not touched, or what was.
        fix: What to do next.

    Attributes:
        result: What is known so far, for --json.
    """

    exit_code = 1

    def __init__(self, what: str, *, state: str, fix: str) -> None:
        super().__init__(what)
        self.what = what
        self.state = state
        self.fix = fix
        self.result: dict[str, object] = {}


class UsageError(HardbootError):
    """A command line that cannot be read."""

    exit_code = 2


class InputError(HardbootError):
    """A file, profile, patch or value that was given is wrong."""

    exit_code = 3


class ToolError(HardbootError):
    """A program this step needs is missing or failed."""

    exit_code = 3


class RefusedError(HardbootError):
    """A rule forbids it; nothing was touched. `fix` names the one option that lifts the rule, if any."""

    exit_code = 4


class DeviceError(HardbootError):
    """Cable, authorisation, root, a command that failed on the phone: repair it; retrying is safe."""

    exit_code = 5


class DeviceStateError(HardbootError):
    """Something was sent and the end is unknown: look at the phone before anything else."""

    exit_code = 6
