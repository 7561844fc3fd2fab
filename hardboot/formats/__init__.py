"""Bytes to frozen dataclasses and back: no files, no log."""
