"""A small support desk for tests: records, artifacts, and answerers that need no model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kitae.core.artifacts import Adapter, Dataset, Split
from kitae.core.files import write_jsonl, write_text
from kitae.core.records import Message, Origin, Record
from kitae.core.resolved import Resolved
from kitae.core.workspace import Draft, Workspace

ANSWERS = {
    "ja": ["駐車場は無料です。", "無線LANは全室で使えます。", "朝食は七時からです。"],
    "en": ["Parking is free.", "Wi-Fi works in every room.", "Breakfast starts at seven."],
}
WORDS = {
    "ja": [["駐車場", "車", "停める"], ["無線LAN", "ネット", "Wi-Fi"], ["朝食", "朝ごはん", "食事"]],
    "en": [["parking", "car", "garage"], ["Wi-Fi", "internet", "network"], ["breakfast", "morning meal", "food"]],
}
FRAMES = {
    "ja": ["{}について教えてください", "{}はどうですか？", "すみません、{}の件です", "{}、お願いします"],
    "en": ["Tell me about {}", "What about {}?", "Excuse me, {}", "A question on {}"],
}


def record(question: str, answer: str, language: str = "en", *, row: int = 1, file: str = "desk.csv") -> Record:
    return Record(
        id=f"{file}-{row:05d}",
        messages=(Message("user", question), Message("assistant", answer)),
        origin=Origin(file, row),
        language=language,
    )


def desk(*, frames: slice = slice(None), file: str = "desk.csv", answer: Callable[[str], str] = str) -> list[Record]:
    rows = [
        (frame.format(word), answer(ANSWERS[language][topic]), language)
        for language in ("ja", "en")
        for frame in FRAMES[language][frames]
        for topic, words in enumerate(WORDS[language])
        for word in words
    ]
    return [record(*row, row=number, file=file) for number, row in enumerate(rows, 1)]


def split_in(out: Workspace, *, train: Sequence[Record], test: Sequence[Record], validation: Sequence[Record]) -> Split:
    def build(draft: Draft) -> None:
        for name, rows in (("train", train), ("validation", validation), ("test", test)):
            write_jsonl(draft.file(f"{name}.jsonl"), (row.as_dict() for row in rows))

    key = [[row.as_dict() for row in rows] for rows in (train, validation, test)]
    return out.make(Split, parents={}, settings={"rows": key}, build=build)


def dataset_in(out: Workspace, rows: Sequence[Record]) -> Dataset:
    def build(draft: Draft) -> None:
        write_jsonl(draft.file("records.jsonl"), (row.as_dict() for row in rows))

    return out.make(Dataset, parents={}, settings={"rows": [row.as_dict() for row in rows]}, build=build)


def adapter_in(out: Workspace, history: Sequence[Mapping[str, Any]] = ()) -> Adapter:
    def build(draft: Draft) -> None:
        write_text(draft.file("adapter/adapter_model.safetensors"), "weights")
        write_jsonl(draft.file("history.jsonl"), (dict(row) for row in history))

    return out.make(Adapter, parents={}, settings={}, build=build)


def resolved(**evaluate: Any) -> Resolved:
    task = evaluate.pop("task", "chat")
    metrics = {"classify": ["accuracy", "macro_f1"]}.get(task, ["exact_match", "rouge_l", "bleu"])
    return Resolved.model_validate(
        {
            "name": "desk",
            "task": task,
            "seed": 7,
            "base": "kitae-nano",
            "base_digest": "b" * 64,
            "method": {
                "kind": "lora",
                "rank": 4,
                "alpha": 8.0,
                "dropout": 0.0,
                "targets": ["q_proj"],
                "train_embeddings": False,
            },
            "train": {
                "epochs": 1.0,
                "learning_rate": 0.003,
                "tokens_per_step": 256,
                "max_row_tokens": 128,
                "precision": "fp32",
                "schedule": {},
                "weight_decay": 0.01,
                "max_gradient_norm": 1.0,
                "validations": 2,
                "checkpoint_seconds": 20.0,
                "early_stopping": None,
            },
            "evaluate": {
                "metrics": metrics,
                "compare_to": ["base", "choice", "baseline"],
                "max_new_tokens": 32,
                "batch_rows": 8,
                "confidence": 0.95,
                **evaluate,
            },
        }
    )


class Cut(BaseException):
    """What a kill looks like from inside."""


@dataclass
class FakeAnswerer:
    """Answers each question by a function; tokens are the characters' code points. `cut_after` dies after so many."""

    reply: Callable[[str], str]
    cut_after: int | None = None
    asked: list[str] = field(default_factory=list)

    def answer(self, conversations: Sequence[Any], *, known: Mapping[int, Any], on_done: Callable[..., None]) -> None:
        # Backwards, because models answer the longest rows first and not in order.
        for index in reversed(range(len(conversations))):
            if index not in known:
                self._count(conversations[index][-1].content)
                on_done(index, [ord(c) for c in self.reply(conversations[index][-1].content)])

    def weigh(
        self, conversations: Sequence[Any], choices: Sequence[str], *, known: Any, on_done: Callable[..., None]
    ) -> None:
        for index in range(len(conversations)):
            if index not in known:
                self._count(conversations[index][-1].content)
                best = len(self.reply(conversations[index][-1].content)) % len(choices)
                on_done(index, [-1.0 if choice == best else -2.0 for choice in range(len(choices))])

    def likelihood(
        self, conversations: Sequence[Any], answers: Sequence[str], *, known: Any, on_done: Callable[..., None]
    ) -> None:
        for index in range(len(conversations)):
            if index not in known:
                self._count(conversations[index][-1].content)
                right = self.reply(conversations[index][-1].content) == answers[index]
                on_done(index, -0.1 * len(answers[index]) if right else -1.0 * len(answers[index]), len(answers[index]))

    def text(self, tokens: Sequence[int]) -> str:
        return "".join(map(chr, tokens))

    def _count(self, question: str) -> None:
        if self.cut_after is not None and len(self.asked) >= self.cut_after:
            raise Cut
        self.asked.append(question)


def knows(records: Sequence[Record], *, wrong_every: int = 0) -> Callable[[str], str]:
    """Replies rightly to these questions, but for every so many of them."""
    answers = {row.question: row.answer for row in records}
    for number, question in enumerate(sorted(answers)):
        if wrong_every and number % wrong_every == 0:
            answers[question] = "I do not know."
    return lambda question: answers[question]


def two_models(tuned: FakeAnswerer, base: FakeAnswerer) -> Callable[[str], FakeAnswerer]:
    return lambda model: {"tuned": tuned, "base": base}[model]


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }
