"""The agent as tests run it: here, and as ARM code."""

from agents import host_agent, run

__all__ = ["host_agent", "run"]
