"""Where every byte of a guest goes, or a refusal that names the rule. Pure: same input, same plan."""

from hardboot.layout.live import LiveMemory, parse_iomem
from hardboot.layout.model import BootPlan, Guest, Segment
from hardboot.layout.placing import assemble, plan
from hardboot.layout.rules import RULES, Violation, check, violations
from hardboot.layout.terrain import Terrain, survey

__all__ = [
    "RULES",
    "BootPlan",
    "Guest",
    "LiveMemory",
    "Segment",
    "Terrain",
    "Violation",
    "assemble",
    "check",
    "parse_iomem",
    "plan",
    "survey",
    "violations",
]
