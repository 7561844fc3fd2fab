"""Decide where every byte of a guest goes, or refuse and name the rule. Pure: same input, same plan."""

from hardboot.layout.constraints import Constraints, gather_constraints
from hardboot.layout.iomem import LiveMemory, parse_iomem
from hardboot.layout.model import AnyKernel, Arm64Kernel, BootPlan, Extent, ExtentKind, Guest, Segment
from hardboot.layout.panic_kernel import plan_panic_kernel
from hardboot.layout.placement import assemble, plan, profile_of_model
from hardboot.layout.rule_errors import BrokenRuleError, check
from hardboot.layout.rules import RULES, Violation, violations

__all__ = [
    "RULES",
    "AnyKernel",
    "Arm64Kernel",
    "BootPlan",
    "BrokenRuleError",
    "Constraints",
    "Extent",
    "ExtentKind",
    "Guest",
    "LiveMemory",
    "Segment",
    "Violation",
    "assemble",
    "check",
    "gather_constraints",
    "parse_iomem",
    "plan",
    "plan_panic_kernel",
    "profile_of_model",
    "violations",
]
