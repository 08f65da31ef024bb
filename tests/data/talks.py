"""Records made in a line, and the clean real data by which false alarms are measured."""

import csv
import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from kitae.core.records import Message, Origin, Record, Role, Terms
from kitae.data.language import detect_language


def talk(*turns: tuple[Role, str], file: str = "a.jsonl", row: int = 1, **fields: Any) -> Record:
    """A record with these turns."""
    messages = tuple(Message(role, text) for role, text in turns)
    asked = "\n".join(text for role, text in turns if role == "user")
    fields.setdefault("language", detect_language(asked))
    return Record(f"{row:016x}", messages, Origin(file, row), Terms("CC0-1.0"), **fields)


def pair(question: str, answer: str, **fields: Any) -> Record:
    """A question with its answer."""
    return talk(("user", question), ("assistant", answer), **fields)


def clean_pairs(folder: Path, name: str) -> list[Record]:
    """Question and answer (or text and label) of each row of a clean data set in the public data."""
    return [
        pair(q, a, file=name, row=row, label=label) for row, (q, a, label) in enumerate(CLEAN[name](folder), start=1)
    ]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _banking77(folder: Path) -> Iterator[tuple[str, str, str]]:
    for name in ("train", "test"):
        with (folder / "banking77" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            yield from ((row["text"], row["category"], row["category"]) for row in csv.DictReader(file))


def _asdc_topics(folder: Path) -> Iterator[tuple[str, str, str]]:
    for row in _lines(folder / "asdc_ja" / "vanilla__topic.L1.1turn.VanillaUtterances.jsonl"):
        topic = row["meta"]["topic"]
        yield row["utterances"][0]["text"], topic, topic


def _asdc_dialogues(folder: Path) -> Iterator[tuple[str, str, str]]:
    for row in _lines(folder / "asdc_ja" / "main_dialogs.jsonl"):
        turns = row["utterances"]
        for one, other in pairwise(turns):
            if one["name"].startswith("customer") and other["name"].startswith("operator"):
                yield one["text"], other["text"], ""


def _gsm8k(folder: Path) -> Iterator[tuple[str, str, str]]:
    yield from ((row["question"], row["answer"], "") for row in _lines(folder / "gsm8k" / "train.jsonl"))


def _jsquad(folder: Path) -> Iterator[tuple[str, str, str]]:
    articles = json.loads((folder / "jglue" / "jsquad-valid.json").read_text("utf-8"))["data"]
    for paragraph in (paragraph for article in articles for paragraph in article["paragraphs"]):
        yield paragraph["qas"][0]["question"], paragraph["context"].split("[SEP]")[-1].strip(), ""


def _jsts(folder: Path) -> Iterator[tuple[str, str, str]]:
    yield from ((row["sentence1"], row["sentence2"], "") for row in _lines(folder / "jglue" / "jsts-train.json"))


def _self_instruct(folder: Path) -> Iterator[tuple[str, str, str]]:
    for name in ("seed_tasks", "user_oriented_instructions"):
        for row in _lines(folder / "self_instruct" / f"{name}.jsonl"):
            for one in row["instances"]:
                yield f"{row['instruction']}\n{one['input']}".strip(), one["output"], ""


def _ojousama(folder: Path) -> Iterator[tuple[str, str, str]]:
    with (folder / "ojousama" / "ojousamatalkscript200.csv").open(encoding="utf-8-sig", newline="") as file:
        yield from ((row["prompt"], row["completion"], "") for row in csv.DictReader(file))


CLEAN: dict[str, Callable[[Path], Iterator[tuple[str, str, str]]]] = {
    "banking77": _banking77,
    "asdc_topics": _asdc_topics,
    "asdc_dialogues": _asdc_dialogues,
    "gsm8k": _gsm8k,
    "jsquad": _jsquad,
    "jsts": _jsts,
    "self_instruct": _self_instruct,
    "ojousama": _ojousama,
}
