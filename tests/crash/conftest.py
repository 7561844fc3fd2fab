"""The agent as tests run it."""

from agents import host_agent

__all__ = ["host_agent"]
