"""What metrics there are: planning refuses other names, evaluation computes them, the report names and formats them."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from kitae.errors import InputError, UnknownName

Needs = Literal[
    "text",
    "label",
    "number",
    "spans",
    "tokens",
    "seconds",
    "cost",
    "probabilities",
    "likelihood",
    "preference",
    "schema",
    "vectors",
]
ASKED: Mapping[Needs, tuple[str, str]] = {
    "schema": ("a schema", "Write it under evaluate.json_schema of the recipe"),
    "cost": ("a price", "Write what an hour of this machine costs under evaluate.price_per_hour of the recipe"),
    "vectors": ("an endpoint", "Name one that turns texts into vectors under evaluate.embeddings of the recipe"),
}
"""Needs that only a setting of the recipe meets: what it is, and how it is said."""
PAIRS = ("pairs of a chosen and a rejected answer", "That is task: preference")


class Gives(Protocol):
    """Settings of an evaluation, as written or resolved: those that metrics can need."""

    @property
    def json_schema(self) -> Mapping[str, Any] | None:
        """What answers must fit."""

    @property
    def price_per_hour(self) -> float | None:
        """What the machine costs."""

    @property
    def embeddings(self) -> object | None:
        """Who turns texts into vectors."""


@dataclass(frozen=True)
class MetricName:
    """A metric as people see it: its names, which way is better, its range, and what it needs of every answer.

    `better` is "" where neither way is; such a metric cannot decide. `low` and `high` bound the value. A metric with
    `points` is a share, shown in percent and its differences in points; others are plain numbers.
    """

    en: str
    ja: str
    better: Literal["higher", "lower", ""] = "higher"
    low: float = 0.0
    high: float = 1.0
    needs: Needs = "text"
    points: bool = True

    @property
    def sign(self) -> float:
        """1 where higher is better, -1 where lower is, 0 where neither."""
        return {"higher": 1.0, "lower": -1.0, "": 0.0}[self.better]


def _label(en: str, ja: str, low: float = 0.0) -> MetricName:
    return MetricName(en, ja, low=low, needs="label")


def _number(en: str, ja: str, better: Literal["higher", "lower", ""], *, needs: Needs = "text") -> MetricName:
    return MetricName(en, ja, better, 0.0, math.inf, needs, points=False)


METRIC_NAMES: Mapping[str, MetricName] = {
    "exact_match": MetricName("exact match", "完全一致率"),
    "accuracy": _label("accuracy", "正解率"),
    "balanced_accuracy": _label("balanced accuracy", "均衡正解率"),
    "macro_precision": _label("macro precision", "マクロ適合率"),
    "macro_recall": _label("macro recall", "マクロ再現率"),
    "macro_f1": _label("macro-F1", "マクロF1"),
    "micro_precision": _label("micro precision", "マイクロ適合率"),
    "micro_recall": _label("micro recall", "マイクロ再現率"),
    "micro_f1": _label("micro-F1", "マイクロF1"),
    "mcc": _label("Matthews correlation", "マシューズ相関係数", -1.0),
    "ece": MetricName("expected calibration error", "期待較正誤差（ECE）", "lower", needs="probabilities"),
    "brier": MetricName("Brier score", "ブライアスコア", "lower", 0.0, 2.0, "probabilities", points=False),
    "char_f1": MetricName("character F1", "文字F1"),
    "token_f1": MetricName("token F1", "単語F1"),
    "rouge_1": MetricName("ROUGE-1", "ROUGE-1"),
    "rouge_2": MetricName("ROUGE-2", "ROUGE-2"),
    "rouge_l": MetricName("ROUGE-L", "ROUGE-L"),
    "rouge_lsum": MetricName("ROUGE-Lsum", "ROUGE-Lsum"),
    "bleu": MetricName("BLEU", "BLEU"),
    "chrf": MetricName("chrF", "chrF"),
    "ter": MetricName("TER", "TER", "lower", 0.0, math.inf),
    "mae": _number("mean absolute error", "平均絶対誤差", "lower", needs="number"),
    "rmse": _number("root mean squared error", "二乗平均平方根誤差", "lower", needs="number"),
    "r2": MetricName("R²", "決定係数（R²）", "higher", -math.inf, 1.0, "number", points=False),
    "spearman": MetricName("Spearman correlation", "スピアマン相関係数", "higher", -1.0, 1.0, "number", points=False),
    "readable_numbers": MetricName("answers with a number", "数値を含む回答の割合", needs="number"),
    "span_f1": MetricName("span F1", "スパンF1", needs="spans"),
    "json_valid": MetricName("valid JSON", "正しいJSONの割合"),
    "json_schema": MetricName("JSON that fits the schema", "スキーマに合うJSONの割合", needs="schema"),
    "similarity": MetricName("similarity of meaning", "意味の類似度", "higher", -1.0, 1.0, "vectors", points=False),
    "language_match": MetricName("answers in the right language", "言語の一致率"),
    "refusal": MetricName("refusals", "拒否率", "lower"),
    "repetition": MetricName("repetition", "反復率", "lower"),
    "length": _number("length in characters", "回答の文字数", ""),
    "tokens": _number("length in tokens", "回答のトークン数", "", needs="tokens"),
    "latency": _number("seconds per answer", "回答あたりの秒数", "lower", needs="seconds"),
    "cost": _number("cost of 1,000 answers", "1,000回答あたりの費用", "lower", needs="cost"),
    "perplexity_token": _number(
        "perplexity per token", "トークンあたりのパープレキシティ", "lower", needs="likelihood"
    ),
    "perplexity_character": _number(
        "perplexity per character", "文字あたりのパープレキシティ", "lower", needs="likelihood"
    ),
    "preferred": MetricName("chosen answers preferred", "好ましい回答を選ぶ割合", needs="preference"),
    "perplexity_byte": _number("perplexity per byte", "バイトあたりのパープレキシティ", "lower", needs="likelihood"),
}


def metric_name(name: str) -> MetricName:
    """What is known of a metric. Raises `UnknownName`."""
    if name not in METRIC_NAMES:
        raise UnknownName("metric", got=name, known=METRIC_NAMES)
    return METRIC_NAMES[name]


def check_metrics(names: Iterable[str], settings: Gives, *, preference: bool = False) -> None:
    """Refuse names that are none, a first one that cannot decide, and one without what it needs.

    `preference` says that rows hold a rejected answer. Raises `UnknownName` with the names that these settings can
    compute, `InputError`.
    """
    given = {"schema": settings.json_schema, "cost": settings.price_per_hour, "vectors": settings.embeddings}
    missing = {need for need in ASKED if given[need] is None} | (set() if preference else {"preference"})
    known = [name for name, found in METRIC_NAMES.items() if found.needs not in missing]
    for place, name in enumerate(names):
        if name not in METRIC_NAMES:
            raise UnknownName("metric", got=name, known=known)
        found = METRIC_NAMES[name]
        if place == 0 and not found.better:
            raise InputError(
                f"evaluate.metrics: {name} cannot come first, because the first metric decides and neither more nor "
                "less of it is better",
                hint="Put another one first, for example exact_match",
            )
        if place == 0 and found.needs == "probabilities":
            raise InputError(
                f"evaluate.metrics: {name} cannot come first, because it says nothing of whether answers are right",
                hint="Put accuracy first",
            )
        if found.needs in missing:
            what, hint = ASKED.get(found.needs, PAIRS)
            raise InputError(f"evaluate.metrics: {name} needs {what}", hint=hint)
