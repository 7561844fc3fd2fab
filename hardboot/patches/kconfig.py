"""Explain why a kernel option is off or on, by the tree's Kconfig files and a configuration."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from hardboot.base.errors import RefusedError
from hardboot.patches.conditions import ConfigValues, helpful, holds, shown_values
from hardboot.patches.source import SourceFile
from hardboot.patches.tree import Tree

_TYPES = ("bool", "tristate", "string", "hex", "int", "def_bool", "def_tristate", "prompt")
_DEPTH = 6  # of options that depend on options
_FILES = 5000  # Kconfig files of one tree; kernels have about 1500


@dataclass
class _Option:
    dependencies: list[list[str]] = field(default_factory=list)  # for each definition: conditions
    prompt: bool = False
    selectors: list[tuple[str, str]] = field(default_factory=list)  # options that select it, and if what


class Kconfig:
    """The options that the Kconfig files of a tree define for an architecture."""

    def __init__(self, tree: Tree, arch: str) -> None:
        """Read Kconfig and all files that it sources inside `tree`."""
        self._tree = tree
        self._arch = arch
        self._options: dict[str, _Option] = {}
        self._seen: set[str] = set()
        self._outside: list[str] = []  # sourced files outside the tree, such as a maker's beside it
        self._read("Kconfig" if tree.has("Kconfig") else f"arch/{arch}/Kconfig", [])

    def can_be_set(self, symbol: str) -> bool:
        """Return whether users can set `symbol`; others follow from what they set."""
        return symbol in self._options and self._options[symbol].prompt

    def explain_off(self, symbol: str, config: ConfigValues) -> str:
        """Explain why `symbol` is off in `config`, down to the options that can be set."""
        reasons = dict.fromkeys(self._reasons(symbol, config, {}, 0))
        return "; ".join(reasons) or "no dependency is missing: set it"

    def explain_on(self, symbol: str, config: ConfigValues) -> str:
        """Explain why `symbol` is on in `config` although it was turned off."""
        selectors = self._options[symbol].selectors if symbol in self._options else []
        by = [name for name, condition in selectors if holds(name, config) and holds(condition, config)]
        return f"it is selected by {', '.join(by)}: turn that off" if by else "it is on by default"

    def _reasons(self, symbol: str, config: ConfigValues, told: dict[str, int], depth: int) -> Iterator[str]:
        """Yield the reasons; `told`: the least depth of each option that was met."""
        if told.get(symbol, depth + 1) <= depth:
            return
        told[symbol] = depth
        option = self._options.get(symbol)
        if option is None:
            outside = f" (outside it, not read: {', '.join(self._outside)})" if self._outside else ""
            yield f"no Kconfig file in this tree defines {symbol}{outside}"
            return
        unmet = [[text for text in texts if not holds(text, config)] for texts in option.dependencies]
        fewest = min(unmet, key=len, default=[])
        for condition in fewest:
            yield f"{symbol} depends on {condition}{shown_values(condition, config)}"
            if depth < _DEPTH:
                for name in helpful(condition, config):
                    yield from self._reasons(name, config, told, depth + 1)
        if not fewest and not option.prompt:
            for name, condition in option.selectors:
                if holds(name, config) and not holds(condition, config):
                    yield f"{symbol} is selected by {name} if {condition}{shown_values(condition, config)}"
        elif not fewest and depth:
            yield f"set CONFIG_{symbol}=y"

    def _read(self, path: str, conditions: list[str]) -> None:
        """Read a Kconfig file, and those that it sources, which is itself sourced under `conditions`."""
        if path in self._seen or len(self._seen) > _FILES:
            return
        self._seen.add(path)
        try:
            data = self._tree.read(path)
        except RefusedError:  # makers link their drivers from beside the tree
            self._outside.append(path)
            return
        if data is None:
            return
        blocks: list[list[str]] = [conditions]  # of the open if, menu and choice blocks
        current: tuple[str, list[str]] | None = None  # the option ("": a menu or choice) and its conditions
        for line in re.sub(r"\\\n", " ", SourceFile("Kconfig", data).code).split("\n"):
            word, _, rest = line.strip().replace("\t", " ").partition(" ")
            rest = rest.strip()
            if word in ("config", "menuconfig"):
                current = rest, list(blocks[-1])
                self._options.setdefault(rest, _Option()).dependencies.append(current[1])
            elif word == "if":
                blocks.append([*blocks[-1], rest])
                current = None
            elif word in ("menu", "choice"):
                blocks.append(list(blocks[-1]))
                current = "", blocks[-1]
            elif word in ("endif", "endmenu", "endchoice"):
                blocks = blocks[: max(1, len(blocks) - 1)]
                current = None
            elif word in ("source", "rsource", "osource"):
                self._source(path if word == "rsource" else "", rest, blocks[-1])
                current = None
            elif word == "comment":
                current = None
            elif current is not None:
                self._attribute(current, word, rest)

    def _source(self, beside: str, rest: str, conditions: list[str]) -> None:
        name = rest.strip("\"'")
        for variable in ("$(SRCARCH)", "$SRCARCH", "$(ARCH)", "$ARCH"):
            name = name.replace(variable, self._arch)
        if "$" in name or ".." in PurePosixPath(name).parts or name.startswith("/"):
            self._outside.append(name)
            return
        folder = str(PurePosixPath(beside).parent) if beside else "."
        self._read(name if folder == "." else f"{folder}/{name}", conditions)

    def _attribute(self, current: tuple[str, list[str]], word: str, rest: str) -> None:
        name, conditions = current
        if word == "depends":
            conditions.append(" ".join(rest.removeprefix("on").split()))
        elif name and word in _TYPES:
            text = re.match(r"(\"[^\"]*\"|'[^']*')", rest)
            self._options[name].prompt |= text is not None
        elif name and word == "select":
            target, _, condition = rest.partition(" if ")
            self._options.setdefault(target.strip(), _Option()).selectors.append(
                (name, condition.strip() or "y")
            )
