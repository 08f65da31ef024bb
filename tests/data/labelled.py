"""Texts with their private data marked as ⟦kind:value⟧, one a line; \\n is a line break and # begins a comment."""

import re
from pathlib import Path
from typing import NamedTuple

CASES = Path(__file__).parent / "privacy_cases"
_MARK = re.compile(r"⟦(\w+):(.*?)⟧", re.DOTALL)


class Labelled(NamedTuple):
    text: str
    spans: tuple[tuple[str, int, int], ...]


def labelled(line: str) -> Labelled:
    line = line.replace("\\n", "\n")
    text, spans, at = "", [], 0
    for mark in _MARK.finditer(line):
        text += line[at : mark.start()]
        spans.append((mark[1], len(text), len(text) + len(mark[2])))
        text += mark[2]
        at = mark.end()
    return Labelled(text + line[at:], tuple(spans))


def read_cases(name: str) -> list[Labelled]:
    lines = (CASES / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [labelled(line) for line in lines if line and not line.startswith("#")]
