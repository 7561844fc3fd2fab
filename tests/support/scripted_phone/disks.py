"""Programs that read and write disks and file systems: dd, blockdev, df, mount, sync."""

import errno

from scripted_phone.calls import Call, Program
from scripted_phone.clock import Steps
from scripted_phone.files import BlockDevice, failure
from scripted_phone.streams import Input, Opened

BYTES_PER_S = 16 << 20  # of dd


def _dd(call: Call) -> Steps:
    """Copy block by block; another program may run between two."""
    words = dict(word.partition("=")[::2] for word in call.words[1:])
    assert not words.keys() - {"if", "of", "bs", "count", "conv", "seek", "skip"}, words
    size = int(words.get("bs", 512))
    flags = words.get("conv", "").split(",")
    source, out = call.stdin, call.out
    try:
        if "if" in words:
            path = call.shell.path(words["if"])
            source = Input(path, call.files.open(path, call.user).read())
        if "of" in words:
            out = call.shell.opened(call.shell.path(words["of"]), append="notrunc" in flags)
            out.at = int(words.get("seek", 0)) * size
    except OSError as error:
        return call.fail(words.get("of", words.get("if", "")), error)
    source.read(int(words.get("skip", 0)) * size)
    done = 0
    count = int(words.get("count", -1))
    while count and (data := source.read(size)):
        count -= 1
        if call.fault.most is not None:
            data = data[: call.fault.most - done]
        if call.fault.alters and not done:
            data = call.fault.alters(data)
        yield len(data) / BYTES_PER_S
        try:
            out.write(data)
        except OSError as error:
            return call.fail(words.get("of", "standard output"), error)
        done += len(data)
        if done == call.fault.most:
            return call.fail(words.get("of", "standard output"), failure(errno.EIO))
    if "fsync" in flags and isinstance(out, Opened) and isinstance(out.node, BlockDevice):
        out.node.flush()
    call.err.write(f"{done} bytes copied\n".encode())
    return 0


def _blockdev(call: Call) -> int:
    _, option, name = call.words
    try:
        node = call.files.open(call.shell.path(name), call.user)
    except OSError as error:
        return call.fail(name, error)
    assert isinstance(node, BlockDevice)
    if option == "--flushbufs":
        node.flush()
        node.drop()
        return 0
    call.out.write({"--getsize64": f"{node.size()}\n", "--getro": f"{node.read_only:d}\n"}[option].encode())
    return 0


def _df(call: Call) -> int:
    assert call.words[1] == "-k"
    path = call.shell.path(call.words[2])
    mount, free = call.files.mount(path), call.files.free(path)
    total = 8 << 30 if mount.capacity is None else mount.capacity
    free = total if free is None else free
    used = total - free
    numbers = f"{total >> 10} {used >> 10} {free >> 10} {used * 100 // total}%"
    call.out.write(b"Filesystem     1K-blocks    Used Available Use% Mounted on\n")
    call.out.write(f"{mount.device} {numbers} {mount.point}\n".encode())
    return 0


def _mount(call: Call) -> int:
    if call.words[1] == "-t":
        return call.fail(call.words[3], failure(errno.ENODEV))
    assert call.words[1:3] == ["-o", "remount,ro"]
    device, point = call.words[3:]
    for mount in call.files.mounts:
        if (mount.device, mount.point) == (device, point):
            if mount.busy or mount.stubborn:
                return call.fail(point, failure(errno.EBUSY))
            mount.read_only = True
            return 0
    return call.fail(point, failure(errno.EINVAL))


def _mountpoint(call: Call) -> int:
    return int(all(one.point != call.words[-1] for one in call.files.mounts))


def _sync(call: Call) -> int:
    for node in call.files.nodes.values():
        if isinstance(node, BlockDevice):
            node.flush()
    return 0


DISK_PROGRAMS: dict[str, Program] = {
    "blockdev": _blockdev,
    "dd": _dd,
    "df": _df,
    "mount": _mount,
    "mountpoint": _mountpoint,
    "sync": _sync,
}
