"""The verdict: every figure of every held-out set, what they mean, and the key figures for the registry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kitae.core.columns import group_of
from kitae.core.resolved import Resolved
from kitae.errors import InputError
from kitae.evaluate import sentences
from kitae.evaluate.figures import SYSTEMS, Measuring, figure
from kitae.evaluate.looking import confusion, counts, failures, label_table, reliability, seen_rows
from kitae.evaluate.metrics import Embed, Questions, metrics_for
from kitae.evaluate.prediction_log import HeldOutSet
from kitae.evaluate.predictions import Answers, Data, Measures, Predictions, known_answers
from kitae.evaluate.rouge import exact_form

HITS = ("exact_match", "accuracy")
"""Either is the share of exact answers; one of them is always measured."""


@dataclass(frozen=True)
class Measured:
    """Every system's answers to a set, and what came with them."""

    answers: Mapping[str, Answers]
    measures: Mapping[str, Measures]
    embed: Embed | None = None


def judge(data: Data, predictions: Predictions, settings: Resolved, *, embed: Embed | None = None) -> dict[str, Any]:
    """The whole verdict as JSON-ready values, the same for the same answers. Raises `InputError`, `UnknownName`."""
    names = metric_names(settings.evaluate.metrics)
    sets = {part.name: _set(part, data, predictions, settings, embed) for part in data.sets}
    standing, sentence = sentences.headline(sets, method=predictions.baseline, confidence=settings.evaluate.confidence)
    return {
        "task": settings.task,
        "main_metric": names[0],
        "metrics": names,
        "confidence": settings.evaluate.confidence,
        "seed": settings.seed,
        "standing": standing,
        "sentence": sentence,
        "data": {"train": counts(data.train), "validation": counts(data.validation)},
        "baseline": {"method": predictions.baseline, "validation": dict(predictions.validation)},
        "choices": predictions.choices,
        "sets": sets,
    }


def metric_names(wanted: Sequence[str]) -> list[str]:
    """The metrics of a recipe, and exact match where none of them counts exact answers."""
    names = list(dict.fromkeys(wanted)) or ["exact_match"]
    return names if set(HITS) & set(names) else [*names, "exact_match"]


def summary(verdict: Mapping[str, Any]) -> dict[str, Any]:
    """The key figures: by set n, each system's main metric with its interval, and the paired test against the base."""
    sets = {name: _key_figures(values) for name, values in verdict["sets"].items()}
    first = next((values["detectable"] for values in sets.values() if values.get("detectable") is not None), None)
    return {
        "main_metric": verdict["main_metric"],
        "sentence": verdict["sentence"]["en"],
        "sets": sets,
        "detectable": first,
        "lines": lines(verdict),
    }


def lines(verdict: Mapping[str, Any]) -> list[str]:
    """What the terminal shows: the first line, each comparison, what the sets cannot show, what training had seen."""
    told = [verdict["sentence"]["en"]]
    for values in verdict["sets"].values():
        told += [words["en"] for words in values["sentences"]]
    return list(dict.fromkeys(told))


def _key_figures(values: Mapping[str, Any]) -> dict[str, Any]:
    main = values["main"]
    if main is None:
        return {"n": 0}
    found: dict[str, Any] = {"n": main["n"], "better": main["better"]}
    exact = next(one for one in values["figures"] if one["metric"] in HITS)
    for system in SYSTEMS:
        if system in main["systems"]:
            own = main["systems"][system]
            found[system] = {
                "value": own["value"],
                "low": own["low"],
                "high": own["high"],
                "n": own["n"],
                "em": exact["systems"][system]["value"],
            }
    against = main["against"].get("base")
    found["p_value"] = None if against is None else against["p_adjusted"]
    found["outcomes"] = {rival: one["outcome"] for rival, one in main["against"].items()}
    found["detectable"] = None if main["detectable"] is None else main["detectable"]["difference"]
    found["seen_in_training"] = values["seen"]["rows"]
    return found


def _set(
    part: HeldOutSet, data: Data, predictions: Predictions, settings: Resolved, embed: Embed | None
) -> dict[str, Any]:
    names = metric_names(settings.evaluate.metrics)
    answers = predictions.answers[part.name]
    every = range(len(part.records))
    measures = predictions.measures.get(part.name, {})
    given = Measured(answers, measures, embed)
    figures = _figures(part, every, given, names, part.name, settings=settings) if part.records else []
    main = _main(part, figures, names[0])
    seen = seen_rows(part.records, data.train)
    values: dict[str, Any] = {
        "n": len(part.records),
        "without_reference": part.without_reference,
        "empty_answers": sum(not exact_form(text or "") for text in answers["tuned"]),
        **{key: value for key, value in counts(part.records).items() if key != "rows"},
        "figures": figures,
        "main": main,
        "languages_main": _by_language(part, given, names, settings),
        "seen": {"rows": len(seen), "without": _without(part, seen, given, names, settings)},
        "failures": failures(part.records, answers["tuned"], answers.get("base"), data.train),
    }
    if settings.task == "classify" and part.records:
        labels = known_answers(data.right)
        values["by_label"] = label_table(
            part.records, answers["tuned"], labels, confidence=settings.evaluate.confidence
        )
        values["confusion"] = confusion(part.records, answers["tuned"], labels)
        values["calibration"] = {
            system: bins
            for system, found in measures.items()
            if (bins := reliability(found, settings.evaluate.confidence))
        }
    values["sentences"] = _sentences(part, values, predictions, settings)
    return values


def _figures(
    part: HeldOutSet, rows: Sequence[int], given: Measured, names: Sequence[str], scope: str, *, settings: Resolved
) -> list[dict[str, Any]]:
    """The figures of some rows of a set; `scope` says what they are for."""
    how = Measuring(settings.evaluate.confidence, settings.seed, scope)
    records = [part.records[row] for row in rows]
    questions = Questions(
        tuple(record.answer for record in records),
        tuple(record.language for record in records),
        settings.evaluate.json_schema,
        given.embed,
    )
    column = settings.evaluate.group_by
    if column is not None:
        how = replace(how, groups=[group_of(record, column) or record.id for record in records])
    answers = {system: [found[row] for row in rows] for system, found in given.answers.items()}
    measures = {
        system: {name: [values[row] for row in rows] for name, values in found.items() if values}
        for system, found in given.measures.items()
    }
    found = (figure(metric, answers, how, measures) for metric in metrics_for(names, questions))
    return [one for one in found if one is not None]


def _main(part: HeldOutSet, figures: Sequence[dict[str, Any]], name: str) -> dict[str, Any] | None:
    """The figure that decides: of a metric that has one figure a language, the one about most rows."""
    if not part.records:
        return None
    found = [one for one in figures if one["metric"] == name]
    if not found:
        raise InputError(
            f"the main metric {name} cannot be computed on {part.name}",
            got=f"languages {sorted({record.language or '?' for record in part.records})}",
            hint="Put another metric first in evaluate.metrics, for example rouge_l",
        )
    return max(found, key=lambda one: one["n"])


def _by_language(part: HeldOutSet, given: Measured, names: Sequence[str], settings: Resolved) -> dict[str, Any]:
    """The main metric on the rows of each language, where there are several."""
    languages = sorted({record.language for record in part.records})
    if len(languages) < 2:
        return {}
    slices = {}
    for language in languages:
        rows = [row for row, record in enumerate(part.records) if record.language == language]
        found = _figures(part, rows, given, names[:1], f"{part.name}/{language}", settings=settings)
        if found:
            slices[language or "?"] = found[0]
    return slices


def _without(
    part: HeldOutSet, seen: Sequence[int], given: Measured, names: Sequence[str], settings: Resolved
) -> dict[str, Any] | None:
    """The main metric on the rows that training had not seen, when it had seen some but not all."""
    rows = sorted(set(range(len(part.records))) - set(seen))
    if not seen or not rows:
        return None
    found = _figures(part, rows, given, names[:1], f"{part.name}/unseen", settings=settings)
    return max(found, key=lambda one: one["n"], default=None)


def _sentences(
    part: HeldOutSet, values: Mapping[str, Any], predictions: Predictions, settings: Resolved
) -> list[sentences.Words]:
    name, main = part.name, values["main"]
    if main is None:
        return []
    confidence = settings.evaluate.confidence
    told = [
        sentences.comparison(name, main, rival, method=predictions.baseline, confidence=confidence)
        for rival in main["against"]
    ]
    more = [sentences.detectable(name, main), sentences.seen(name, values)]
    languages = [record.language for record in part.records]
    tokenised = sorted({"bleu", "ter"} & set(settings.evaluate.metrics))
    more += [sentences.without_tokeniser(metric, name, languages) for metric in tokenised]
    return [*told, *(words for words in more if words is not None)]
