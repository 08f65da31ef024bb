"""The report: one offline HTML file, verdict first, in English and Japanese. Everything users wrote is escaped.

The page loads nothing, and its security policy lets only its own script and style run (by their hashes), so that not
even a text that got past the escaping could do anything.
"""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from kitae.evaluate import pictures, sentences
from kitae.evaluate.figures import SYSTEMS
from kitae.evaluate.mistakes.analysis import CAUSE_NAMES, CAUSE_STEPS
from kitae.evaluate.mistakes.causes import CAUSES

HERE = Path(__file__).parent / "report"
SHOWN_OF_CAUSE = 12
"""Failures of each cause on the page of errors."""
SHOWN_ITEMS = 60
"""Rows on which systems differ, on the page of a comparison."""
CODE = re.compile(r"`([^`]*)`")


def page(verdict: Mapping[str, Any], history: Sequence[Mapping[str, Any]], *, about: Mapping[str, str]) -> str:
    """The report of a verdict as text. Equal values give equal text.

    `history` is the training's, by step; `about` says what was measured: `base`, `adapter` and `test` (digests).
    """
    curve = pictures.loss_curve(history)
    return render("report.html.j2", verdict=verdict, about=about, sets=verdict["sets"], curve=curve)


def errors_page(report: Mapping[str, Any]) -> str:
    """The error analysis of a verdict as a page."""
    return render("errors.html.j2", report=report, causes=CAUSES, shown_of=SHOWN_OF_CAUSE)


def comparison_page(found: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> str:
    """A comparison as a page; of the rows those on which the systems differ."""
    differing = [one for one in items if len(set(one["right"].values())) > 1]
    main = found["main"]
    beside = [one for one in found["figures"] if one["family"] in {"latency", "cost"}]
    scatters = {
        one["family"]: pictures.scatter(
            {
                name: (one["systems"][name]["value"], main["systems"][name]["value"])
                for name in main["systems"]
                if name in one["systems"]
            }
        )
        for one in beside
        if main["points"]
    }
    return render(
        "comparison.html.j2",
        found=found,
        beside=beside,
        scatters=scatters,
        wins=any("only_tuned_right" in pair for pair in main["pairs"]),
        differing=len(differing),
        items=differing[:SHOWN_ITEMS],
    )


def render(template: str, **values: Any) -> str:
    """One of our pages, with the style, the language switch and the policy that all of them have."""
    style, script = (_inline(name) for name in ("report.css", "report.js"))
    text: str = (
        _environment()
        .get_template(template)
        .render(
            **values,
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


def words(pair: Mapping[str, str]) -> Markup:
    """A sentence of `sentences` in both languages; what stands in backticks there is set as code."""
    return two(*(Markup(CODE.sub(r"<code>\1</code>", str(escape(_unbroken(pair[key]))))) for key in ("en", "ja")))  # noqa: S704


def _unbroken(text: str) -> str:
    """The text with a number kept on one line with its sign or name."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%").replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")


def percent(value: float | None) -> str:
    """A share as people read it; a dash for none."""
    return "–" if value is None else f"{100 * value:.1f} %"


def ends(interval: Sequence[float] | None) -> str:
    """Both ends of the interval of a share; nothing for none."""
    return "" if interval is None else " – ".join(f"{100 * end:.1f}" for end in interval)


def shown(value: float | None, figure: Mapping[str, Any]) -> str:
    """A value of a figure as people read it."""
    return sentences.value_text(figure, value)


def span(one: Mapping[str, Any], figure: Mapping[str, Any]) -> str:
    """Both ends of an interval: in points for shares."""
    return f"{sentences.end_text(figure, one['low'])} – {sentences.end_text(figure, one['high'])}"


def signed(value: float | None, figure: Mapping[str, Any]) -> str:
    """A difference with its sign: in points for shares."""
    if value is None:
        return "∞"
    return (f"{100 * value:+.1f}" if figure["points"] else f"{value:+,.3g}").replace("-", "−")


def signed_span(one: Mapping[str, Any], figure: Mapping[str, Any]) -> str:
    """Both ends of a difference's interval."""
    low = "−∞" if one["low"] is None else signed(one["low"], figure)
    return f"{low} … {signed(one['high'], figure)}"


def seen_from(figure: Mapping[str, Any]) -> Markup:
    """The smallest gain that a figure's rows can show; a dash where nothing was compared, or none would show."""
    found = figure["detectable"]
    if found is None or not found["any"] or not figure["better"]:
        return Markup("–")
    text = sentences.gap_text(figure, found["difference"])
    return two(text["en"], text["ja"])


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(two=two, words=words, bar=pictures.bar, gap=pictures.gap, reach_of=pictures.reach_of)
    environment.globals.update(heat=pictures.heat, calibration=pictures.calibration, seen_from=seen_from)
    environment.globals.update(
        metric_name=lambda figure: two(*sentences.metric_name(figure)),
        system_name=lambda name: two(*sentences.SYSTEM_NAMES[name]),
        method_name=lambda name: two(name, sentences.METHODS_JA.get(name, name)),
        systems=SYSTEMS,
        cause_name=lambda cause: two(*CAUSE_NAMES[cause]),
        cause_step=lambda cause: two(*CAUSE_STEPS[cause]),
        worst_first=lambda labels: sorted(labels, key=lambda one: (one["f1"] or 0.0, one["label"])),
    )
    environment.filters.update(
        percent=percent,
        ends=ends,
        shown=shown,
        span=span,
        signed=signed,
        signed_span=signed_span,
        p_text=sentences.p_text,
    )
    return environment


def _inline(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """The hash by which a content security policy allows an inline text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
