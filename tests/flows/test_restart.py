"""What is asked of a phone that goes down and comes back."""

from typing import cast

import pytest
from answering import Answering, phone

from hardboot.base.errors import DeviceError
from hardboot.device.handset import KernelIdentity
from hardboot.device.phone import Phone
from hardboot.flows import restart

OLD, NEW = (KernelIdentity("6.1.0", boot_id, "") for boot_id in ("old", "new"))


def test_a_phone_that_is_gone_before_it_has_answered_was_told_to_restart() -> None:
    me = phone(reboot=DeviceError("the phone closed the connection", state="", fix=""))
    restart.reboot(me)
    assert "reboot" in cast(Answering, me).commands[-1]


class Restarting:
    """A phone that answers with its old kernel, fails, and answers with the new one."""

    def __init__(self, *answers: KernelIdentity | DeviceError) -> None:
        self.answers = list(answers)

    def kernel_anew(self, *, timeout_s: float) -> KernelIdentity:
        assert timeout_s > 0
        answer = self.answers.pop(0)
        if isinstance(answer, DeviceError):
            raise answer
        return answer


def test_the_old_kernel_and_failures_are_outlasted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restart, "_POLL_S", 0.01)
    lost = DeviceError("no root shell yet", state="", fix="")
    seen: list[float] = []
    me = cast(Phone, Restarting(OLD, lost, OLD, NEW, OLD))
    assert restart.wait_for_change(me, OLD, wait_s=10, on_old_kernel=seen.append) == NEW
    assert len(seen) == 2
    assert restart.wait_for_change(cast(Phone, Restarting(*[OLD] * 100)), OLD, wait_s=0.05) is None
