"""What an unpacked kernel says of itself: its version and its configuration, found while it streams by.

Sources: Linux init/version-timestamp.c (linux_banner) and kernel/configs.c (IKCONFIG, the gzipped .config
between IKCFG_ST and IKCFG_ED).
"""

import re
import zlib

MAX_CONFIG = 4 << 20  # bytes of .config text; Debian's largest has 0.3 MiB
_MAX_CONFIG_STREAM = 1 << 20  # bytes
_LONGEST_BANNER = 1024  # bytes; a release alone has at most 64 (struct new_utsname)
_HEAD = 64  # bytes; the header of an arm64 kernel

# "Linux version RELEASE (who@where) (compiler) #1 SMP ...\n"
_BANNER_START = b"Linux version "
_BANNER = re.compile(rb"Linux version (\d+\.[\x21-\x7e]{1,62}) \(")
_CONFIG_START = b"IKCFG_ST\x1f\x8b\x08"
_CONFIG_MARK = 8  # bytes of it are not gzip's
_OPTION = re.compile(r"^(?:(CONFIG_\w+)=(.*)|# (CONFIG_\w+) is not set)$", re.MULTILINE)


class Scan:
    """Feed it an unpacked kernel piece by piece; it keeps what it finds and little more.

    Attributes:
        head: The first 64 bytes.
        size: Bytes seen.
        version: The whole banner, "Linux version ..."; None until it was seen.
        release: As `uname -r` prints it.
        config: The configuration it was built with; None until it was seen.
        cut: Nothing more will be fed, though there is more.
    """

    def __init__(self, *, config: bool = True) -> None:
        self.head = b""
        self.size = 0
        self.version: str | None = None
        self.release: str | None = None
        self.config: dict[str, str] | None = None
        self.cut = False
        self._wants_config = config
        self._tail = b""
        self._decoder: _Config | None = None

    @property
    def done(self) -> bool:
        """True if nothing more can be found."""
        return self.version is not None and (self.config is not None or not self._wants_config)

    def feed(self, piece: bytes) -> None:
        """Look at the next piece."""
        if len(self.head) < _HEAD:
            self.head += piece[: _HEAD - len(self.head)]
        self.size += len(piece)
        seen = self._tail + piece
        if self.version is None:
            self._find_banner(seen)
        if self._wants_config and self.config is None:
            self._find_config(seen, piece)
        self._tail = seen[-_LONGEST_BANNER:]

    def _find_banner(self, seen: bytes) -> None:
        at = seen.find(_BANNER_START)  # many times faster than a regular expression
        while at >= 0:
            found = _BANNER.match(seen, at)
            if found:
                self.release = found[1].decode("ascii")
                line, *rest = re.split(rb"[\n\0]", seen[at : at + _LONGEST_BANNER], maxsplit=1)
                if rest or at + _LONGEST_BANNER <= len(seen):
                    self.version = line.decode("utf-8", "replace")
                return
            at = seen.find(_BANNER_START, at + 1)

    def _find_config(self, seen: bytes, piece: bytes) -> None:
        if self._decoder is not None:
            self._decoder.feed(piece)
        else:
            at = seen.find(_CONFIG_START)
            if at < 0:
                return
            self._decoder = _Config()
            self._decoder.feed(seen[at + _CONFIG_MARK :])
        if self._decoder.failed:
            self._decoder = None
        elif self._decoder.text is not None:
            self.config = parse_config(self._decoder.text)


class _Config:
    """Unpacks the gzipped configuration; `text` is there once it is whole."""

    def __init__(self) -> None:
        self.text: str | None = None
        self.failed = False
        self._decoder = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        self._content = b""
        self._fed = 0

    def feed(self, piece: bytes) -> None:
        self._fed += len(piece)
        try:
            self._content += self._decoder.decompress(piece, MAX_CONFIG + 1 - len(self._content))
        except zlib.error:
            self.failed = True
            return
        if len(self._content) > MAX_CONFIG or self._decoder.unconsumed_tail:
            self.failed = True
        elif self._decoder.eof:
            self.text = self._content.decode("utf-8", "replace")
        elif self._fed > _MAX_CONFIG_STREAM:
            self.failed = True


def parse_config(text: str) -> dict[str, str]:
    """The options of a .config as they stand there: "y", "m", numbers, quoted strings; "n" if not set."""
    return {found[1] or found[3]: found[2] if found[1] else "n" for found in _OPTION.finditer(text)}
