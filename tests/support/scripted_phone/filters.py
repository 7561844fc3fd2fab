"""Those of the small programs that only read, and print: of files, or of their input."""

import gzip
import hashlib

from scripted_phone.calls import Call, Program


def read_options(call: Call, with_value: str = "") -> tuple[dict[str, str], list[str]]:
    """Return short options and words; those in `with_value` take the rest of their word, or the next one."""
    options: dict[str, str] = {}
    rest = []
    words = iter(call.words[1:])
    for word in words:
        if word.startswith("-") and len(word) > 1:
            for at, letter in enumerate(word[1:], 2):
                options[letter] = ""
                if letter in with_value:
                    options[letter] = word[at:] or next(words, "")
                    break
        else:
            rest.append(word)
    return options, rest


def read_inputs(call: Call, names: list[str]) -> tuple[list[bytes], int]:
    """Return the content of files, or of the input if none are named; 1 if one cannot be read."""
    if not names:
        return [call.stdin.read()], 0
    found, code = [], 0
    for name in names:
        try:
            found.append(call.files.open(call.shell.path(name), call.user).read())
        except OSError as error:
            code = call.fail(name, error)
    return found, code


def _cat(call: Call) -> int:
    _, names = read_options(call)
    found, code = read_inputs(call, names)
    for data in found:
        call.out.write(data)
    return code


def _echo(call: Call) -> int:
    call.out.write(" ".join(call.words[1:]).encode() + b"\n")
    return 0


def _grep(call: Call) -> int:
    import re

    options, (pattern, *names) = read_options(call, "m")
    found, code = read_inputs(call, names)
    lines = [line for data in found for line in data.splitlines() if re.search(pattern.encode(), line)]
    if "q" not in options:
        most = int(options.get("m") or len(lines))
        call.out.write(b"".join(line + b"\n" for line in lines[:most]))
    return code or int(not lines)


def _gzip(call: Call) -> int:
    call.out.write(gzip.compress(call.stdin.read(), 1, mtime=0))
    return 0


def _zcat(call: Call) -> int:
    _, names = read_options(call)
    found, code = read_inputs(call, names)
    for data in found:
        call.out.write(gzip.decompress(data))
    return code


def _head(call: Call) -> int:
    options, names = read_options(call, "cn")
    if "c" in options and not names:
        call.out.write(call.stdin.read(int(options["c"])))
        return 0
    found, code = read_inputs(call, names)
    for data in found:
        lines = data.splitlines(keepends=True)[: int(options.get("n") or 10)]
        call.out.write(data[: int(options["c"])] if "c" in options else b"".join(lines))
    return code


def _od(call: Call) -> int:
    assert [word for word in call.words[1:] if word != "-v"] == ["-An", "-tx1"]
    data = call.stdin.read()
    last, starred = "", False
    for start in range(0, len(data), 16):
        line = " " + data[start : start + 16].hex(" ") + "\n"
        if "-v" in call.words or line != last:
            call.out.write(line.encode())
            starred = False
        elif not starred:
            call.out.write(b"*\n")
            starred = True
        last = line
    return 0


def _sha256sum(call: Call) -> int:
    names, code = call.words[1:], 0
    for name in names or ["-"]:
        found, failed = read_inputs(call, [name] if names else [])
        code = code or failed
        for data in found:
            call.out.write(f"{hashlib.sha256(data).hexdigest()}  {name}\n".encode())
    return code


def _tail(call: Call) -> int:
    options, names = read_options(call, "c")
    found, code = read_inputs(call, names)
    for data in found:
        call.out.write(data[-int(options["c"]) :])
    return code


def _tr(call: Call) -> int:
    old, new = (word.replace("\\n", "\n").encode() for word in call.words[1:])
    call.out.write(call.stdin.read().replace(old, new))
    return 0


FILTERS: dict[str, Program] = {
    "cat": _cat,
    "echo": _echo,
    "grep": _grep,
    "gzip": _gzip,
    "head": _head,
    "od": _od,
    "sha256sum": _sha256sum,
    "tail": _tail,
    "tr": _tr,
    "zcat": _zcat,
}
