"""The agent as tests run it on this computer."""

from agents import host_agent, run

__all__ = ["host_agent", "run"]
