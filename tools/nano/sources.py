"""Read the public records that kitae-nano learns from, and hold some out.

Only the folders marked (t) in the data README are read. Labels that people will
later fine-tune on never leave this file: of banking77 only the texts of train.csv
are read, of asdc_ja only rows whose ``purpose`` is train, and the topic of an
utterance is not read at all.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import itertools
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HELD_OUT_PERCENT = 1.5
"""Share of each source's documents that training never sees."""

HH_SKIP = re.compile(
    r"\b(porn|sex|rape|rapist|penis|vagina|masturbat|nigger|faggot|blowjob|pedo|molest|"
    r"cunt|pussy|dick|cock|slut|whore|fuck|bitch|incest|orgasm|erotic|suicid|kill|"
    r"nazi|jew|muslim|gay|black people|white people|terroris|bomb|meth|cocaine)",
    re.IGNORECASE,
)
"""The red-team half of hh_rlhf is offensive by design; a trial model needs none of it."""


class Turn(NamedTuple):
    """One message; ``role`` "text" is a plain document without chat markers."""

    role: str
    text: str
    learn: bool = True
    """False where the text is noise made by a task: read, never imitated."""


Doc = list[Turn]


class Example(NamedTuple):
    """One SCUD row: an utterance in context and what it says when standing alone."""

    context: list[tuple[str, str]]
    source: str
    targets: list[str]


@dataclass(frozen=True)
class Sources:
    """Everything read, already split; lists of lists so tasks can pick what they need."""

    pairs: list[tuple[str, str]] = field(default_factory=list)
    """English and Japanese of one passage of Python's documentation."""
    questions_en: list[str] = field(default_factory=list)
    utterances_ja: list[str] = field(default_factory=list)
    scud: list[Example] = field(default_factory=list)
    dialogues: list[list[tuple[str, str]]] = field(default_factory=list)
    """Hotel dialogues as (agent or user, text)."""
    conditions: list[tuple[list[tuple[str, str]], list[str]]] = field(default_factory=list)
    maths: list[tuple[str, str]] = field(default_factory=list)
    chats: list[Doc] = field(default_factory=list)
    novel_ja: list[str] = field(default_factory=list)
    novel_en: list[str] = field(default_factory=list)


def data_root() -> Path:
    """``KITAE_SHARED_DATA``, or ``../shared/data`` beside the checkout."""
    checkout = Path(__file__).resolve().parents[2]
    return Path(os.environ.get("KITAE_SHARED_DATA") or checkout.parent / "shared" / "data")


def is_held_out(text: str) -> bool:
    """By digest of the text, so that exact duplicates land on the same side."""
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:4], "big") < HELD_OUT_PERCENT / 100 * 2**32


def read(root: Path, most: int | None = None) -> tuple[Sources, Sources]:
    """Train and held-out documents of every source; for a trial only the first ``most`` of each."""
    train, held = Sources(), Sources()
    readers: dict[str, Iterable[tuple[str, Any]]] = {
        "pairs": _pydocs(root / "pydocs_enja"),
        "questions_en": _banking(root / "banking77" / "train.csv"),
        "utterances_ja": _utterances(root / "asdc_ja"),
        "scud": _scud(root / "asdc_ja"),
        "dialogues": _talks(root / "asdc_ja"),
        "conditions": _conditions(root / "asdc_ja"),
        "maths": _maths(root / "gsm8k" / "train.jsonl"),
        "chats": _chats(root),
        "novel_ja": _novel(root / "wagahai" / "wagahaiwa_nekodearu.txt", _clean_aozora),
        "novel_en": _novel(root / "wagahai" / "botchan.txt", _clean_gutenberg),
    }
    for name, rows in readers.items():
        for key, row in itertools.islice(rows, most):
            getattr(held if is_held_out(key) else train, name).append(row)
    return train, held


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as handle:
        for line in handle:
            yield json.loads(line)


# reStructuredText roles and links are half of some sentences; only their words are kept.
_RST = [
    (re.compile(r":[\w+.:-]+:`([^`<]*?)\s*<[^`>]*>`"), r"\1"),
    (re.compile(r":[\w+.:-]+:`[~!]?([^`]*)`"), r"\1"),
    (re.compile(r"`([^`<]+?)\s*<[^`>]*>`__?"), r"\1"),
    (re.compile(r"`([^`]+)`__?"), r"\1"),
    (re.compile(r"``([^`]*)``"), r"`\1`"),
    (re.compile(r"\s?\[#?\w*\]_\s?"), ""),
    (re.compile(r"::$"), ":"),
    (re.compile(r"（訳注.*?）|\(訳注.*?\)"), ""),
    (re.compile(r"\*\*([^*]+)\*\*"), r"\1"),
    (re.compile(r"(?<!\w)\*(\w[^*]*)\*(?!\w)"), r"\1"),
    (re.compile(r"\\ "), ""),
    (re.compile(r"[ \t]+"), " "),
    (re.compile(r"(?<=[\u3040-\u9fff。、])\n?[ ]?(?=[\u3040-\u9fff])"), ""),
]


def _clean_rst(text: str) -> str:
    for pattern, replacement in _RST:
        text = pattern.sub(replacement, text)
    return text.strip()


def _pydocs(folder: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    seen: set[str] = set()
    for path in sorted(folder.glob("*.jsonl")):
        for row in _lines(path):
            en, ja = _clean_rst(row["en"]), _clean_rst(row["ja"])
            wordless = len(re.findall(r"[A-Za-z]{2,}", en)) < 2
            if wordless or en in seen or len(en) > 1500 or "\\" in en:
                continue
            seen.add(en)
            yield en, (en, ja)


def _banking(path: Path) -> Iterator[tuple[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            text = " ".join(row["text"].split())
            yield text, text


def _utterances(folder: Path) -> Iterator[tuple[str, str]]:
    rows = list(_lines(folder / "vanilla__topic.L1.1turn.VanillaUtterances.jsonl"))
    # An utterance that also occurs among the official test or dev rows stays unseen.
    reserved = {r["utterances"][0]["text"] for r in rows if r["purpose"] != "train"}
    for row in rows:
        text = row["utterances"][0]["text"]
        if row["purpose"] == "train" and text not in reserved:
            yield text, text


def _scud(folder: Path) -> Iterator[tuple[str, Example]]:
    for name in ("hotel", "4turn"):
        for row in _lines(folder / f"supplemental__scud__{name}.Example.jsonl"):
            if row["purpose"] != "train" or not row["correct"] or not row["targets"]:
                continue
            context = [(turn["name"], turn["text"]) for turn in row["context"]]
            targets = [_customer(text) for text in row["targets"]]
            source = "".join(row["sources"])
            yield source, Example(context, source, targets)


def _customer(text: str) -> str:
    """The corpus marks dropped subjects as 【customer】が; people write 私が."""
    return text.replace("【customer】", "私").replace("【operator】", "係")


def _talks(folder: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for row in _lines(folder / "supplemental__utterances__talk.jsonl"):
        if row["purpose"] == "train":
            # Every turn of this file is named "agent"; the speakers alternate.
            speakers = ("agent", "user")
            turns = [(speakers[i % 2], u["text"]) for i, u in enumerate(row["utterances"])]
            yield row["docid"]["id"], turns
    for row in _lines(folder / "main_dialogs.jsonl"):
        if row["meta"]["purpose"] == "train":
            yield row["meta"]["id"]["id"], _main_turns(row)


def _main_turns(row: dict[str, Any]) -> list[tuple[str, str]]:
    turns: list[tuple[str, str]] = []
    for utterance in row["utterances"]:
        speaker = "user" if utterance["name"].startswith("customer") else "agent"
        if turns and turns[-1][0] == speaker:
            turns[-1] = (speaker, turns[-1][1] + "\n" + utterance["text"])
        else:
            turns.append((speaker, utterance["text"]))
    return turns


def _conditions(folder: Path) -> Iterator[tuple[str, tuple[list[tuple[str, str]], list[str]]]]:
    for row in _lines(folder / "main_dialogs.jsonl"):
        meta = row["meta"]
        if meta["purpose"] == "train" and meta["conditions"]:
            yield meta["id"]["id"], (_main_turns(row), meta["conditions"])


def _maths(path: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    for row in _lines(path):
        # The calculator marks <<48/2=24>> are for a tool that this model does not have.
        yield row["question"], (row["question"], re.sub(r"<<.*?>>", "", row["answer"]))


def _chats(root: Path) -> Iterator[tuple[str, Doc]]:
    demo = root / "llamafactory_demo"
    for row in json.loads((demo / "alpaca_en_demo.json").read_text(encoding="utf-8")):
        yield _keyed(_instruct(row["instruction"], row["input"], row["output"]))
    for row in json.loads((demo / "dpo_en_demo.json").read_text(encoding="utf-8")):
        turns = [*row["conversations"], row["chosen"]]
        yield _keyed([Turn(_ROLES[t["from"]], t["value"]) for t in turns])
    for row in json.loads((demo / "kto_en_demo.json").read_text(encoding="utf-8")):
        if row["label"]:
            yield _keyed([Turn(t["role"], t["content"]) for t in row["messages"]])
    for row in json.loads((demo / "glaive_toolcall_en_demo.json").read_text(encoding="utf-8")):
        yield _keyed(_tool_chat(row))
    for name in ("seed_tasks", "user_oriented_instructions"):
        for row in _lines(root / "self_instruct" / f"{name}.jsonl"):
            for one in row["instances"][:2]:
                yield _keyed(_instruct(row["instruction"], one["input"], one["output"]))
    for row in _lines(root / "ojousama" / "ojousamatalkscript200_gpt-3.5-1106ver.jsonl"):
        yield _keyed([Turn(t["role"], t["content"]) for t in row["messages"]])
    for row in _lines(root / "hh_rlhf" / "test.jsonl.gz"):
        if not HH_SKIP.search(row["chosen"]):
            yield _keyed(_hh(row["chosen"]))


_ROLES = {
    "system": "system",
    "human": "user",
    "gpt": "assistant",
    "function_call": "call",
    "observation": "tool",
}


def _keyed(doc: Doc) -> tuple[str, Doc]:
    return "\n".join(turn.text for turn in doc if turn.role != "system"), doc


def _instruct(instruction: str, given: str, output: str) -> Doc:
    question = f"{instruction}\n{given}" if given else instruction
    return [Turn("user", question.strip()), Turn("assistant", output.strip())]


def _tool_chat(row: dict[str, Any]) -> Doc:
    turns = [Turn(_ROLES[t["from"]], t["value"]) for t in row["conversations"]]
    tools = row.get("tools") or "[]"
    return turns if tools == "[]" else [Turn("system", tools), *turns]


def _hh(text: str) -> Doc:
    parts = re.split(r"\n\n(Human|Assistant): ?", text)[1:]
    roles = {"Human": "user", "Assistant": "assistant"}
    turns = [Turn(roles[r], t.strip()) for r, t in zip(parts[::2], parts[1::2], strict=True)]
    return [turn for turn in turns if turn.text]


def _clean_aozora(text: str) -> list[str]:
    body = text.split("-------------------------------------------------------")[2]
    body = body.split("底本：")[0]
    body = re.sub(r"《[^》]*》|［＃[^］]*］|｜|〔|〕", "", body)
    return [line.strip() for line in body.split("\n") if line.strip()]


def _clean_gutenberg(text: str) -> list[str]:
    body = text.split("*** START OF THIS PROJECT GUTENBERG EBOOK", 1)[1].split("\n", 1)[1]
    body = re.split(r"\*\*\* ?END OF|End of (?:the )?Project Gutenberg", body)[0]
    body = body[body.index("CHAPTER I") :]
    body = body.split("--(THE END)--")[0]  # a list of printing errors follows
    lines = [line.strip() for line in body.split("\n") if line.strip()]
    # The copy has no blank lines: a line that ends a sentence early ends its paragraph.
    paragraphs, current = [], ""
    for line in lines:
        current = f"{current} {line}".strip()
        if len(line) < 60 and line[-1] in '.!?"':
            paragraphs.append(current)
            current = ""
    return [*paragraphs, current] if current else paragraphs


def _novel(path: Path, clean: Any) -> Iterator[tuple[str, str]]:
    """Chunks of whole paragraphs, about 900 bytes each."""
    chunk = ""
    for line in clean(path.read_text(encoding="utf-8-sig")):
        pieces = re.findall(r".+?[。.!?」]+|.+$", line) if len(line.encode()) > 900 else [line]
        for index, piece in enumerate(pieces):
            if chunk and len((chunk + piece).encode()) > 900:
                yield chunk, chunk
                chunk = ""
            joiner = "\n" if index == 0 and chunk else ""
            chunk += joiner + piece
    if chunk:
        yield chunk, chunk
