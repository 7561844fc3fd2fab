"""Draft a profile for a phone from what it says about itself, each value with its source or reason."""

from hardboot.suggest.findings import COMMANDS, Findings, ask_phone, read_folder
from hardboot.suggest.suggestion import Suggestion, suggest

__all__ = ["COMMANDS", "Findings", "Suggestion", "ask_phone", "read_folder", "suggest"]
