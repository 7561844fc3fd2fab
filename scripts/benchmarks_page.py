"""Write sections of docs/benchmarks.md: each measurement has its own."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs/benchmarks.md"


def write(name: str, text: str) -> None:
    """Replace the section between the marks of `name`; a new section goes to the end."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    section = f"{begin}\n{text.strip()}\n{end}\n"
    old = PAGE.read_text() if PAGE.exists() else "# Benchmarks\n"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}\n", re.DOTALL)
    new, count = pattern.subn(lambda _: section, old)
    PAGE.write_text(new if count else f"{old.rstrip()}\n\n{section}")
