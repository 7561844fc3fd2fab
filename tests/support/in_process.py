"""The command line without a new Python: for tests of what it answers, not of how it starts and ends."""

import io
import os
import re
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from hardboot.__main__ import run


def on_terminal(*words: str | Path, columns: int) -> list[str]:
    """Return the lines that `hardboot` with these words shows on a terminal, without their styles."""
    done = hardboot(*words, FORCE_COLOR="1", COLUMNS=str(columns))
    assert done.returncode == 0, done.stderr
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout).splitlines()


def hardboot(*words: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Return what `hardboot` with these words gives whoever reads its output through pipes."""
    arguments = [str(word) for word in words]
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with mock.patch.dict(os.environ, environment), redirect_stdout(out), redirect_stderr(err):
        code = run(arguments)
    texts = [stream.buffer.getvalue().decode() for stream in (out, err)]
    return subprocess.CompletedProcess(["hardboot", *arguments], code, *texts)
