"""The agent as tests run it, and a connected phone."""

import pytest
import scripted_setup as setup
from agents import host_agent
from scripted_phone import ScriptedPhone

from hardboot.device.phone import Phone

__all__ = ["host_agent"]


@pytest.fixture
def phone(scripted: ScriptedPhone) -> Phone:
    return setup.connected(scripted)
