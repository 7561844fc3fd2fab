"""Where every byte of a guest goes, or a refusal that names the rule. Pure: same input, same plan."""

from hardboot.layout.inside import plan_inside
from hardboot.layout.live import LiveMemory, parse_iomem
from hardboot.layout.model import AnyKernel, Arm64Kernel, BootPlan, Guest, Segment
from hardboot.layout.placing import assemble, of_model, plan
from hardboot.layout.refusing import check
from hardboot.layout.rules import RULES, Violation, violations
from hardboot.layout.terrain import Terrain, survey

__all__ = [
    "RULES",
    "AnyKernel",
    "Arm64Kernel",
    "BootPlan",
    "Guest",
    "LiveMemory",
    "Segment",
    "Terrain",
    "Violation",
    "assemble",
    "check",
    "of_model",
    "parse_iomem",
    "plan",
    "plan_inside",
    "survey",
    "violations",
]
