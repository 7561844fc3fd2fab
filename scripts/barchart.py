"""Draw stacked bars as a self-contained SVG, readable on light and dark backgrounds."""

from collections.abc import Sequence
from html import escape

WIDTH = 720  # pixels
_LEFT, _RIGHT = 96, 640
_BAR, _ROW, _TOP = 22, 34, 56
# The Okabe-Ito palette, which colour-blind people can tell apart.
_COLOURS = ("#e69f00", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#56b4e9")
_STYLE = """
.paper { fill: #ffffff } text { fill: #1b1b1b; font: 12px "DejaVu Sans", Verdana, sans-serif }
.title { font-size: 15px; font-weight: bold } .right { text-anchor: end }
@media (prefers-color-scheme: dark) { .paper { fill: #16181c } text { fill: #ececec } }
"""


def svg(title: str, bars: Sequence[tuple[str, str, Sequence[tuple[str, float]]]], unit: str) -> str:
    """Return bars, drawn to one scale, as an SVG document.

    Args:
        title: Text above them.
        bars: Name, remark behind the bar, and pieces of each: name and size, not negative.
        unit: Unit of the sizes.
    """
    most = max((sum(size for _, size in pieces) for _, _, pieces in bars), default=0) or 1
    names = list(dict.fromkeys(name for _, _, pieces in bars for name, _ in pieces))
    parts = [_text(16, 28, title, "title")]
    top = _TOP
    for name, remark, pieces in bars:
        parts.append(_text(_LEFT - 10, top + 15, name, "right"))
        left = float(_LEFT)
        for piece, size in pieces:
            width = size / most * (_RIGHT - _LEFT)
            colour = _COLOURS[names.index(piece) % len(_COLOURS)]
            parts.append(
                f'<g><rect x="{left:.2f}" y="{top}" width="{width:.2f}" height="{_BAR}" fill="{colour}"/>'
                f"<title>{escape(piece)}: {size:.2f} {escape(unit)}</title></g>"
            )
            left += width
        parts.append(_text(left + 8, top + 15, remark))
        top += _ROW
    left = float(_LEFT)
    for number, name in enumerate(names):
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(f'<rect x="{left:.2f}" y="{top + 6}" width="14" height="12" fill="{colour}"/>')
        parts.append(_text(left + 20, top + 16, name))
        left += 44 + 7.5 * len(name)
    height = top + 36
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


def _text(left: float, top: float, text: str, name: str = "") -> str:
    name = f' class="{name}"' if name else ""
    return f'<text x="{left:.2f}" y="{top:.2f}"{name}>{escape(text)}</text>'
