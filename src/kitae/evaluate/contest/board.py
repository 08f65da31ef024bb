"""The leaderboard, and one verdict with its reasons.

The best system is the cheapest (where none has a price: the fastest) of those that no other significantly beats on the
main metric: a difference that may be chance is no reason to pay for.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kitae.core.columns import group_of
from kitae.core.records import Record
from kitae.core.resolved import Resolved
from kitae.errors import InputError
from kitae.evaluate.figures import Measuring, board
from kitae.evaluate.metrics import Embed, Questions, metrics_for
from kitae.evaluate.predictions import Answers, Measures
from kitae.evaluate.sentences import Words, detectable, end_text, gap_text, metric_name, p_text, value_text
from kitae.evaluate.verdict import metric_names

BESIDES = ("latency", "cost", "tokens")
"""Measured of every system that has them."""
CLEARLY = 0.8
"""A cost or a time below this share of another's is a reason."""


def judge(
    records: Sequence[Record],
    answers: Mapping[str, Answers],
    measures: Mapping[str, Measures],
    settings: Resolved,
    *,
    seen: Mapping[str, Sequence[int]],
    embed: Embed | None = None,
) -> dict[str, Any]:
    """Every figure of every system and pair, which system is best, and why, as JSON-ready values."""
    how = settings.evaluate
    names = list(dict.fromkeys([*metric_names(how.metrics), *BESIDES]))
    questions = Questions(
        tuple(record.answer for record in records),
        tuple(record.language for record in records),
        how.json_schema,
        embed,
    )
    groups = None if how.group_by is None else [group_of(record, how.group_by) or record.id for record in records]
    measuring = Measuring(how.confidence, settings.seed, "comparison", groups)
    found = [board(metric, answers, measuring, measures) for metric in metrics_for(names, questions)]
    figures = [one for one in found if one is not None]
    main = max((one for one in figures if one["family"] == names[0]), key=lambda one: one["n"], default=None)
    if main is None:
        raise InputError(f"{names[0]} cannot be computed on these rows", hint="Name another one with --metric")
    ranked = ranking(main)
    best, why = _best(main, ranked, figures)
    values = {
        "task": settings.task,
        "rows": len(records),
        "confidence": how.confidence,
        "seed": settings.seed,
        "metric": names[0],
        "main": main,
        "figures": figures,
        "ranking": ranked,
        "best": best,
        "seen": {name: len(rows) for name, rows in seen.items() if rows},
        "empty": {name: empty for name, texts in answers.items() if (empty := sum(not text for text in texts))},
    }
    return {**values, "lines": [*why, *_warnings(values)]}


def ranking(main: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The systems, best value first: whom each beats and by whom it is beaten beyond chance."""
    sign = -1.0 if main["better"] == "lower" else 1.0
    order = sorted(main["systems"], key=lambda name: (-sign * main["systems"][name]["value"], name))
    beats = {name: [other for other in order if outcome_of(main, name, other) == "better"] for name in order}
    return [
        {
            "system": name,
            **main["systems"][name],
            "beats": beats[name],
            "beaten_by": [other for other in order if name in beats[other]],
        }
        for name in order
    ]


def outcome_of(main: Mapping[str, Any], one: str, two: str) -> str:
    """How the first system did against the second: `better`, `worse` or `tie`; "" where they were not compared."""
    turned = {"better": "worse", "worse": "better"}
    for pair in main["pairs"]:
        if (pair["first"], pair["second"]) == (one, two):
            return str(pair["outcome"])
        if (pair["first"], pair["second"]) == (two, one):
            return turned.get(pair["outcome"], str(pair["outcome"]))
    return ""


def _best(
    main: Mapping[str, Any], ranked: Sequence[Mapping[str, Any]], figures: Sequence[Mapping[str, Any]]
) -> tuple[str, list[Words]]:
    """The system to take, and why: the sentence that names it first."""
    top = ranked[0]["system"]
    tied = [row["system"] for row in ranked if not row["beaten_by"]]
    english, japanese = metric_name(main)
    for name, words in (("cost", ("cheaper", "安い")), ("latency", ("faster", "速い"))):
        spent: Mapping[str, Any] = next((one["systems"] for one in figures if one["family"] == name), {})
        if len(tied) < 2 or not all(one in spent for one in tied):
            continue
        least = min(tied, key=lambda one: (spent[one]["value"], one))
        if least == top or spent[least]["value"] > CLEARLY * spent[top]["value"]:
            break
        times = _times(spent[top]["value"], spent[least]["value"])
        return least, [
            {
                "en": f"Take `{least}`: {english} {_value(main, least)}, not beyond chance behind `{top}` "
                f"with {_value(main, top)}, and {times} times {words[0]}",
                "ja": f"`{least}`を勧めます：{japanese} {_value(main, least)}。`{top}`の{_value(main, top)}との差は"
                f"偶然の範囲で、{times}倍{words[1]}",
            },
            *_beaten(main, ranked, top),
        ]
    level = [row["system"] for row in ranked[1:] if row["system"] not in ranked[0]["beats"]]
    if not level:
        first = {
            "en": f"Take `{top}`: {english} {_value(main, top)}, better than every other beyond chance",
            "ja": f"`{top}`を勧めます：{japanese} {_value(main, top)}。他のすべてを偶然の範囲を超えて上回ります",
        }
    else:
        others = ", ".join(f"`{name}`" for name in level)
        first = {
            "en": f"Take `{top}`: {english} {_value(main, top)}; the difference to {others} may be chance",
            "ja": f"`{top}`を勧めます：{japanese} {_value(main, top)}。{others}との差は偶然かもしれません",
        }
    return top, [first, *_beaten(main, ranked, top)]


def _times(much: float, little: float) -> str:
    return f"{much / little:.1f}" if little > 0.01 * much else "100+"


def _value(main: Mapping[str, Any], name: str) -> str:
    one = main["systems"][name]
    return f"{value_text(main, one['value'])} ({end_text(main, one['low'])}–{end_text(main, one['high'])})"


def _beaten(main: Mapping[str, Any], ranked: Sequence[Mapping[str, Any]], top: str) -> list[Words]:
    """The system with the highest value against each that it beats."""
    told = []
    for row in ranked[1:]:
        pair = next(p for p in main["pairs"] if {p["first"], p["second"]} == {top, row["system"]})
        if outcome_of(main, top, row["system"]) == "better":
            by = gap_text(main, abs(pair["difference"]))
            why = f"{p_text(pair['p_adjusted'])}, n = {pair['n']:,}"
            told.append(
                {
                    "en": f"`{top}` beats `{row['system']}` by {by['en']} ({why})",
                    "ja": f"`{top}`は`{row['system']}`を{by['ja']}上回ります（{why}）",
                }
            )
    return told


def _warnings(values: Mapping[str, Any]) -> list[Words]:
    """What the rows cannot show, where some systems are tied, and who has seen them."""
    tied = any(pair["outcome"] == "tie" for pair in values["main"]["pairs"])
    limit = detectable("test", values["main"]) if tied else None
    return [
        *([] if limit is None else [limit]),
        *_silent(values),
        *_flattered(values),
    ]


def _silent(values: Mapping[str, Any]) -> list[Words]:
    return [
        {
            "en": f"`{name}` gave no answer to {count:,} of the {values['rows']:,} questions (an empty one, or a "
            "question that it cannot read)",
            "ja": f"`{name}`は{values['rows']:,}件の質問のうち{count:,}件に答えませんでした"
            "（空の回答、または読めない質問）",
        }
        for name, count in values["empty"].items()
    ]


def _flattered(values: Mapping[str, Any]) -> list[Words]:
    return [
        {
            "en": f"`{name}` learnt from {count:,} of the {values['rows']:,} questions: its figures flatter it",
            "ja": f"`{name}`は{values['rows']:,}件の質問のうち{count:,}件を学習しているため、値は高めに出ます",
        }
        for name, count in values["seen"].items()
    ]
