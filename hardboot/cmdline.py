"""Kernel command lines as lists of words. Pure."""

from collections import Counter


def additions(running: str, own: str) -> str:
    """The words of `running` (/proc/cmdline) that are not in `own` (the boot image's): the bootloader's.

    A word that stands twice in `running` and once in `own` is added once; the order is kept.
    """
    known = Counter(own.split())
    added = []
    for word in running.split():
        if known[word]:
            known[word] -= 1
        else:
            added.append(word)
    return " ".join(added)
