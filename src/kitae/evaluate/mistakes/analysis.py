"""The whole analysis of one system's errors on a set, as JSON-ready values that equal answers make equal."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from kitae.core.records import Record
from kitae.evaluate.mistakes.causes import CAUSES, causes
from kitae.evaluate.mistakes.clusters import clusters
from kitae.evaluate.mistakes.items import Item, recurring
from kitae.evaluate.mistakes.slices import find_slices
from kitae.evaluate.rouge import exact_form

Words = dict[str, str]
CONFUSIONS = 20
TOLD = 3
"""Slices and clusters told in sentences."""
CAUSE_NAMES: Mapping[str, tuple[str, str]] = {
    "gap": ("coverage gap", "学習データの不足"),
    "conflict": ("conflicting labels", "学習データの食い違い"),
    "noise": ("suspected wrong gold answer", "模範回答の誤りの疑い"),
    "hard": ("hard", "難問"),
}
CAUSE_STEPS: Mapping[str, tuple[str, str]] = {
    "gap": ("add records like these", "似たデータを追加してください"),
    "conflict": (
        "near training records say something else: make them agree, or add records that tell them apart",
        "近い学習データの回答が異なります。そろえるか、違いを示すデータを追加してください",
    ),
    "noise": ("look at the gold answers", "模範回答を確認してください"),
    "hard": (
        "training says what is right: train longer, or take a larger base",
        "学習を増やすか、より大きな元のモデルを",
    ),
}


def analyse(items: Sequence[Item], train: Sequence[Record], *, confidence: float, seed: int) -> dict[str, Any]:
    """Slices, clusters, confusions, causes and suspected gold answers of the failures."""
    found = causes(items, train) if train else []
    by_place = {one["place"]: one for one in found}
    groups = clusters(items, seed=seed)
    in_group = {place: number for number, group in enumerate(groups) for place in group["wrong"]}
    failures = [_failure(items[one["place"]], one, in_group.get(one["place"])) for one in found]
    counts = Counter(one["cause"] for one in found)
    values: dict[str, Any] = {
        "rows": len(items),
        "wrong": sum(not item.right for item in items),
        "like_enough": min((item.like_enough for item in items), default=1.0),
        "slices": find_slices(items, [(record.question, record.language) for record in train], confidence),
        "clusters": [_group(group, items, by_place) for group in groups],
        "confusions": _confusions(items),
        "causes": {cause: counts[cause] for cause in CAUSES},
        "failures": failures,
    }
    return {**values, "lines": lines(values)}


def lines(values: Mapping[str, Any]) -> list[Words]:
    """What a person reads first."""
    rows, wrong = values["rows"], values["wrong"]
    told = [{"en": f"{wrong:,} of {rows:,} answers are wrong", "ja": f"{rows:,}件のうち{wrong:,}件が誤りです"}]
    if values["like_enough"] < 1.0:
        least = f"{100 * values['like_enough']:.0f} %"
        told[0]["en"] += f" (less than {least} like the right answer, by character ROUGE-L)"
        told[0]["ja"] += f"（正解との一致が文字ROUGE-Lで{least}未満のもの）"
    for one in values["slices"]["found"][:TOLD]:
        here, rest = (f"{100 * one[key]:.0f} %" for key in ("rate", "rest_rate"))
        names, of = one["name"], f"{one['wrong']:,} of {one['rows']:,}"
        told.append(
            {
                "en": f"{names['en']}: {here} wrong ({of}), elsewhere {rest}",
                "ja": f"{names['ja']}：誤り{here}（{one['rows']:,}件中{one['wrong']:,}件）、それ以外は{rest}",
            }
        )
    for cause, count in values["causes"].items():
        if count:
            english, japanese = CAUSE_NAMES[cause]
            step_en, step_ja = CAUSE_STEPS[cause]
            told.append(
                {"en": f"{english}: {count:,} failures; {step_en}", "ja": f"{japanese}：{count:,}件。{step_ja}"}
            )
    told += [
        {
            "en": f"failures about “{one['name']}”: {one['failures']:,} of {one['rows']:,} such rows",
            "ja": f"「{one['name']}」に関する誤り：該当{one['rows']:,}件中{one['failures']:,}件",
        }
        for one in values["clusters"][:TOLD]
    ]
    return told


def _failure(item: Item, found: Mapping[str, Any], group: int | None) -> dict[str, Any]:
    return {
        "id": item.id,
        "question": item.question,
        "reference": item.reference,
        "answer": item.answer,
        "language": item.language,
        "likeness": round(item.likeness, 6),
        "cluster": group,
        **{key: value for key, value in found.items() if key != "place"},
    }


def _group(group: Mapping[str, Any], items: Sequence[Item], found: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    counts = Counter(found[place]["cause"] for place in group["wrong"] if place in found)
    return {
        "name": group["name"],
        "failures": len(group["wrong"]),
        "rows": group["rows"],
        "rate": group["rate"],
        "causes": {cause: counts[cause] for cause in CAUSES if counts[cause]},
        "ids": [items[place].id for place in group["wrong"]],
        "examples": [items[place].question for place in group["wrong"][:TOLD]],
    }


def _confusions(items: Sequence[Item]) -> list[dict[str, Any]]:
    """Which right answer was taken for which other, most often first, each with an example; where answers recur."""
    wanted = Counter(exact_form(item.reference) for item in items)
    if not recurring(items):
        return []
    pairs: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        given = exact_form(item.answer)
        if not item.right:
            pairs.setdefault((exact_form(item.reference), given if given in wanted else ""), []).append(item)
    ranked = sorted(pairs.items(), key=lambda pair: (-len(pair[1]), pair[0]))[:CONFUSIONS]
    return [
        {"wanted": one, "given": other, "rows": len(found), "of": wanted[one], "example": found[0].question}
        for (one, other), found in ranked
    ]
