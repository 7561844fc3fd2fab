"""The version and the configuration of a decompressed kernel, found while it streams by.

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


class KernelScan:
    """A search through a decompressed kernel, piece by piece, that keeps its results and little more.

    Attributes:
        head: The first 64 bytes.
        size: Bytes fed.
        version: The whole banner, "Linux version ..."; None until it was fed.
        release: As `uname -r` prints it.
        config: The configuration it was built with; None until all of it was fed.
        cut: True if no more is fed, though there is more.
    """

    def __init__(self, *, config: bool = True) -> None:
        """Begin a search; look for the configuration only if `config`."""
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
        """True if there is nothing more to look for."""
        return self.version is not None and (self.config is not None or not self._wants_config)

    def feed(self, piece: bytes) -> None:
        """Search the next piece."""
        if len(self.head) < _HEAD:
            self.head += piece[: _HEAD - len(self.head)]
        self.size += len(piece)
        window = self._tail + piece
        if self.version is None:
            self._find_banner(window)
        if self._wants_config and self.config is None:
            self._find_config(window, piece)
        self._tail = window[-_LONGEST_BANNER:]

    def _find_banner(self, window: bytes) -> None:
        at = window.find(_BANNER_START)  # many times faster than a regular expression
        while at >= 0:
            banner = _BANNER.match(window, at)
            if banner:
                self.release = banner[1].decode("ascii")
                line, *rest = re.split(rb"[\n\0]", window[at : at + _LONGEST_BANNER], maxsplit=1)
                if rest or at + _LONGEST_BANNER <= len(window):
                    self.version = line.decode("utf-8", "replace")
                return
            at = window.find(_BANNER_START, at + 1)

    def _find_config(self, window: bytes, piece: bytes) -> None:
        if self._decoder is not None:
            self._decoder.feed(piece)
        else:
            at = window.find(_CONFIG_START)
            if at < 0:
                return
            self._decoder = _Config()
            self._decoder.feed(window[at + _CONFIG_MARK :])
        if self._decoder.failed:
            self._decoder = None
        elif self._decoder.text is not None:
            self.config = parse_config(self._decoder.text)


class _Config:
    """Decompresses the gzipped configuration; `text` is set once it is complete."""

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
    """Return the options of a .config as written there: "y", "m", numbers, quoted strings; "n" if not set."""
    return {line[1] or line[3]: line[2] if line[1] else "n" for line in _OPTION.finditer(text)}
