"""The small programs of every phone (toybox), as far as hardboot uses them."""

import errno
import io
import tarfile

from scripted_phone.calls import Call, Program
from scripted_phone.clock import FOREVER, Steps
from scripted_phone.files import ADB, ROOT, BlockDevice, File, Folder, Link, Node, Special, failure, may
from scripted_phone.filters import FILTERS, read_options

_CHILD_POLL_S = 0.001


def _chmod(call: Call) -> int:
    mode, *names = call.words[1:]
    for name in names:
        node = call.files.find(call.shell.path(name))
        if node is None:
            return call.fail(name, failure(errno.ENOENT))
        node.mode = int(mode, 8)
    return 0


def _chown(call: Call) -> int:
    owner, *names = call.words[1:]
    for name in names:
        node = call.files.find(call.shell.path(name))
        if node is None:
            return call.fail(name, failure(errno.ENOENT))
        node.owner = int(owner)
    return 0


def _du(call: Call) -> int:
    assert call.words[1] == "-sk"
    for name in call.words[2:]:
        path = call.shell.path(name)
        nodes = call.files.nodes.items()
        size = sum(node.size() for one, node in nodes if f"{one}/".startswith(f"{path}/"))
        call.out.write(f"{-(-size // 1024)}\t{name}\n".encode())
    return 0


def _id(call: Call) -> int:
    assert call.words[1:] == ["-u"]
    call.out.write(f"{call.user}\n".encode())
    return 0


def _kill(call: Call) -> int:
    *_, pid = call.words
    for process in call.shell.system.clock.processes:
        if process.pid == int(pid) and process.code is None:
            if "-0" not in call.words:
                process.kill()
            return 0
    return call.fail(pid, OSError(errno.ESRCH, "No such process"))


def _ln(call: Call) -> int:
    """Hard links: two names of one file."""
    assert call.words[1] == "-f"
    *sources, last = (call.shell.path(word) for word in call.words[2:])
    code = 0
    for source in sources:
        target = last + source.rpartition("/")[2] if last.endswith("/") else last
        try:
            node = call.files.open(source, ROOT)
            call.files.writable(target)
            if not isinstance(call.files.find(target.rpartition("/")[0]), Folder):
                raise failure(errno.ENOENT)
        except OSError as error:
            code = call.fail(target, error)
            continue
        node.touched = call.shell.system.clock.now
        call.files.nodes[call.files.resolve(target)] = node
    return code


def _ls(call: Call) -> int:
    options, names = read_options(call)
    code = 0
    for name in names:
        path = call.shell.path(name)
        node = call.files.find(path)
        if node is None:
            code = call.fail(name, failure(errno.ENOENT))
            continue
        shown = call.files.names(path) if isinstance(node, Folder) and "d" not in options else [name]
        if "t" in options:
            shown.sort(key=lambda one: call.files.nodes[f"{path}/{one}"].touched, reverse=True)
        call.out.write("".join(f"{one}\n" for one in shown).encode())
    return code


def _mkdir(call: Call) -> int:
    _, names = read_options(call)
    for name in names:
        path = call.shell.path(name)
        try:
            if call.files.find(path) is None:
                call.files.writable(path)
                call.files.add(path, Folder(call.user))
        except OSError as error:
            return call.fail(name, error)
    return 0


def _mv(call: Call) -> int:
    source, target = (call.files.resolve(call.shell.path(name)) for name in call.words[1:])
    node = call.files.find(source)
    if node is None:
        return call.fail(source, failure(errno.ENOENT))
    call.files.writable(target)
    below = {path: one for path, one in call.files.nodes.items() if path.startswith(f"{source}/")}
    call.files.remove(source)
    call.files.add(target, node)
    for path, one in below.items():
        call.files.add(target + path.removeprefix(source), one)
    return 0


def _readlink(call: Call) -> int:
    path = call.files.resolve(call.shell.path(call.words[-1]))
    call.out.write(f"{path}\n".encode())
    return int(path not in call.files.nodes)


def _rm(call: Call) -> int:
    options, names = read_options(call)
    code = 0
    for name in names:
        path = call.shell.path(name)
        try:
            call.files.remove(path)
        except OSError as error:
            if "f" not in options or error.errno != errno.ENOENT:
                code = call.fail(name, error)
    return code


def _sh(call: Call) -> Steps:
    """Run a script in a process of its own, which can be killed by itself."""
    assert call.words[1] == "-c"
    shell = call.shell.subshell()
    shell.arguments = call.words[4:]
    clock = shell.system.clock
    process = clock.start("sh", shell.script(call.words[2], call.stdin, call.out, call.err))
    shell.variables["$"] = str(process.pid)
    script = call.words[2].encode()
    shows = Special(shows=lambda: script if process.code is None else b"")
    folder = f"/proc/{process.pid}"
    call.files.add(f"{folder}/cmdline", shows)
    try:
        while process.code is None:
            yield _CHILD_POLL_S
        return process.code
    finally:
        for path in (f"{folder}/cmdline", folder):
            call.files.nodes.pop(path, None)


def _sleep(call: Call) -> Steps:
    yield float(call.words[1])
    return 0


def _stat(call: Call) -> int:
    options, (name,) = read_options(call, "c")
    assert options["c"] == "%s"
    node = call.files.find(call.shell.path(name))
    if node is None:
        return call.fail(name, failure(errno.ENOENT))
    call.out.write(f"{len(node.read())}\n".encode())
    return 0


def _tar(call: Call) -> int:
    assert call.words[1:4] == ["-cf", "-", "-C"]
    top = call.files.resolve(call.shell.path(call.words[4]))
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, node in sorted(call.files.nodes.items()):
            if not f"{path}/".startswith(f"{top}/"):
                continue
            entry = tarfile.TarInfo("." + path[len(top) :])
            if isinstance(node, Folder):
                entry.type = tarfile.DIRTYPE
                archive.addfile(entry)
            else:
                data = node.read()
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    call.out.write(made.getvalue())
    return 0


def _test(call: Call) -> int:
    words = call.words[1:]
    if call.words[0] == "[":
        assert words.pop() == "]"
    negated = words[:1] == ["!"] and len(words) > 2
    return int(_holds(call, words[negated:]) == negated)


def _holds(call: Call, words: list[str]) -> bool:
    if len(words) == 3:
        left, operator, right = words
        if operator in ("=", "!="):
            return (left == right) == (operator == "=")
        numbers = {"-eq": 0, "-ge": 0, "-gt": 1}
        assert operator in numbers, operator
        difference = int(left) - int(right)
        return difference == 0 if operator == "-eq" else difference >= numbers[operator]
    if len(words) == 1:
        return bool(words[0])
    operator, name = words
    if operator in ("-n", "-z"):
        return bool(name) == (operator == "-n")
    node = call.files.find(call.shell.path(name)) if name else None
    if operator == "-L":
        return isinstance(call.files.nodes.get(call.shell.path(name)), Link)
    kinds = {"-b": BlockDevice, "-d": Folder, "-e": Node, "-f": File | Special}
    if operator in kinds:
        return isinstance(node, kinds[operator])
    assert operator in ("-r", "-w", "-x"), operator
    return node is not None and may(node, call.user, {"-r": 4, "-w": 2, "-x": 1}[operator])


def _touch(call: Call) -> int:
    for name in call.words[1:]:
        try:
            call.shell.opened(call.shell.path(name), append=True)
        except OSError as error:
            return call.fail(name, error)
    return 0


def _true(call: Call) -> int:
    return 0


def _false(call: Call) -> int:
    return 1


def stand_still() -> Steps:
    """Never end."""
    while True:
        yield FOREVER


PROGRAMS: dict[str, Program] = {
    **FILTERS,
    "[": _test,
    "chmod": _chmod,
    "chown": _chown,
    "du": _du,
    "false": _false,
    "id": _id,
    "kill": _kill,
    "ln": _ln,
    "ls": _ls,
    "mkdir": _mkdir,
    "mv": _mv,
    "readlink": _readlink,
    "rm": _rm,
    "sh": _sh,
    "sleep": _sleep,
    "stat": _stat,
    "tar": _tar,
    "test": _test,
    "touch": _touch,
    "true": _true,
}
__all__ = ["ADB", "PROGRAMS", "stand_still"]
