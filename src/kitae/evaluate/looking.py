"""Looking closer: what training had seen, what went wrong, which labels are confused."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from kitae.core.records import Record
from kitae.core.text import compact, normalise
from kitae.evaluate.baseline import nearest_question
from kitae.evaluate.figures import rounded
from kitae.evaluate.predictions import Answers
from kitae.evaluate.rouge import exact_form, rouge_l

WORST = 20
"""Failures shown for a set."""
CONFUSIONS = 20
NO_LABEL = ""
"""What is predicted when the answer is none of the known labels."""


def seen_rows(records: Sequence[Record], train: Sequence[Record]) -> list[int]:
    """Positions of the records whose question training had seen: equal in letters and digits, width and case apart."""
    known = {_question_form(record) for record in train} - {""}
    return [row for row, record in enumerate(records) if _question_form(record) in known]


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


def label_table(records: Sequence[Record], tuned: Answers, labels: Sequence[str]) -> dict[str, Any]:
    """Precision, recall, F1 and rows of each label, and the commonest confusions, for the tuned model.

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


def counts(records: Sequence[Record]) -> dict[str, Any]:
    """How many rows, languages and different answers."""
    languages = Counter(record.language or "?" for record in records)
    return {
        "rows": len(records),
        "languages": dict(sorted(languages.items())),
        "answers": len({exact_form(record.answer) for record in records}),
    }


def _question_form(record: Record) -> str:
    return compact(record.question) or normalise(record.question)


def _share(part: int, whole: int) -> float | None:
    return rounded(part / whole) if whole else None
