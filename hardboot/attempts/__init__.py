"""Attempts to boot a ROM: what was done, what came of it, and why it failed, kept on this computer."""
