"""Self-training: a classifier labels unlabelled rows it is sure of, learns from them, and labels further ones.

Its probabilities are calibrated on the validation split before each round, so that 0.95 means it. When a round lowers
the accuracy on validation it is undone, and no other follows. Source: Yarowsky 1995, "Unsupervised word sense
disambiguation rivaling supervised methods"; Scudder 1965 before it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kitae.core.data_settings import SelfTrainingSettings
from kitae.core.records import Edit, Message, Record
from kitae.core.text import compact, normalise
from kitae.data.small.apart import HeldOut
from kitae.data.small.labelling import Calibrated, labeller_of
from kitae.data.small.steps import PSEUDO, Step
from kitae.errors import RecipeError


def self_train(
    train: Sequence[Record],
    validation: Sequence[Record],
    unlabelled: Iterable[Record],
    held_out: HeldOut,
    *,
    settings: SelfTrainingSettings,
) -> Step:
    """The training rows and the pseudo-labelled ones behind them.

    Raises `RecipeError` when there are no labels to learn, or no validation rows to calibrate and stop by.
    """
    labels = sorted({record.label for record in train if record.label})
    known = [record for record in validation if record.label in set(labels)]
    if len(labels) < 2 or not known:
        raise RecipeError(
            "data.self_training needs two labels in training and labelled rows in validation",
            got=f"{len(labels)} labels, {len(known)} validation rows with one of them",
            hint="Set data.split.validation, or leave data.self_training out",
        )
    pool, refused = _usable(unlabelled, train, held_out)
    rounds = _Rounds([record for record in train if record.label], known, settings)
    state = rounds.begin()
    taken: list[Record] = []
    told: list[dict[str, Any]] = []
    for number in range(1, settings.rounds + 1):
        chosen = rounds.choose(state, pool, number)
        if not chosen:
            told.append({"round": number, "taken": 0, "stopped": "no row is above the confidence"})
            break
        after = rounds.learn([*taken, *chosen])
        told.append({"round": number, "taken": len(chosen), **after.figures})
        if after.accuracy < state.accuracy:
            told[-1]["stopped"] = "accuracy on validation fell; the round is undone"
            break
        state, taken = after, [*taken, *chosen]
        ids = {record.id for record in chosen}
        pool = [record for record in pool if record.id not in ids]
    figures = {
        "read": len(pool) + len(taken) + refused.total(),
        "added": len(taken),
        "not_sure_enough": len(pool),
        "refused": dict(sorted(refused.items())),
        "before": rounds.begin().figures,
        "rounds": told,
        "labels": dict(sorted(Counter(record.label for record in taken).items())),
    }
    return Step([*train, *taken], figures=figures, lines=_lines(figures, settings))


@dataclass(frozen=True)
class _State:
    """What was learnt, and how good it is on validation."""

    labeller: Calibrated
    accuracy: float

    @property
    def figures(self) -> dict[str, float]:
        """Accuracy on validation and the temperature of the calibration."""
        return {"validation_accuracy": round(self.accuracy, 6), "temperature": round(self.labeller.temperature, 4)}


class _Rounds:
    """Learning from the labelled rows and what was taken so far, measured on validation."""

    def __init__(self, train: Sequence[Record], validation: Sequence[Record], settings: SelfTrainingSettings) -> None:
        """Take the labelled rows; those of validation have labels that training has."""
        self._make = labeller_of(settings.labeller)
        self._train, self._validation, self._settings = train, validation, settings
        self._first: _State | None = None

    def begin(self) -> _State:
        """What the labelled rows alone teach."""
        if self._first is None:
            self._first = self.learn([])
        return self._first

    def learn(self, taken: Sequence[Record]) -> _State:
        """What the labelled rows teach with those taken."""
        rows = [*self._train, *taken]
        labels = [record.label for record in rows]
        labeller = self._make().fit([record.question for record in rows], labels)
        texts, truth = [r.question for r in self._validation], [r.label for r in self._validation]
        calibrated = Calibrated(labeller, sorted(set(labels)), texts, truth)
        best = calibrated.predict_proba(texts).argmax(axis=1).tolist()
        right = sum(calibrated.labels[column] == label for column, label in zip(best, truth, strict=True))
        return _State(calibrated, right / len(truth))

    def choose(self, state: _State, pool: Sequence[Record], number: int) -> list[Record]:
        """The rows of the pool whose label is sure enough, labelled, the surest first."""
        if not pool:
            return []
        probabilities = state.labeller.predict_proba([record.question for record in pool])
        sure = zip(probabilities.max(axis=1).tolist(), probabilities.argmax(axis=1).tolist(), pool, strict=True)
        chosen = [
            _labelled(record, state.labeller.labels[column], probability, number)
            for probability, column, record in sure
            if probability >= self._settings.confidence
        ]
        chosen.sort(key=lambda record: (-record.meta["label_confidence"], record.id))
        return chosen[: self._settings.most]


def _labelled(record: Record, label: str, probability: float, number: int) -> Record:
    confidence = round(probability, 4)
    edit = Edit(PSEUDO, f"labelled '{label}' in round {number} of self-training", {"confidence": confidence})
    meta = {**record.meta, "label_confidence": confidence, "self_training_round": number}
    return record.with_edit(edit, messages=(*record.messages, Message("assistant", label)), label=label, meta=meta)


def _usable(
    unlabelled: Iterable[Record], train: Sequence[Record], held_out: HeldOut
) -> tuple[list[Record], Counter[str]]:
    """The rows that may be labelled, as questions without an answer, and how many others there are for which reason."""
    asked = {normalise(record.question) for record in train}
    ids = {record.id for record in train}
    refused: Counter[str] = Counter()
    pool: list[Record] = []
    for record in map(_as_question, unlabelled):
        form = normalise(record.question)
        reason = (
            ("no text" if not compact(record.question) else "")
            or ("a training row or another unlabelled one asks it" if form in asked or record.id in ids else "")
            or ("a held-out row asks it" if held_out.asks(record) else "")
        )
        if reason:
            refused[reason] += 1
            continue
        asked.add(form)
        ids.add(record.id)
        pool.append(record)
    return pool, refused


def _as_question(record: Record) -> Record:
    """The record as a question: raw text is what somebody asks, and an answer or a label is left off."""
    messages = [Message("user", m.content) if m.role == "document" else m for m in record.messages]
    asked = [place for place, message in enumerate(messages) if message.role == "user"]
    return replace(record, messages=tuple(messages[: asked[-1] + 1] if asked else messages), label="")


def _lines(figures: dict[str, Any], settings: SelfTrainingSettings) -> list[str]:
    """What happened, for people."""
    ways = [
        f"{row['taken']:,} rows" + (f" ({row['stopped']})" if "stopped" in row else "") for row in figures["rounds"]
    ]
    accuracies = [row["validation_accuracy"] for row in figures["rounds"] if "stopped" not in row]
    before = figures["before"]["validation_accuracy"]
    refused = ", ".join(f"{reason} {n:,}" for reason, n in figures["refused"].items())
    return [
        f"self-training: {figures['read']:,} unlabelled rows = {figures['added']:,} labelled with a confidence of "
        f"{settings.confidence:g} and more + {figures['not_sure_enough']:,} not sure enough + "
        f"{sum(figures['refused'].values()):,} refused" + (f" ({refused})" if refused else ""),
        f"rounds: {'; '.join(ways)}; accuracy on validation {before:.1%} before, "
        f"{accuracies[-1] if accuracies else before:.1%} after",
    ]
