"""Remove what tells one phone or one person from texts: serial numbers, addresses, IMEIs, paths, names."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

SERIAL, ADDRESS, IMEI, PATH, NAME = "serial number", "network address", "IMEI", "path", "name"
_MAX_VALUES = 100  # that are looked for everywhere; others only where they were found
_SHORTEST = 4  # characters of a value that is looked for everywhere: shorter ones are parts of words
# Names that many have: they tell nobody, and are words in logs.
_COMMON = frozenset(
    (
        "root",
        "user",
        "admin",
        "android",
        "shell",
        "system",
        "ubuntu",
        "debian",
        "localhost",
        "runner",
        "build",
    )
)
_VALUE = r"[^\s\"'\\,;\])}]+"
# Parameters and properties whose value is of one phone, as a word (key=value), as a line of the bootconfig
# (key = "value"), of getprop ([key]: [value]), or in JSON.
_KEYS = re.compile(
    r"(?P<key>(?<![\w.-])(?:[\w.-]{0,64}?(?:serial(?:_?no|_?number)?|imei\d?|meid|esn|iccid|imsi|"
    r"(?:bt|wifi|wlan|eth)?[._]?mac(?:_?addr|address)?|bdaddr|uniqueno|unique_id|chip_?id|cpu_?id|"
    r"device_?id|hwid)|(?:androidboot|ro\.boot)\.[\w.]{0,40}?(?:uid|cid|did)))"
    r"(?P<sign>[\]\"']?\s{0,8}[=:]\s{0,8}[\[\"']?)"
    rf"(?P<value>{_VALUE})",
    re.IGNORECASE,
)
_KEY_SERIAL = re.compile(r"serial|unique|chip|cpu|device|hwid|uid|cid|did", re.IGNORECASE)
_KEY_ADDRESS = re.compile(r"mac|bdaddr", re.IGNORECASE)
# Values of such keys that tell nothing: numbers of a port or an irq, words.
_PLAIN = re.compile(
    r"\d{1,3}|0x[0-9a-f]{1,4}|0+|none|null|unknown|true|false|tty\w*|on|off|-1", re.IGNORECASE
)
_MAC = re.compile(
    r"(?<![0-9A-Fa-f:-])(?:[0-9A-Fa-f]{2}([:-]))(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:-])"
)
_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_IMEI = re.compile(r"(?<![\dA-Fa-fx.])\d{14,17}(?![\dA-Fa-f.])")
# Folders of users on computers; paths of the phone stay.
_HOME = re.compile(r"(?:/home/|/Users/)([^/\\\s\"':]+)|[A-Za-z]:\\+Users\\+([^\\\n\"':*?<>|/]+)")
_BUILDER = re.compile(r"(?<=\()[^\s()@]+@[^\s()@]+(?=\))")  # of a kernel: (USER@HOST)


@dataclass
class Redaction:
    """Removes private values from texts, each the same way everywhere, and counts what it removed.

    Attributes:
        values: Values to remove wherever they stand, each with its kind.
        removed: How often each kind was removed.
    """

    values: dict[str, str] = field(default_factory=dict)
    removed: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, *values: str) -> None:
        """Remove these values from now on, unless they are too common to tell anything."""
        for value in values:
            if len(value) >= _SHORTEST and _tells(value) and len(self.values) < _MAX_VALUES:
                self.values.setdefault(value, kind)

    def learn(self, texts: Iterable[str]) -> None:
        """Find the values of private parameters and properties, to remove them wherever else they stand."""
        for text in texts:
            for found in _KEYS.finditer(text):
                self.add(_kind(found["key"]), found["value"])
            for found in _HOME.finditer(text):
                self.add(NAME, found[1] or found[2])

    def redact(self, text: str) -> str:
        """Return the text without private values."""
        for value in sorted(self.values, key=len, reverse=True):
            text = self._replace(_everywhere(value), self.values[value], text)
        text = _KEYS.sub(self._value, text)
        text = _HOME.sub(self._home, text)
        for pattern, kind in ((_MAC, ADDRESS), (_IMEI, IMEI), (_BUILDER, NAME)):
            text = self._replace(pattern, kind, text)
        return _IPV4.sub(self._address, text)

    def _replace(self, pattern: "re.Pattern[str]", kind: str, text: str) -> str:
        text, times = pattern.subn(_WORDS[kind], text)
        self.removed[kind] += times
        return text

    def _value(self, found: "re.Match[str]") -> str:
        if found["value"] in _WORDS.values() or not _tells(found["value"]):
            return found[0]
        kind = _kind(found["key"])
        return self._count(kind, f"{found['key']}{found['sign']}{_WORDS[kind]}")

    def _home(self, found: "re.Match[str]") -> str:
        name = found[1] or found[2]
        if name in _WORDS.values():  # removed already
            return found[0]
        return self._count(NAME, found[0].removesuffix(name) + _WORDS[NAME])

    def _count(self, kind: str, text: str) -> str:
        self.removed[kind] += 1
        return text

    def _address(self, found: "re.Match[str]") -> str:
        if found[0].startswith(("127.", "0.", "255.")) or any(int(one) > 255 for one in found[0].split(".")):
            return found[0]  # of no network, or a version
        return self._count(ADDRESS, _WORDS[ADDRESS])


_WORDS = {SERIAL: "SERIAL", ADDRESS: "ADDRESS", IMEI: "IMEI", PATH: "PATH", NAME: "NAME"}


def _kind(key: str) -> str:
    if _KEY_ADDRESS.search(key):
        return ADDRESS
    return SERIAL if _KEY_SERIAL.search(key) else IMEI


def _tells(value: str) -> bool:
    """Return whether a value tells one phone or person from others."""
    return value.lower() not in _COMMON and not _PLAIN.fullmatch(value)


def _everywhere(value: str) -> "re.Pattern[str]":
    """Return a pattern for a value that is no part of a longer word, however it is written."""
    return re.compile(rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])", re.IGNORECASE)
