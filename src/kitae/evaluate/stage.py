"""The evaluation stage: answers, figures, verdict, report. Killed and called again, it ends with the same bytes."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from kitae.core.artifacts import Adapter, Dataset, Split, Verdict
from kitae.core.files import read_jsonl, write_json, write_jsonl, write_text
from kitae.core.metric_names import check_metrics
from kitae.core.records import Record, content_digest, read_records
from kitae.core.resolved import Resolved
from kitae.core.settings import digest_of
from kitae.core.workspace import Draft, Workspace
from kitae.errors import InputError
from kitae.evaluate.answering import Answerer, open_model
from kitae.evaluate.checking import check_rows, groups
from kitae.evaluate.figures import SYSTEMS
from kitae.evaluate.looking import seen_rows
from kitae.evaluate.metrics.similarity import embedding
from kitae.evaluate.page import page
from kitae.evaluate.prediction_log import HeldOutSet, is_right
from kitae.evaluate.predictions import Data, Predictions, predict
from kitae.evaluate.rouge import exact_form
from kitae.evaluate.verdict import judge, lines, metric_names, summary

USED = ("train.jsonl", "validation.jsonl", "test.jsonl")
TEST = "test"
HELD_OUT = "records.jsonl"
VECTORS = "vectors"

Open = Callable[[str], Answerer]


def run(
    adapter: Adapter,
    split: Split,
    held_out: Mapping[str, Dataset],
    *,
    settings: Resolved,
    out: Workspace,
    open_answerer: Open | None = None,
) -> Verdict:
    """Compare the tuned model with its opponents on the test split and on each set of `held_out`.

    Writes `verdict.json`, `report.html` and `predictions-SET.jsonl`. `open_answerer("base" or "tuned")` gives a model
    that answers; by default it is loaded. Raises `UnknownName` for a metric, `InputError` for one that cannot be
    computed, `BaseError`, `DiskFull`.
    """
    names = metric_names(settings.evaluate.metrics)
    check_metrics(names, settings.evaluate, preference=settings.task == "preference")
    if TEST in held_out:
        raise InputError("a held-out set may not be called test: that is the test split", got=sorted(held_out))
    used = {name.removesuffix(".jsonl"): content_digest(split.file(name)) for name in USED}
    check_rows(split, held_out, settings.evaluate)
    extra = {f"held_out.{name}": content_digest(held_out[name].file(HELD_OUT)) for name in sorted(held_out)}
    return out.make(
        Verdict,
        parents={"adapter": adapter.digest, **used, **extra},
        settings={
            "evaluate": settings.evaluate.key(),
            "task": settings.task,
            "seed": settings.seed,
            "base_digest": settings.base_digest,
            "groups": groups(split, held_out, settings.evaluate.group_by),
        },
        build=lambda draft: _build(
            draft,
            adapter,
            read(split, held_out, task=settings.task),
            settings,
            open_answerer or _opener(settings, adapter),
        ),
    )


def read(split: Split, held_out: Mapping[str, Dataset], *, task: str) -> Data:
    """The rows of the split and of every held-out set, the test split first."""
    sets = [_held_out(TEST, read_records(split.file("test.jsonl")))]
    sets += [_held_out(name, read_records(held_out[name].file(HELD_OUT))) for name in sorted(held_out)]
    train, validation = (
        tuple(record for record in read_records(split.file(name)) if exact_form(record.answer)) for name in USED[:2]
    )
    return Data(train, validation, tuple(sets), labels=task == "classify")


def _held_out(name: str, records: Iterable[Record]) -> HeldOutSet:
    """Rows without a reference answer cannot be judged, and an undesirable one is none; they are counted, left out."""
    every = list(records)
    usable = tuple(filter(is_right, every))
    return HeldOutSet(name, usable, len(every) - len(usable))


def _opener(settings: Resolved, adapter: Adapter) -> Open:
    return lambda model: open_model(settings, adapter if model == "tuned" else None)


def _build(draft: Draft, adapter: Adapter, data: Data, settings: Resolved, open_answerer: Open) -> None:
    if not data.train:
        raise InputError("the training split has no row with an answer", hint="Look into the split's report")
    _say_what_is_asked(draft, data)
    predictions = predict(draft, data, settings=settings, open_answerer=open_answerer)
    with embedding(settings.evaluate.embeddings, draft.scratch / VECTORS) as embed:
        verdict = judge(data, predictions, settings, embed=embed)
    for line in lines(verdict):
        draft.stage.note(line)
    write_json(draft.file("verdict.json"), verdict)
    for part in data.sets:
        write_jsonl(draft.file(f"predictions-{part.name}.jsonl"), _rows(part, data, predictions))
    history = adapter.file("history.jsonl")
    about = {
        "base": Path(settings.base).name if Path(settings.base).is_absolute() else settings.base,
        "adapter": adapter.short,
        "test": digest_of([record.id for record in data.sets[0].records])[:12],
    }
    steps = list(read_jsonl(history)) if history.exists() else []
    write_text(draft.file("report.html"), page(verdict, steps, about=about))
    draft.summary(summary(verdict))


def _say_what_is_asked(draft: Draft, data: Data) -> None:
    for part in data.sets:
        if part.without_reference:
            draft.stage.warning(
                f"{part.name}: {part.without_reference:,} rows have no reference answer and cannot be judged"
            )
    sizes = ", ".join(f"{part.name} {len(part.records):,}" for part in data.sets)
    draft.stage.note(f"held-out rows: {sizes}", rows={part.name: len(part.records) for part in data.sets})


def _rows(part: HeldOutSet, data: Data, predictions: Predictions) -> Iterable[dict[str, Any]]:
    """One row a record: question, reference, what each system answered, and whether training had seen the question."""
    answers = predictions.answers[part.name]
    seen = set(seen_rows(part.records, data.train))
    for row, record in enumerate(part.records):
        given = {system: answers[system][row] for system in SYSTEMS if system in answers}
        yield {
            "id": record.id,
            "language": record.language,
            "question": record.question,
            "reference": record.answer,
            "source": record.origin.file,
            "turns": sum(message.role == "user" for message in record.prompt),
            "meta": dict(record.meta),
            "answers": {system: text for system, text in given.items() if text is not None},
            "right": {
                system: exact_form(text) == exact_form(record.answer)
                for system, text in given.items()
                if text is not None
            },
            "seen_in_training": row in seen,
        }
