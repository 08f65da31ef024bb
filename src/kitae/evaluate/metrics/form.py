"""The form of answers: JSON, spans, language, length, refusals, repetition; and what predictions measured."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from kitae.core.settings import digest_of
from kitae.core.text import HANGUL, LATIN, OTHER_LETTER, is_japanese
from kitae.errors import InputError
from kitae.evaluate.metrics.base import (
    Array,
    Given,
    Metric,
    Questions,
    exact,
    hit_metric,
    mean_metric,
    ours,
    ratio,
    with_ones,
)
from kitae.evaluate.rouge import exact_form

REPEAT = 8
"""Characters of the n-grams whose repetition is counted."""
REFUSALS = (
    r"\b(?:sorry|apologi[sz]e|afraid|unable)\b[^.!?\n]{0,60}\b(?:can ?not|can['’]?t|unable|not able|won['’]?t)\b",
    r"\bi (?:can ?not|can['’]?t|am unable to|am not able to|won['’]?t) "
    r"(?:help|assist|answer|comply|provide|fulfil|discuss|do that)",
    r"\bas an? (?:ai|language model|assistant)\b[^.!?\n]{0,80}\b(?:can ?not|can['’]?t|not able|unable|don['’]?t)\b",
    r"(?:お答え|回答|お手伝い|対応|ご案内|お応え|提供)(?:する(?:こと)?(?:は|が)?)?(?:でき(?:ません|ない|かね)|いたしかね|しかね)",
    r"(?:AI|人工知能|言語モデル)(?:アシスタント)?(?:として|なので|ですので)[^。\n]{0,60}(?:ません|できない|かねます)",
)
_REFUSAL = re.compile("|".join(REFUSALS), re.IGNORECASE)
LINE = re.compile(r"\s*([^:：\t\n]+?)\s*[:：\t]\s*(\S.*?)\s*")


def json_of(text: str) -> Any:
    """The JSON value of a whole text; raises `ValueError`. NaN and infinities are none."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        return json.loads(text.strip(), parse_constant=refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _is_json(_reference: str, text: str) -> bool:
    try:
        json_of(text)
    except ValueError:
        return False
    return True


def json_valid(questions: Questions) -> list[Metric]:
    """The share of answers that are JSON from end to end."""
    return [hit_metric("json_valid", _is_json, questions, "whole answer|rfc8259")]


def schema_validator(schema: Mapping[str, Any]) -> Any:
    """What checks values against a JSON Schema. Raises `InputError` when it is none."""
    from jsonschema import SchemaError
    from jsonschema.validators import validator_for

    kind = validator_for(dict(schema))
    try:
        kind.check_schema(dict(schema))
    except SchemaError as error:
        raise InputError(
            "evaluate.json_schema is no JSON Schema", got=error.message, hint="See https://json-schema.org"
        ) from error
    return kind(dict(schema))


def json_schema(questions: Questions) -> list[Metric]:
    """The share of answers that are JSON and fit the schema of the recipe. Raises `InputError` for a bad schema."""
    schema = dict(questions.schema or {})
    validator = schema_validator(schema)

    def fits(_reference: str, text: str) -> bool:
        try:
            return bool(validator.is_valid(json_of(text)))
        except ValueError:
            return False

    how = f"schema:{digest_of(schema)[:12]}|{type(validator).__name__}|jsonschema-{version('jsonschema')}"
    return [hit_metric("json_schema", fits, questions, how)]


def spans_in(text: str) -> "Counter[tuple[str, str]]":
    """Spans (kind, text) of an answer: JSON (`{"PER": ["…"]}`, or a list of `{type, text}`), else lines `KIND: text`.

    What is neither has no spans.
    """
    try:
        found = list(_json_spans(json_of(text)))
    except (ValueError, TypeError, KeyError):
        found = [(hit[1], hit[2]) for line in text.splitlines() if (hit := LINE.fullmatch(line))]
    return Counter((exact_form(str(kind)), exact_form(str(part))) for kind, part in found)


def _json_spans(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        lists = {kind: part if isinstance(part, list) else [part] for kind, part in value.items()}
        return [(kind, part) for kind, parts in lists.items() for part in parts]
    return [(one["type"], one["text"]) if isinstance(one, dict) else (one[0], one[1]) for one in value]


def span_f1(questions: Questions) -> list[Metric]:
    """F1 over all spans of the set, kind and text both right."""
    wanted = [spans_in(text) for text in questions.references]

    def statistics(given: Given) -> Array:
        pairs = [(spans_in(text), there) for text, there in zip(given.texts, wanted, strict=True)]
        rows = [[2 * (said & there).total(), said.total() + there.total()] for said, there in pairs]
        return np.array(rows, dtype=float).reshape(-1, 2)

    signature = f"span_f1|micro|kind+text|norm:nfkc+spaces+trim|unreadable:no spans|{ours()}"
    return [Metric("span_f1", signature, questions.everything, statistics, ratio)]


def script_language(text: str) -> str:
    """`ja`, `latin`, `other`, or "" for no letters: as much as the script alone says."""
    if is_japanese(text):
        return "ja"
    if HANGUL.search(text) or OTHER_LETTER.search(text):
        return "other"
    return "latin" if LATIN.search(text) else ""


def language_match(questions: Questions) -> list[Metric]:
    """The share of answers in the script of the reference; no letters are right where the reference has none."""

    def same(reference: str, text: str) -> bool:
        return script_language(reference) == script_language(text)

    return [hit_metric("language_match", same, questions, "by:script of the reference")]


def refuses(text: str) -> bool:
    """Whether an answer declines to answer, by our own short list."""
    return bool(_REFUSAL.search(unicodedata.normalize("NFKC", text)))


def refusal(questions: Questions) -> list[Metric]:
    """The share of answers that decline."""
    how = f"list:{digest_of(list(REFUSALS))[:12]}"
    return [hit_metric("refusal", lambda _one, text: refuses(text), questions, how)]


def repetition(questions: Questions) -> list[Metric]:
    """The share of character 8-grams that the same answer had before (seq-rep-n, Welleck et al. 2020)."""

    def statistics(given: Given) -> Array:
        rows = []
        for text in map(exact_form, given.texts):
            grams = [text[start : start + REPEAT] for start in range(len(text) - REPEAT + 1)]
            rows.append([len(grams) - len(set(grams)), len(grams)])
        return np.array(rows, dtype=float).reshape(-1, 2)

    signature = f"repetition|seq-rep-{REPEAT}|tok:char|{ours()}"
    return [Metric("repetition", signature, questions.everything, statistics, ratio)]


def length(questions: Questions) -> list[Metric]:
    """Mean characters of an answer."""
    return [mean_metric("length", lambda _one, text: len(exact_form(text)), questions, "unit:characters|norm:nfkc")]


def measured(family: str, measure: str, unit: str, *, of: int = 1) -> Callable[[Questions], list[Metric]]:
    """The mean of what the predictions measured themselves, for `of` answers."""

    def metrics(questions: Questions) -> list[Metric]:
        def statistics(given: Given) -> Array:
            values = np.nan_to_num(given.measures[measure])
            return np.stack([exact(of * values), np.ones(len(values))], axis=1)

        signature = f"{family}|mean|unit:{unit}|as measured|{ours()}"
        return [Metric(family, signature, questions.everything, statistics, ratio, measures=(measure,))]

    return metrics


def perplexity(family: str, unit: str, count: Callable[[str], int] | None) -> Callable[[Questions], list[Metric]]:
    """The exponential of the references' mean negative log-likelihood by token, character or byte.

    Predictions bring `nll` (nats) and `reference_tokens` for each row.
    """

    def metrics(questions: Questions) -> list[Metric]:
        units = None if count is None else np.array([count(text) for text in questions.references], dtype=float)

        def statistics(given: Given) -> Array:
            size = given.measures["reference_tokens"] if units is None else units
            table: Array = np.nan_to_num(np.stack([exact(given.measures["nll"]), size], axis=1))
            return table

        def value(sums: Array) -> Array:
            values: Array = np.exp(np.minimum(ratio(sums), 700.0))
            return values

        needs = ("nll", "reference_tokens") if units is None else ("nll",)
        signature = f"{family}|unit:{unit}|of the references|{ours()}"
        return [Metric(family, signature, questions.everything, statistics, value, measures=needs)]

    return metrics


def preferred(questions: Questions) -> list[Metric]:
    """The share of pairs whose chosen answer is likelier, token by token, than the rejected one; as likely counts half.

    By token, because by sum the shorter answer would win (Meng et al. 2024, arXiv:2405.14734, section 2.3).
    """

    def statistics(given: Given) -> Array:
        chosen = given.measures["nll"] / given.measures["reference_tokens"]
        rejected = given.measures["rejected_nll"] / given.measures["rejected_tokens"]
        return with_ones(np.where(chosen == rejected, 0.5, chosen < rejected))

    signature = f"preferred|mean log-probability by token, end of turn included|{ours()}"
    needs = ("nll", "reference_tokens", "rejected_nll", "rejected_tokens")
    return [Metric("preferred", signature, questions.everything, statistics, ratio, measures=needs)]


FORM_METRICS: Mapping[str, Callable[[Questions], list[Metric]]] = {
    "json_valid": json_valid,
    "json_schema": json_schema,
    "span_f1": span_f1,
    "language_match": language_match,
    "refusal": refusal,
    "repetition": repetition,
    "length": length,
    "tokens": measured("tokens", "tokens", "tokens"),
    "latency": measured("latency", "seconds", "s"),
    "cost": measured("cost", "cost", "as the price, for 1,000 answers", of=1000),
    "preferred": preferred,
    "perplexity_token": perplexity("perplexity_token", "token", None),
    "perplexity_character": perplexity("perplexity_character", "character", len),
    "perplexity_byte": perplexity("perplexity_byte", "byte", lambda text: len(text.encode())),
}
