"""Intake: raw rows become records, or go to quarantine with file, row and reason."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kitae.core.records import Edit, Message, Origin, Record, Terms, record_id
from kitae.data.encodings import detect_encoding
from kitae.data.finding import FoundFile
from kitae.data.language import detect_language
from kitae.data.quoting import quoted, quoted_masked
from kitae.data.readers import WORKBOOKS, BadRow, Row, read_rows
from kitae.data.repair import normalise_safely, repair
from kitae.data.shapes import Shaped, UnreadableRow, read_shape
from kitae.errors import SourceError

USES: dict[str, str] = {
    "train": "train", "training": "train", "学習": "train", "訓練": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "development": "validation", "検証": "validation", "開発": "validation",
    "test": "test", "testing": "test", "テスト": "test", "評価": "test",
    "split": "", "": "",
}  # fmt: skip
"""How people write the split a row belongs to."""

LANGUAGES = {
    "日本語": "ja", "japanese": "ja", "jpn": "ja", "jp": "ja", "英語": "en", "english": "en", "eng": "en",
    "中国語": "zh", "chinese": "zh", "韓国語": "ko", "korean": "ko",
}  # fmt: skip
QUARANTINE = "quarantine"


@dataclass
class FileCount:
    """What came out of one file."""

    name: str
    encoding: str
    read: int = 0
    quarantined: int = 0
    shapes: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Quarantined:
    """A row that could not be used as it stands, and why."""

    origin: Origin
    reason: str
    excerpt: str
    masked_excerpt: str
    """The same without private data: what reports show, whatever the recipe's mode."""

    def as_dict(self) -> dict[str, Any]:
        """The row as JSON-ready values."""
        return {
            "file": self.origin.file,
            "row": self.origin.row,
            "sheet": self.origin.sheet,
            "rule": QUARANTINE,
            "reason": self.reason,
            "excerpt": self.excerpt,
        }


def take_in(file: FoundFile, task: str, count: FileCount) -> Iterator[Record | Quarantined]:
    """Every row of a file as a repaired record, or quarantined; `count` is filled on the way.

    Raises `SourceError` for a workbook that cannot be opened, an unknown encoding, a value of `use` that names no
    split, and for a file of which no row at all could be used.
    """
    reasons: Counter[str] = Counter()
    for raw in read_rows(file.path, count.encoding):
        count.read += 1
        origin = Origin(file.name, raw.row, raw.sheet)
        made = _record_or_reason(raw, origin, file, task)
        if isinstance(made, str):
            count.quarantined += 1
            reasons[made] += 1
            yield Quarantined(origin, made, quoted(raw), quoted_masked(raw))
        else:
            record, shape = made
            count.shapes[shape] += 1
            yield record
    if count.read == 0:
        raise SourceError(f"{file.name} has a heading but no rows", hint="Export it again or remove it from the recipe")
    if count.quarantined == count.read:
        reason, times = reasons.most_common(1)[0]
        raise SourceError(
            f"no row of {file.name} could be used",
            got=f"{reason} ({times} of {count.read} rows)",
            hint="Name the columns in the recipe, for example columns: {question: Frage, answer: Antwort}",
        )


def file_encoding(file: FoundFile) -> str:
    """The encoding of a raw file: what the recipe says, else what is detected. Raises `SourceError`."""
    if file.path.suffix.lower() in WORKBOOKS:
        return "utf-8"
    if file.source.encoding == "auto":
        return detect_encoding(file.path)
    try:
        "".encode(file.source.encoding)
    except LookupError as error:
        raise SourceError(
            f"unknown encoding for {file.name}",
            got=file.source.encoding,
            known=("auto", "utf-8", "utf-8-sig", "utf-16", "cp932", "euc_jp", "cp1252"),
        ) from error
    return file.source.encoding


def _record_or_reason(raw: Row | BadRow, origin: Origin, file: FoundFile, task: str) -> tuple[Record, str] | str:
    """The record and its shape, or why there is none."""
    if isinstance(raw, BadRow):
        return raw.reason
    try:
        return _record(raw, origin, file, task)
    except UnreadableRow as reason:
        return str(reason)


def _record(raw: Row, origin: Origin, file: FoundFile, task: str) -> tuple[Record, str]:
    shaped = read_shape(raw.values, shape=file.source.shape, columns=file.source.columns)
    messages, edits = _repaired(shaped.messages)
    answer = next((m.content for m in reversed(messages) if m.role == "assistant"), "")
    label = answer.strip() if task == "classify" else shaped.label
    record = Record(
        id=record_id(origin, raw.values),
        messages=messages,
        origin=origin,
        terms=_terms(shaped.named, file),
        label=label,
        use=_use(shaped, file, origin),
        meta=shaped.meta,
        history=tuple(edits),
    )
    stated = shaped.named.get("language", "").strip().casefold()
    asked = "\n".join(message.content for message in messages if message.role == "user")
    language = detect_language(asked) or LANGUAGES.get(stated, stated)
    # A text without any evidence takes the language of its answer.
    return replace(record, language=language or detect_language(record.answer)), shaped.shape


def _repaired(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], list[Edit]]:
    edits = []
    out = []
    for turn, message in enumerate(messages, start=1):
        text = repair(message.content)
        if text != message.content:
            edits.append(Edit("mojibake", "text read in a wrong encoding, put right", {"turn": turn}))
        clean = normalise_safely(text)
        if clean != text:
            edits.append(
                Edit("normalise", "line ends, control characters, half-width kana or spaces put right", {"turn": turn})
            )
        out.append(replace(message, content=clean))
    return tuple(out), edits


def _terms(named: Mapping[str, str], file: FoundFile) -> Terms:
    return Terms(
        licence=named.get("licence", "").strip() or file.source.licence or "",
        consent=named.get("consent", "").strip() or file.source.consent or "",
        rights_holder=named.get("rights_holder", "").strip() or file.source.rights_holder or "",
    )


def _use(shaped: Shaped, file: FoundFile, origin: Origin) -> str:
    if "use" not in file.source.columns:
        return USES[file.source.use]
    written = shaped.named.get("use", "").strip()
    if written.casefold() not in USES:
        raise SourceError(
            f"{origin}: the column '{file.source.columns['use']}' names no split",
            got=written[:60],
            known=sorted({key for key in USES if key.isascii() and key}),
            hint="Map it to train, validation or test, or leave `use` out of columns and kitae draws the split",
        )
    return USES[written.casefold()]
