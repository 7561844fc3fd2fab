"""Why a kernel option is off: the conditions in a tree's Kconfig files, weighed against a configuration."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from hardboot.patches.source import Source
from hardboot.patches.tree import Tree

_TOKEN = re.compile(
    r"\|\||&&|!=|<=|>=|[=<>!()]|\"[^\"]*\"|'[^']*'|\$\([^()]*(?:\([^()]*\)[^()]*)*\)|[\w./-]+"
)
_OPTION = re.compile(r"^(?:CONFIG_(\w+)=(.*)|# CONFIG_(\w+) is not set)$", re.MULTILINE)
_TYPES = ("bool", "tristate", "string", "hex", "int", "def_bool", "def_tristate", "prompt")
_DEPTH = 6  # of options that need options
_FILES = 5000  # of one tree; they have about 1500

Config = Mapping[str, str]  # values by option, without CONFIG_; an option that is off is not in it


@dataclass
class _Option:
    needs: list[list[str]] = field(default_factory=list)  # for each definition: what must hold
    prompt: bool = False
    selects: list[tuple[str, str]] = field(default_factory=list)  # who turns it on, and if what


def parse_config(text: str) -> dict[str, str]:
    """The options that are on in a .config, and their values."""
    return {match[1]: match[2] for match in _OPTION.finditer(text) if match[1] and match[2] != "n"}


def parse_off(text: str) -> list[str]:
    """The options that a .config says are off."""
    return [match[1] or match[3] for match in _OPTION.finditer(text) if match[3] or match[2] == "n"]


def without(config: str, names: re.Pattern[str]) -> str:
    """The configuration without the options that are so called; Kconfig gives them their defaults."""
    return _OPTION.sub(lambda match: "" if names.fullmatch(match[1] or match[3]) else match[0], config)


def merge(config: str, fragment: str) -> str:
    """The configuration with the options of `fragment` instead of its own."""
    new = {match[1] or match[3]: match[0] for match in _OPTION.finditer(fragment)}
    kept = _OPTION.sub(lambda match: "" if (match[1] or match[3]) in new else match[0], config)
    return re.sub(r"\n{3,}", "\n\n", kept).rstrip("\n") + "\n" + "".join(f"{line}\n" for line in new.values())


class Kconfig:
    """The options that the Kconfig files of `tree` define for an architecture."""

    def __init__(self, tree: Tree, arch: str) -> None:
        self._tree = tree
        self._arch = arch
        self._options: dict[str, _Option] = {}
        self._seen: set[str] = set()
        self._outside: list[str] = []  # files that lie elsewhere, such as a maker's beside the tree
        self._file("Kconfig", [])

    def reason(self, symbol: str, config: Config) -> str:
        """Why `symbol` is not on in `config`, down to the options that can be set."""
        return "; ".join(dict.fromkeys(self._why(symbol, config, 0))) or "nothing forbids it: set it"

    def reason_on(self, symbol: str, config: Config) -> str:
        """Why `symbol` is on in `config` although it was to be off."""
        selects = self._options[symbol].selects if symbol in self._options else []
        by = [who for who, condition in selects if holds(who, config) and holds(condition, config)]
        return f"it comes with {', '.join(by)}: turn that off" if by else "its default turns it on"

    def _why(self, symbol: str, config: Config, depth: int) -> Iterator[str]:
        option = self._options.get(symbol)
        if option is None:
            elsewhere = f" (not looked at: {', '.join(self._outside)})" if self._outside else ""
            yield f"no Kconfig file of this tree defines {symbol}{elsewhere}"
            return
        unmet = [[need for need in needs if not holds(need, config)] for needs in option.needs]
        missing = min(unmet, key=len, default=[])
        for need in missing:
            yield f"{symbol} needs {need}{_values(need, config)}"
            if depth < _DEPTH:
                for name in _off(need, config):
                    if name != symbol:
                        yield from self._why(name, config, depth + 1)
        if not missing and not option.prompt:
            for who, condition in option.selects:
                if holds(who, config) and not holds(condition, config):
                    yield f"{symbol} comes with {who} if {condition}{_values(condition, config)}"
        elif not missing and depth:
            yield f"set CONFIG_{symbol}=y"

    # Reading

    def _file(self, path: str, conditions: list[str]) -> None:
        if path in self._seen or len(self._seen) > _FILES:
            return
        self._seen.add(path)
        data = self._tree.read(path)
        if data is None:
            return
        blocks: list[list[str]] = [conditions]  # what the open if, menu and choice blocks demand
        current: tuple[str, list[str]] | None = None  # the option being defined; "" for a menu or choice
        for line in re.sub(r"\\\n", " ", Source("Kconfig", data).code).split("\n"):
            word, _, rest = line.strip().replace("\t", " ").partition(" ")
            rest = rest.strip()
            if word in ("config", "menuconfig"):
                current = rest, list(blocks[-1])
                self._options.setdefault(rest, _Option()).needs.append(current[1])
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
                current = "", []
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
        self._file(name if folder == "." else f"{folder}/{name}", conditions)

    def _attribute(self, current: tuple[str, list[str]], word: str, rest: str) -> None:
        name, needs = current
        if word == "depends":
            needs.append(rest.removeprefix("on").strip())
        elif name and word in _TYPES:
            text = re.match(r"(\"[^\"]*\"|'[^']*')", rest)
            self._options[name].prompt |= text is not None
        elif name and word == "select":
            target, _, condition = rest.partition(" if ")
            self._options.setdefault(target.strip(), _Option()).selects.append(
                (name, condition.strip() or "y")
            )


# Conditions


def holds(condition: str, config: Config) -> bool:
    """True if a Kconfig condition is met; what only a compiler could tell counts as met."""
    return _Condition(condition, config).value()


class _Condition:
    """A reader by recursive descent, of ! before = before && before ||."""

    def __init__(self, text: str, config: Config) -> None:
        self._tokens = _TOKEN.findall(text)
        self._config = config

    def value(self) -> bool:
        return self._any()

    def _next(self, *wanted: str) -> str:
        if self._tokens and (not wanted or self._tokens[0] in wanted):
            return str(self._tokens.pop(0))
        return ""

    def _any(self) -> bool:
        result = self._all()
        while self._next("||"):
            result |= self._all()
        return result

    def _all(self) -> bool:
        result = self._not()
        while self._next("&&"):
            result &= self._not()
        return result

    def _not(self) -> bool:
        negated = False
        while self._next("!"):
            negated = not negated
        if self._next("("):
            result = self._any()
            self._next(")")
        else:
            left = self._next()
            operator = self._next("=", "!=", "<", ">", "<=", ">=")
            if operator in ("=", "!="):
                result = (self._text(left) == self._text(self._next())) == (operator == "=")
            elif operator:
                self._next()
                result = True
            else:
                result = left.startswith("$") or self._text(left) in ("y", "m")
        return result != negated

    def _text(self, token: str) -> str:
        if token in ("y", "m", "n") or token[:1] in "\"'":
            return token.strip("\"'")
        return self._config.get(token, "n" if token.isupper() else token).strip('"')


def _names(condition: str) -> list[str]:
    tokens = (
        token for token in _TOKEN.findall(condition) if re.fullmatch(r"[A-Z0-9_]*[A-Z][A-Z0-9_]*", token)
    )
    return list(dict.fromkeys(tokens))


def _values(condition: str, config: Config) -> str:
    said = [f"{name} is {config.get(name, 'off')}" for name in _names(condition)]
    return f" ({', '.join(said)})" if said else ""


def _off(condition: str, config: Config) -> list[str]:
    """The options of an unmet condition whose being on would help: not those after a !."""
    wanted = [name for name in _names(condition) if not re.search(rf"!\s*{name}\b", condition)]
    return [name for name in wanted if name not in config]
