"""A connection to a phone that is a fake or a real adbd."""

import random
from pathlib import Path

from fake_adbd import FakeAdbd

from hardboot.transport.direct import AdbTcp
from hardboot.transport.services import Timeouts

CONTENT = random.Random(1).randbytes(10_000)


def nothing(_moved: int) -> None:
    pass


def phone(port: int, keys: Path | None = None, *, patience_s: float = 5.0) -> AdbTcp:
    return AdbTcp(
        "127.0.0.1",
        port,
        timeouts=Timeouts(patience_s, patience_s, patience_s, patience_s),
        key_folder=keys or Path("/nonexistent/keys"),
    )


def fake() -> FakeAdbd:
    return FakeAdbd(files={"/data/x": (0o100644, CONTENT)})
