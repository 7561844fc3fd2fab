"""Draw stacked bars as a self-contained SVG, readable on light and dark backgrounds."""

import textwrap
from collections.abc import Sequence
from html import escape

WIDTH = 720  # pixels
CHAR, TITLE_CHAR = 7.7, 11.0  # pixels, rather too wide than too narrow: of 12 px, and of 15 px in bold
_MARGIN, _GAP = 16, 10
_BAR, _ROW, _KEY = 22, 34, 14
# The Okabe-Ito palette, which colour-blind people can tell apart.
_COLOURS = ("#e69f00", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#56b4e9")
_STYLE = """
.paper { fill: #ffffff } text { fill: #1b1b1b; font: 12px "DejaVu Sans", Verdana, sans-serif }
.title { font-size: 15px; font-weight: bold } .right { text-anchor: end }
@media (prefers-color-scheme: dark) { .paper { fill: #16181c } text { fill: #ececec } }
"""

Bar = tuple[str, str, Sequence[tuple[str, float]]]


def svg(title: str, bars: Sequence[Bar], unit: str) -> str:
    """Return bars, drawn to one scale, as an SVG document.

    Args:
        title: Text above them.
        bars: Name, remark behind the bar, and pieces of each: name and size, not negative.
        unit: Unit of the sizes.
    """
    parts: list[str] = []
    top = 28
    for line in textwrap.wrap(title, int((WIDTH - 2 * _MARGIN) / TITLE_CHAR)):
        parts.append(_text(_MARGIN, top, line, "title"))
        top += 20
    top = _bars(parts, bars, unit, top + 8)
    height = _legend(parts, _names(bars), top + 16) + _MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}</style>",
            f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _bars(parts: list[str], bars: Sequence[Bar], unit: str, top: int) -> int:
    """Draw the bars between their names and the room for the longest remark; return where they end."""
    start = _MARGIN + _GAP + CHAR * max((len(name) for name, _, _ in bars), default=0)
    end = WIDTH - _MARGIN - _GAP - CHAR * max((len(remark) for _, remark, _ in bars), default=0)
    most = max((sum(size for _, size in pieces) for _, _, pieces in bars), default=0) or 1
    names = _names(bars)
    for name, remark, pieces in bars:
        parts.append(_text(start - _GAP, top + 15, name, "right"))
        left = start
        for piece, size in pieces:
            width = size / most * (end - start)
            parts.append(
                f'<g><rect x="{left:.2f}" y="{top}" width="{width:.2f}" height="{_BAR}" '
                f'fill="{_colour(names, piece)}"/>'
                f"<title>{escape(piece)}: {size:.2f} {escape(unit)}</title></g>"
            )
            left += width
        parts.append(_text(left + _GAP, top + 15, remark))
        top += _ROW
    return top


def _legend(parts: list[str], names: list[str], top: int) -> int:
    """Draw the legend from baseline `top` on; return its last baseline."""
    left: float = _MARGIN
    for name in names:
        width = _KEY + 6 + CHAR * len(name)
        if left + width > WIDTH - _MARGIN:
            left, top = _MARGIN, top + 20
        key = f'x="{left:.2f}" y="{top - 10}" width="{_KEY}" height="12"'
        parts.append(f'<rect {key} fill="{_colour(names, name)}"/>')
        parts.append(_text(left + _KEY + 6, top, name))
        left += width + 2 * _GAP
    return top


def _names(bars: Sequence[Bar]) -> list[str]:
    """Return the names of all pieces, each once."""
    return list(dict.fromkeys(name for _, _, pieces in bars for name, _ in pieces))


def _colour(names: list[str], name: str) -> str:
    return _COLOURS[names.index(name) % len(_COLOURS)]


def _text(left: float, top: float, text: str, name: str = "") -> str:
    name = f' class="{name}"' if name else ""
    return f'<text x="{left:.2f}" y="{top:.2f}"{name}>{escape(text)}</text>'
