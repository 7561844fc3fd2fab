"""What a command that is cut off tells: the state that its flow knows, and whether trying again is safe."""

import pytest

from hardboot.base.errors import DeviceError, DeviceStateError, HardbootError, RequestError
from hardboot.base.interrupts import LOOK, Interrupt, if_cut_off


def request_fails() -> None:
    raise RequestError("the cable was pulled", state="It is not known.", fix="Plug it in.")


@pytest.mark.parametrize(("unknown", "kind", "code"), [(False, DeviceError, 5), (True, DeviceStateError, 6)])
def test_a_failed_request_tells_whether_trying_again_is_safe(
    unknown: bool, kind: type[HardbootError], code: int
) -> None:
    with pytest.raises(kind) as caught, if_cut_off("The reset may have been sent.", unknown=unknown):
        request_fails()
    error = caught.value
    assert (error.what, error.state, error.fix, error.exit_code) == (
        "the cable was pulled",
        "The reset may have been sent.",
        "Plug it in.",
        code,
    )


def test_the_innermost_state_is_told() -> None:
    with (
        pytest.raises(DeviceStateError) as caught,
        if_cut_off("Nothing was sent."),
        if_cut_off("The reset may have been sent.", "Look at it.", unknown=True),
    ):
        request_fails()
    assert (caught.value.state, caught.value.fix) == ("The reset may have been sent.", "Look at it.")


@pytest.mark.parametrize("unknown", [False, True])
def test_a_ctrl_c_tells_it_too(unknown: bool) -> None:
    with pytest.raises(Interrupt) as caught, if_cut_off("Nothing was sent.", unknown=unknown):
        raise KeyboardInterrupt
    assert (caught.value.state, caught.value.fix) == ("Nothing was sent.", LOOK)
