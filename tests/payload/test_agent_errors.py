"""What hardboot says when the agent fails."""

import pytest

from hardboot.payload import agent_errors


@pytest.mark.parametrize("step", ["load", "probe", "unload", "exec", "info"])
def test_every_errno_is_explained(step: str) -> None:
    for errno in range(200):
        error = agent_errors.explain(step, errno)
        assert error.what
        assert error.fix
        assert "nothing was written or reset" in error.state


@pytest.mark.parametrize(
    ("step", "text", "said"),
    [
        ("load", "error=kexec_load errno=38\n", "CONFIG_KEXEC"),
        ("load", "noise\r\nerror=kexec_load errno=99\r\n", "hardboot page"),
        ("exec", "synced=1\nerror=reboot errno=22\n", "nothing is loaded"),
        ("load", "error=open /data/x errno=2\n", "open /data/x: no such file (ENOENT)"),
        ("load", "sh: /data/agent: Permission denied", "did not run on the phone: sh: /data/agent"),
        ("load", "", "it printed nothing"),
    ],
)
def test_a_failed_agent_is_put_into_words(step: str, text: str, said: str) -> None:
    assert said in agent_errors.failure(step, text).what
