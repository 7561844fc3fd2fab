"""Draw a plan: what lies where in RAM, to scale, for a terminal and as SVG. Pure."""

from hardboot.memorymap.model import Kind, MemoryMap, Overlap, Panel, Shape, draw
from hardboot.memorymap.svg import svg
from hardboot.memorymap.terminal import GLYPHS, Line, lines, visible

__all__ = [
    "GLYPHS",
    "Kind",
    "Line",
    "MemoryMap",
    "Overlap",
    "Panel",
    "Shape",
    "draw",
    "lines",
    "svg",
    "visible",
]
