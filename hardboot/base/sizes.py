"""Sizes in bytes: aligned, and as people read them."""


def align_up(value: int, alignment: int) -> int:
    """Return the smallest multiple of `alignment` that is >= `value`."""
    return -(-value // alignment) * alignment


def align_down(value: int, alignment: int) -> int:
    """Return the largest multiple of `alignment` that is <= `value`."""
    return value // alignment * alignment


def human_size(size: int) -> str:
    """Format a size in bytes for people: 4.0 KiB, 16.0 MiB."""
    if size < 1024:
        return f"{size} B"
    value = float(size)
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if value < 1024 or unit == "GiB":
            return f"{value:.1f} {unit}"
    raise AssertionError
