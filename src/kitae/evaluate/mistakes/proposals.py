"""What to add next: which records, how many, and how much is to be expected of them.

Failures with the same right answer are one proposal. Its gain is the share of these failures that go away, less what
other answers lose, when there are so many more training records (`curves`), read off the curve of every answer in turn:
their mean is what is expected, their spread and the chance of so few rows are the interval.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kitae.core.records import Record
from kitae.evaluate.mistakes.clusters import telling_words
from kitae.evaluate.mistakes.curves import NAME, Curves, learn
from kitae.evaluate.mistakes.items import Item, recurring
from kitae.evaluate.rouge import exact_form

SIZES = (10, 20, 40, 80)
"""Records that a proposal may ask for."""
ENOUGH = 0.8
"""The smallest size is proposed that brings this share of what the largest one does."""
DRAWS = 2000
EXAMPLES = 5
MOST = 20
LEAST_FAILURES = 2


def propose(items: Sequence[Item], train: Sequence[Record], *, confidence: float, seed: int) -> dict[str, Any]:
    """Proposals, the largest expected gain first; without any where right answers do not recur."""
    values: dict[str, Any] = {"rows": len(items), "wrong": sum(not item.right for item in items), "learner": NAME}
    curves = learn(items, train, seed=seed) if recurring(items) and train else None
    if curves is None:
        return {**values, "curves": 0, "proposals": []}
    failing: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        if not item.right:
            failing.setdefault(exact_form(item.reference), []).append(place)
    names = telling_words(items, list(failing.values()))
    found = [
        {"name": name, "answer": answer, **_proposal(places, items, curves, confidence=confidence, seed=seed)}
        for (answer, places), name in zip(failing.items(), names, strict=True)
        if len(places) >= LEAST_FAILURES
    ]
    found.sort(key=lambda one: (-one["gain"], one["answer"]))
    return {**values, "curves": len(curves.net), "proposals": found[:MOST]}


def _proposal(
    places: Sequence[int], items: Sequence[Item], curves: Curves, *, confidence: float, seed: int
) -> dict[str, Any]:
    before = curves.known[list(places)]
    shares = {size: curves.fixed(before, size).mean(axis=1) for size in SIZES}
    most = float(shares[SIZES[-1]].mean())
    size = next((size for size in SIZES if float(shares[size].mean()) >= ENOUGH * most), SIZES[-1])
    random = np.random.default_rng([seed, len(places), len(items)])
    share = random.choice(shares[size], DRAWS)
    drawn = np.sign(share) * random.binomial(len(places), np.abs(share)) / len(items)
    tail = (1 - confidence) / 2
    answer = exact_form(items[places[0]].reference)
    order = sorted(places, key=lambda place: (curves.known[place], items[place].id))
    return {
        "add": size,
        "failures": len(places),
        "rows": sum(exact_form(item.reference) == answer for item in items),
        "known": round(float(before.mean()), 1),
        "gain": round(float(shares[size].mean()) * len(places) / len(items), 6),
        "interval": [round(float(end), 6) for end in np.quantile(drawn, [tail, 1 - tail])],
        "examples": [items[place].question for place in order[:EXAMPLES]],
        "ids": [items[place].id for place in order],
    }


def lines(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """The proposals as sentences."""
    if not report["proposals"]:
        reason = ("there are no failures", "誤りがありません") if not report["wrong"] else (
            "right answers do not recur often enough to learn how fast they are learnt",
            "同じ正解が十分に繰り返されないため、学習の速さが分かりません",
        )  # fmt: skip
        return [{"en": f"Nothing can be proposed: {reason[0]}", "ja": f"提案はありません：{reason[1]}"}]
    told = []
    for one in report["proposals"]:
        low, high = (f"{100 * end:.1f}" for end in one["interval"])
        gain = f"{100 * one['gain']:.1f}"
        like = f"“{one['examples'][0]}”"
        told.append(
            {
                "en": f"Add about {one['add']} records for `{one['answer']}` ({one['name']}), like {like}: expected "
                f"gain {gain} points ({low} to {high}), {one['failures']} failures of {one['rows']}",
                "ja": f"`{one['answer']}`（{one['name']}）のデータを約{one['add']}件、例えば「{one['examples'][0]}」："
                f"期待される改善 {gain}ポイント（{low}～{high}）、{one['rows']}件中{one['failures']}件が誤り",
            }
        )
    return told
