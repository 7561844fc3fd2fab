"""Conditions of Kconfig: whether they hold in a configuration."""

import re
from collections.abc import Mapping

_TOKEN = re.compile(
    r"\|\||&&|!=|<=|>=|[=<>!()]|\"[^\"]*\"|'[^']*'|\$\([^()]*(?:\([^()]*\)[^()]*)*\)|[\w./-]+"
)

ConfigValues = Mapping[str, str]  # by option, without CONFIG_; options that are off are not in it


def holds(condition: str, config: ConfigValues) -> bool:
    """Return whether a condition is met; what only a compiler can tell counts as met."""
    return _Condition(condition, config).value()


class _Condition:
    """A parser by recursive descent; ! binds before = before && before ||."""

    def __init__(self, text: str, config: ConfigValues) -> None:
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


def shown_values(condition: str, config: ConfigValues) -> str:
    """Return the values of the options in a condition, for a message; empty if there are none."""
    values = [f"{name} is {config.get(name, 'off')}" for name in _names(condition)]
    return f" ({', '.join(values)})" if values else ""


def helpful(condition: str, config: ConfigValues) -> list[str]:
    """Return the options of an unmet condition that are off and help if they are on: none after a !."""
    wanted = [name for name in _names(condition) if not re.search(rf"!\s*{name}\b", condition)]
    return [name for name in wanted if name not in config]
