"""Bytes to frozen dataclasses and back: no files, no log. The only place that imports construct."""
