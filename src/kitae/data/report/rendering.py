"""The data report as one offline HTML page in English and Japanese. Everything users wrote is escaped and isolated.

The page loads nothing, and its security policy lets only its own script and style run (by their hashes), so that not
even a text that got past the escaping could do anything.
"""

import base64
import hashlib
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from kitae.data.report import pictures

HERE = Path(__file__).parent / "page"
MOST_ROWS = 24
"""Rows of a list that are shown at once; the rest is folded away."""
MOST_FOLDED = 200
"""Rows that are folded away at most; the figures beside the page have all."""
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
"""Characters that cannot be seen or turn the text around them."""


def report_page(report: Mapping[str, Any]) -> str:
    """The whole page of a `dataset_report` as text. Equal values give equal text."""
    style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    text: str = (
        _environment()
        .get_template("page.html.j2")
        .render(
            report=report,
            total=report["read"],
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'",
        )
    )
    return text


def two(english: object, japanese: object) -> Markup:
    """A text in both languages; the page shows one of them. Both are escaped."""
    return Markup(  # noqa: S704 - escaped here
        f'<span class="en">{escape(english)}</span><span class="ja" lang="ja">{escape(japanese)}</span>'
    )


def said(text: object) -> Markup:
    """What a user wrote: escaped, what cannot be seen written out, and kept from turning the text around it."""
    seen = _HIDDEN.sub(lambda one: f"\\u{ord(one.group()):04x}", str(text))
    return Markup("<bdi>{}</bdi>").format(seen)


def name_of(group: str, name: str) -> Markup:
    """What a rule, a kind or a group is called; a name that is none of ours stands as it is."""
    known = names()
    pair = known.get(group, {}).get(name) or known["any"].get(name)
    return two(*pair) if pair else said(name.replace("_", " ") if group == "rules" else name)


def reason(text: str) -> Markup:
    """A reason in English, as it was given, and in Japanese if it is one that we know."""
    japanese = _japanese(text)
    return said(text) if japanese is None else two(said(text), said(japanese))


def _japanese(text: str) -> str | None:
    """A reason in Japanese: one that we know, several of them, or one behind the name of its rule."""
    for english, japanese in _reasons():
        found = english.fullmatch(text)
        if found:
            return found.expand(japanese)
    if "; " in text:
        parts = [_japanese(part) for part in text.split("; ")]
        return None if None in parts else "、".join(filter(None, parts))
    rule, _, rest = text.partition(": ")
    if rule not in names()["rules"]:
        return None
    return f"{names()['rules'][rule][1]}：{_japanese(rest) or rest}"


@cache
def _reasons() -> tuple[tuple[re.Pattern[str], str], ...]:
    raw = tomllib.loads((HERE / "reasons.toml").read_text(encoding="utf-8"))
    return tuple((re.compile(one["en"], re.DOTALL), one["ja"]) for one in raw["reason"])


@cache
def names() -> Mapping[str, Mapping[str, tuple[str, str]]]:
    """The names of `names.toml` by group."""
    raw = tomllib.loads((HERE / "names.toml").read_text(encoding="utf-8"))
    return {group: {name: (pair[0], pair[1]) for name, pair in known.items()} for group, known in raw.items()}


def percent(part: int, whole: int) -> str:
    """A share as people read it; a share that is not nothing is not shown as nothing."""
    if not whole or not part:
        return "0\N{NO-BREAK SPACE}%"
    share = 100 * part / whole
    return f"{share:.1f}\N{NO-BREAK SPACE}%" if share >= 0.05 else "<0.1\N{NO-BREAK SPACE}%"


def signed(value: float) -> str:
    """A difference with its sign."""
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def p_text(value: float) -> str:
    """A p-value as people read it."""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(
        two=two, name_of=name_of, percent=percent, stack=pictures.stack, pair=pictures.pair, columns=pictures.columns
    )
    environment.globals.update(feeling=pictures.feeling, reach_of=pictures.reach_of)
    environment.globals.update(most_rows=MOST_ROWS, most_folded=MOST_FOLDED)
    environment.filters.update(
        said=said, reason=reason, signed=signed, p_text=p_text, number=lambda value: f"{value:,}"
    )
    return environment


def _hash(text: str) -> str:
    """The hash by which a content security policy allows an inline text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
