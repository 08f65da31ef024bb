"""Looking closer: what training had seen, what went wrong, which labels are confused."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from kitae.core.records import Record
from kitae.core.text import compact, normalise
from kitae.evaluate.baseline import nearest_question
from kitae.evaluate.figures import rounded
from kitae.evaluate.intervals import proportion
from kitae.evaluate.predictions import Answers, Measures
from kitae.evaluate.rouge import exact_form, rouge_l

WORST = 20
"""Failures shown for a set."""
CONFUSIONS = 20
MOST_LABELS = 24
"""Labels of a confusion matrix; a larger one cannot be read."""
REST = "…"
TENTHS = 10
NO_LABEL = ""
"""What is predicted when the answer is none of the known labels."""


def seen_rows(records: Sequence[Record], train: Sequence[Record]) -> list[int]:
    """Positions of the records whose question training had seen: equal in letters and digits, width and case apart.

    Training sees every answered turn. A question is seen when all before it was the same, too, or when one of the two
    was asked alone: "thank you" after another talk is nothing seen.
    """
    taught = [turn for record in train for turn in _turns(record)]
    talks = {talk for talk, _ in taught} - {""}
    known = talks | {question for _, question in taught} - {""}
    asked = [_turns(record)[-1] for record in records]
    return [row for row, (talk, question) in enumerate(asked) if talk in known or question in talks]


def failures(
    records: Sequence[Record], tuned: Answers, base: Answers | None, train: Sequence[Record]
) -> list[dict[str, Any]]:
    """The tuned model's wrong answers that are least like the right ones (character ROUGE-L), worst first.

    Each comes with the base's answer and the nearest training question, which tells a gap in the data from the rest.
    """
    wrong = [
        (rounded(rouge_l(record.answer, tuned[row] or "")), record.id, row)
        for row, record in enumerate(records)
        if exact_form(tuned[row] or "") != exact_form(record.answer)
    ]
    worst = sorted(wrong)[:WORST]
    if not worst:
        return []
    nearest = nearest_question([record.question for record in train])([records[row].question for _, _, row in worst])
    return [
        {
            "id": name,
            "question": records[row].question,
            "reference": records[row].answer,
            "tuned": tuned[row] or "",
            "base": None if base is None else base[row],
            "similarity": similarity,
            "nearest_question": train[near].question,
            "nearest_answer": train[near].answer,
        }
        for (similarity, name, row), near in zip(worst, nearest, strict=True)
    ]


def label_table(
    records: Sequence[Record], tuned: Answers, labels: Sequence[str], *, confidence: float = 0.95
) -> dict[str, Any]:
    """Precision, recall, F1 and rows of each label, and the commonest confusions, for the tuned model.

    Precision and recall are shares of few rows, so each has its interval.

    `labels` are the known ones; an answer that is none of them is predicted as `NO_LABEL`. A figure without any row
    behind it is None.
    """
    wanted = [exact_form(record.answer) for record in records]
    known = {*labels, *wanted}
    given = [form if (form := exact_form(text or "")) in known else NO_LABEL for text in tuned]
    right = Counter(label for label, answer in zip(wanted, given, strict=True) if label == answer)
    there, said = Counter(wanted), Counter(given)
    mixed = Counter((label, answer) for label, answer in zip(wanted, given, strict=True) if label != answer)
    return {
        "labels": [
            {
                "label": label,
                "rows": there[label],
                "precision": _share(right[label], said[label]),
                "recall": _share(right[label], there[label]),
                "precision_interval": _ends(right[label], said[label], confidence),
                "recall_interval": _ends(right[label], there[label], confidence),
                "f1": _share(2 * right[label], there[label] + said[label]),
            }
            for label in sorted(set(there) | (set(said) - {NO_LABEL}))
        ],
        "confusions": [
            {"wanted": label, "given": answer, "rows": rows}
            for (label, answer), rows in sorted(mixed.items(), key=lambda item: (-item[1], item[0]))[:CONFUSIONS]
        ],
        "no_label": said[NO_LABEL],
    }


def confusion(records: Sequence[Record], tuned: Answers, labels: Sequence[str]) -> dict[str, Any]:
    """How often each label was answered for each: `rows[i][j]` right label i, answered label j.

    With many labels only the `MOST_LABELS` that are mixed up most often are shown, and `REST` stands for the others.
    The last column is for answers that are no known label.
    """
    wanted = [exact_form(record.answer) for record in records]
    known = {*labels, *wanted}
    given = [form if (form := exact_form(text or "")) in known else NO_LABEL for text in tuned]
    mixed = Counter(label for pair in zip(wanted, given, strict=True) if pair[0] != pair[1] for label in pair)
    there = sorted({*wanted, *given} - {NO_LABEL}, key=lambda label: (-mixed[label], label))
    shown = sorted(there[:MOST_LABELS])
    heads = [*shown, *([REST] if len(there) > MOST_LABELS else [])]
    place = {label: index for index, label in enumerate(shown)}
    table = [[0] * (len(heads) + 1) for _ in heads]
    for label, answer in zip(wanted, given, strict=True):
        column = len(heads) if answer == NO_LABEL else place.get(answer, len(shown))
        table[place.get(label, len(shown))][column] += 1
    return {"labels": heads, "rows": table, "others": max(0, len(there) - MOST_LABELS)}


def reliability(measures: Measures, confidence: float) -> list[dict[str, Any]]:
    """Tenths of the probability of the likeliest label: mean probability, share that was right with its interval."""
    pairs = [
        (top, hit)
        for top, hit in zip(measures.get("top", ()), measures.get("top_right", ()), strict=True)
        if top is not None and hit is not None
    ]
    bins: dict[int, list[tuple[float, float]]] = {}
    for top, hit in pairs:
        bins.setdefault(min(TENTHS - 1, int(top * TENTHS)), []).append((top, hit))
    found = []
    for _, rows in sorted(bins.items()):
        right = int(sum(hit for _, hit in rows))
        ends = _ends(right, len(rows), confidence)
        sure = rounded(sum(top for top, _ in rows) / len(rows))
        found.append({"sure": sure, "right": rounded(right / len(rows)), "rows": len(rows), "interval": ends})
    return found


def counts(records: Sequence[Record]) -> dict[str, Any]:
    """How many rows, languages and different answers."""
    languages = Counter(record.language or "?" for record in records)
    return {
        "rows": len(records),
        "languages": dict(sorted(languages.items())),
        "answers": len({exact_form(record.answer) for record in records}),
    }


def _turns(record: Record) -> list[tuple[str, str]]:
    """Before each answer: all that was said but the system's words, and the user's last words; as compared."""
    ends = [end for end, message in enumerate(record.messages) if message.role == "assistant"]
    turns = []
    for end in ends or [len(record.messages)]:
        said = [message for message in record.messages[:end] if message.role != "system"]
        question = next((message.content for message in reversed(said) if message.role == "user"), "")
        turns.append((same_form("\n".join(message.content for message in said)), same_form(question)))
    return turns


def same_form(text: str) -> str:
    """What two texts share that say the same but for case, width, spaces and punctuation."""
    return compact(text) or normalise(text)


def _ends(part: int, whole: int, confidence: float) -> list[float] | None:
    """Both ends of the interval of a share, None without rows."""
    if not whole:
        return None
    interval = proportion(part, whole, confidence)
    return [rounded(interval.low), rounded(interval.high)]


def _share(part: int, whole: int) -> float | None:
    return rounded(part / whole) if whole else None
