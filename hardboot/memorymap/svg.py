"""The picture as a self-contained SVG, readable on light and dark backgrounds."""

import textwrap
from html import escape
from types import MappingProxyType

from hardboot.base.memory import Range
from hardboot.base.sizes import human_size
from hardboot.memorymap.model import Kind, MemoryMap, Panel, Shape
from hardboot.memorymap.terminal import visible

WIDTH = 1120  # pixels
TRACK = Range(336, 1104)  # pixels from left to right
LEAST = 3  # pixels; the smallest width of a bar
_CHAR = 7.4  # pixels; a monospace character of 12 pixels, rather too wide than too narrow
_ROW = 22
_BAR = 14
_MARGIN = 16
_COLUMNS = int((WIDTH - 2 * _MARGIN) / _CHAR)

# Okabe and Ito's colours, which people with colour blindness can tell apart.
_COLOURS = MappingProxyType(
    {
        Kind.RAM: "#8c8c8c",
        Kind.LOADED: "#0072b2",
        Kind.WORK: "#009e73",
        Kind.PAGE: "#cc79a7",
        Kind.HOST: "#56b4e9",
        Kind.BOOTLOADER: "#d55e00",
        Kind.RESERVED: "#e69f00",
        Kind.WINDOW: "none",
    }
)
_STYLE = """
.paper { fill: #ffffff } text { fill: #1b1b1b; font: 12px "DejaVu Sans Mono", Menlo, Consolas, monospace }
.head { font-weight: bold } .title { font-size: 16px; font-weight: bold } .dim { fill: #595959 }
.size { text-anchor: end } .left { text-anchor: end } .middle { text-anchor: middle }
.track { fill: #f2f2f2 } .band { fill: #8c8c8c; opacity: 0.16 }
.window { stroke: #8c8c8c; stroke-width: 2; stroke-dasharray: 5 3 }
.over { fill: #c00000; fill-opacity: 0.4; stroke: #c00000; stroke-width: 2; stroke-dasharray: 3 2 }
@media (prefers-color-scheme: dark) {
.paper { fill: #16181c } text { fill: #ececec } .dim { fill: #a8a8a8 } .track { fill: #24272d }
.over { fill: #ff6b6b; stroke: #ff6b6b } }
"""


def svg(picture: MemoryMap, title: str) -> str:
    """Return the picture as an SVG document.

    Args:
        picture: The picture.
        title: The heading.
    """
    parts: list[str] = []
    top = _MARGIN + 20
    for line in textwrap.wrap(visible(title), int(_COLUMNS * 12 / 16)):
        parts.append(_text(_MARGIN, top, line, "title"))
        top += 20
    for panel in picture.panels:
        top = _panel(parts, picture, panel, top)
    top = _legend(parts, picture, top + 24)
    for overlap in picture.overlaps:
        for line in textwrap.wrap(visible(str(overlap)), _COLUMNS, subsequent_indent="  "):
            top += 18
            parts.append(_text(_MARGIN, top, line, "dim"))
    height = top + _MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>{_safe(title)}</title>",
            f"<style>{_STYLE}</style>",
            f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _panel(parts: list[str], picture: MemoryMap, panel: Panel, top: int) -> int:
    """Draw a panel below `top`; return where it ends."""
    top += 24
    per_pixel = -(-panel.span.size // TRACK.size)
    parts.append(_text(_MARGIN, top, str(panel.span), "head"))
    parts.append(_text(TRACK.end, top, f"{human_size(per_pixel)}/pixel", "dim left"))
    top += 8
    height = _ROW * len(panel.shapes)
    parts.append(_rect("track", TRACK.start, top, TRACK.size, height))
    for shape in panel.shapes:
        if shape.kind is Kind.WINDOW:
            left, width = _place(shape.range, panel.span)
            parts.append(_rect("band", left, top, width, height))
    for shape in panel.shapes:
        _row(parts, picture, panel, shape, top)
        top += _ROW
    return top


def _row(parts: list[str], picture: MemoryMap, panel: Panel, shape: Shape, top: int) -> None:
    item, baseline = shape.range, top + 15
    parts.append(_text(_MARGIN, baseline, f"{item.start:#010x}-{item.end:#010x}", "dim"))
    parts.append(_text(TRACK.start - 12, baseline, human_size(item.size), "dim size"))
    left, width = _place(item, panel.span)
    name = "window" if shape.kind is Kind.WINDOW else "shape"
    bar = _rect(name, left, top + 4, width, _BAR, f'fill="{_COLOURS[shape.kind]}"')
    parts.append(f"<g>{bar}<title>{_safe(f'{item}, {shape.kind}')}</title></g>")
    for over in picture.overlaps_of(shape):
        if over.overlaps(panel.span):
            start, size = _place(over, panel.span)
            parts.append(_rect("over", start, top + 3, size, _BAR + 2))
    label = len(visible(item.name)) * _CHAR + 8
    if left + width + label <= TRACK.end:
        parts.append(_text(left + width + 6, baseline, item.name))
    elif left - label >= TRACK.start:
        parts.append(_text(left - 6, baseline, item.name, "left"))
    else:
        # On the bar, over a patch of the paper's colour: readable on each colour, in both schemes.
        middle = TRACK.start + TRACK.size / 2
        size = min(label, TRACK.size)
        parts.append(_rect("paper", middle - size / 2, top + 3, size, _BAR + 2, 'opacity="0.85"'))
        fit = f' textLength="{TRACK.size}" lengthAdjust="spacingAndGlyphs"' if label > TRACK.size else ""
        parts.append(_text(middle, baseline, item.name, "middle", fit))


def _place(item: Range, span: Range) -> tuple[float, float]:
    """Return the left edge and the width of a bar in pixels; it stays inside the track."""
    start = (max(item.start, span.start) - span.start) * TRACK.size / span.size
    end = (min(item.end, span.end) - span.start) * TRACK.size / span.size
    width = max(end - start, LEAST)
    return TRACK.start + min(start, TRACK.size - width), width


def _legend(parts: list[str], picture: MemoryMap, top: int) -> int:
    """Draw the legend from baseline `top` on; return its last baseline."""
    keys = [
        ("window" if kind is Kind.WINDOW else "key", _COLOURS[kind], kind.value) for kind in picture.kinds()
    ]
    if picture.overlaps:
        keys.append(("over", _COLOURS[Kind.RESERVED], "overlap"))
    left: float = _MARGIN
    for name, colour, text in keys:
        width = 24 + len(text) * _CHAR + 16
        if left + width > WIDTH:
            left, top = _MARGIN, top + _ROW
        parts.append(_rect(name, left, top - 10, 16, 12, f'fill="{colour}"'))
        parts.append(_text(left + 22, top, text))
        left += width
    return top


def _rect(name: str, left: float, top: float, width: float, height: float, more: str = "") -> str:
    more = f" {more}" if more else ""
    return (
        f'<rect class="{name}" x="{left:.2f}" y="{top:.2f}" width="{width:.2f}" height="{height:.2f}"{more}/>'
    )


def _text(left: float, top: float, text: str, name: str = "", more: str = "") -> str:
    name = f' class="{name}"' if name else ""
    return f'<text x="{left:.2f}" y="{top:.2f}"{name}{more}>{_safe(text)}</text>'


def _safe(text: str) -> str:
    """Return text from an image or a profile without markup and without characters that XML forbids."""
    return escape(visible(text))
