"""What a shell does by itself."""

from collections.abc import Callable

from scripted_phone.calls import Exit, Return
from scripted_phone.expansion import Expansion
from scripted_phone.streams import Input


def _cd(shell: Expansion, words: list[str], stdin: Input) -> int:
    path = shell.system.files.resolve(shell.path(words[1]))
    if not shell.system.files.names(path):
        return 1
    shell.folder = path
    return 0


def _exit(shell: Expansion, words: list[str], stdin: Input) -> int:
    raise Exit(int(words[1]) if len(words) > 1 else shell.code)


def _return(shell: Expansion, words: list[str], stdin: Input) -> int:
    raise Return(int(words[1]) if len(words) > 1 else shell.code)


def _read(shell: Expansion, words: list[str], stdin: Input) -> int:
    names = [word for word in words[1:] if word != "-r"]
    line = stdin.line().decode()
    if shell.variables.pop("IFS", None) == "":  # set for this command alone
        (name,) = names
        shell.variables[name] = line.removesuffix("\n")
        return int(not line.endswith("\n"))
    parts = line.split(None, len(names) - 1)
    parts += [""] * (len(names) - len(parts))
    for name, value in zip(names, parts, strict=True):
        shell.variables[name] = value.rstrip()
    return int(not line.endswith("\n"))


def _set(shell: Expansion, words: list[str], stdin: Input) -> int:
    if words[1] in ("-C", "+C"):
        shell.keeps_files = words[1] == "-C"
        return 0
    assert words[1] == "--"
    shell.arguments = words[2:]
    return 0


def _shift(shell: Expansion, words: list[str], stdin: Input) -> int:
    count = int(words[1]) if len(words) > 1 else 1
    if count > len(shell.arguments):
        raise Exit(2)
    del shell.arguments[:count]
    return 0


def _command(shell: Expansion, words: list[str], stdin: Input) -> int:
    assert words[1] == "-v"
    try:
        shell.system.program(words[2], shell.user)
    except OSError:
        return 1
    return 0


def _nothing(shell: Expansion, words: list[str], stdin: Input) -> int:
    return 0


def _umask(shell: Expansion, words: list[str], stdin: Input) -> int:
    shell.umask = int(words[1], 8)
    return 0


BUILTINS: dict[str, Callable[[Expansion, list[str], Input], int]] = {
    ":": _nothing,
    "cd": _cd,
    "command": _command,
    "exit": _exit,
    "read": _read,
    "return": _return,
    "set": _set,
    "shift": _shift,
    "trap": _nothing,
    "umask": _umask,
    "wait": _nothing,
}
