"""Intake: raw rows become records, or go to quarantine with file, row and reason."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from kitae.core.records import Message, Origin, Record, Terms, record_id
from kitae.data.encodings import AUTO
from kitae.data.finding import FoundFile
from kitae.data.language import detect_language, primary_subtag
from kitae.data.mending import mended, merged_turns
from kitae.data.quoting import quoted, quoted_masked
from kitae.data.readers import BadRow, Row, codec_of, has_encoding, is_document, read_rows
from kitae.data.reading.rows import readable
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
NO_SPLIT = "names no split"
JUDGED_CHARACTERS = 20_000
"""The language of a text is judged by its beginning."""


@dataclass
class FileCount:
    """What came out of one file."""

    name: str
    encoding: str
    read: int = 0
    quarantined: int = 0
    shapes: Counter[str] = field(default_factory=Counter)
    mended: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    """Rule to the first places that it put right while reading, before and after, with private data masked."""


@dataclass(frozen=True)
class Quarantined:
    """A row that could not be used as it stands, and why."""

    origin: Origin
    reason: str
    excerpt: str
    masked_excerpt: str
    """The same without private data: what reports show, whatever the recipe's mode."""
    line: int = 0
    """Where it begins in the file: a line, or a page of a PDF; 0 where files have none."""

    def as_dict(self) -> dict[str, Any]:
        """The row as JSON-ready values."""
        return {
            "file": self.origin.file,
            "row": self.origin.row,
            "line": self.line,
            "sheet": self.origin.sheet,
            "rule": QUARANTINE,
            "reason": self.reason,
            "excerpt": self.excerpt,
        }


def record_of(raw: Row | BadRow, file: FoundFile, task: str) -> tuple[Record, str] | Quarantined:
    """A raw row of `file` as a repaired record and the name of its shape, or quarantined with the reason.

    Pure: the same row gives the same record in any process.
    """
    origin = Origin(file.name, raw.row, raw.sheet)
    try:
        made = raw.reason if isinstance(raw, BadRow) else _record(raw, origin, file, task)
    except UnreadableRow as reason:
        made = str(reason)
    return Quarantined(origin, made, quoted(raw), quoted_masked(raw), raw.line) if isinstance(made, str) else made


def turns_as_read(raw: Row, file: FoundFile, task: str) -> tuple[Message, ...]:
    """The turns of a row of which `record_of` made a record, before their text was put right."""
    shaped = read_shape(raw.values, shape=file.source.shape, columns=file.source.columns, task=task)
    return merged_turns(shaped.messages)


def check_counts(name: str, read: int, reasons: Mapping[str, int]) -> None:
    """Whether a file of `read` rows was of any use, given how many were quarantined for which reason.

    Raises `SourceError` for a file without rows, for one of which no row could be used, and for one whose column of
    splits holds a name that is none of ours: in more than one row of a hundred it is no slip.
    """
    if read == 0:
        raise SourceError(f"{name} has no rows", hint="Export it again or remove it from the recipe")
    strange = [reason for reason, times in reasons.items() if reason.startswith(NO_SPLIT) and 100 * times > read]
    if strange:
        raise SourceError(
            f"{name}: {NO_SPLIT}",
            got=min(strange).removeprefix(NO_SPLIT + ": "),
            known=sorted({key for key in USES if key.isascii() and key}),
            hint="Map it to train, validation or test, or leave `use` out of columns and kitae draws the split",
        )
    if sum(reasons.values()) == read:
        reason, times = max(reasons.items(), key=itemgetter(1))
        raise SourceError(
            f"no row of {name} could be used",
            got=f"{reason} ({times} of {read} rows)",
            hint="Name the columns in the recipe, for example columns: {question: Frage, answer: Antwort}",
        )


def check_files(files: Sequence[FoundFile], read: Mapping[str, int], reasons: Mapping[str, Mapping[str, int]]) -> None:
    """Whether the files were of any use, given by name how many rows were read and quarantined for which reason.

    Of a folder or a glob a table must be of use by itself if it has rows; documents, which are a row each, all
    together. Raises `SourceError` as `check_counts` does.
    """
    sources: dict[int, list[FoundFile]] = {}
    for file in files:
        sources.setdefault(id(file.source), []).append(file)
    for group in sources.values():
        if len(group) > 1:
            together: Counter[str] = Counter()
            for file in group:
                together.update(reasons[file.name])
            check_counts(group[0].source.path, sum(read[file.name] for file in group), together)
        for file in group:
            if len(group) == 1 or (read[file.name] and not is_document(file.path.name)):
                check_counts(file.name, read[file.name], reasons[file.name])


def take_in(file: FoundFile, task: str, count: FileCount) -> Iterator[Record | Quarantined]:
    """Every row of a file as a repaired record, or quarantined; `count` is filled on the way.

    Raises `SourceError` for a file that cannot be opened, an unknown encoding, and as `check_counts` does.
    """
    reasons: Counter[str] = Counter()
    for raw in read_rows(file.path, count.encoding, file.source.read):
        count.read += 1
        made = record_of(raw, file, task)
        if isinstance(made, Quarantined):
            count.quarantined += 1
            reasons[made.reason] += 1
            yield made
        else:
            record, shape = made
            count.shapes[shape] += 1
            yield record
    check_counts(file.name, count.read, reasons)


def file_encoding(file: FoundFile) -> str:
    """The encoding of a raw file: what the recipe says, else what is detected ("auto" for an archive).

    Raises `SourceError`.
    """
    if not has_encoding(file.path.name):
        return "utf-8"
    stated = file.source.encoding
    if stated == AUTO:
        with readable(file.path):
            return codec_of(file.path, file.source.read)
    try:
        "".encode(stated)
    except LookupError as error:
        raise SourceError(
            f"unknown encoding for {file.name}",
            got=stated,
            known=("auto", "utf-8", "utf-8-sig", "utf-16", "cp932", "euc_jp", "cp1252"),
        ) from error
    return stated


def _record(raw: Row, origin: Origin, file: FoundFile, task: str) -> tuple[Record, str]:
    shaped = read_shape(raw.values, shape=file.source.shape, columns=file.source.columns, task=task)
    if misfit := _misfit(shaped, task):
        raise UnreadableRow(misfit)
    shaped, edits = mended(shaped)
    answer = next((m.content for m in reversed(shaped.messages) if m.role == "assistant"), "")
    record = Record(
        id=record_id(origin, raw.values),
        messages=shaped.messages,
        origin=origin,
        terms=_terms(shaped.named, file),
        language=_language(shaped, answer),
        label=answer.strip() if task == "classify" else shaped.label,
        use=_use(shaped, file),
        meta=shaped.meta,
        history=edits,
        tools=shaped.tools,
        rejected=shaped.rejected,
        desirable=shaped.desirable,
    )
    return record, shaped.shape


def _misfit(shaped: Shaped, task: str) -> str:
    """Why a row has nothing for a task, or ""."""
    document = shaped.messages[0].role == "document"
    if task == "pretrain":
        return "" if document else "no text of its own: task pretrain reads documents (columns: {text: …})"
    if document:
        return "a text without a question or a label: task pretrain reads such rows"
    if task == "preference":
        judged = shaped.rejected or shaped.desirable is not None
        return "" if judged else "neither a rejected answer nor a judgement: task preference learns from those"
    return "an answer judged undesirable: task preference learns from such rows" if shaped.desirable is False else ""


def _language(shaped: Shaped, answer: str) -> str:
    """What is asked or written decides; a text without any evidence takes what the row says, then its answer's."""
    asked = "\n".join(message.content for message in shaped.messages if message.role in {"user", "document"})
    stated = primary_subtag(shaped.named.get("language", ""))
    found = detect_language(asked[:JUDGED_CHARACTERS]) or LANGUAGES.get(stated, stated)
    return found or detect_language(answer[:JUDGED_CHARACTERS])


def _terms(named: Mapping[str, str], file: FoundFile) -> Terms:
    return Terms(
        licence=named.get("licence", "").strip() or file.source.licence or "",
        consent=named.get("consent", "").strip() or file.source.consent or "",
        rights_holder=named.get("rights_holder", "").strip() or file.source.rights_holder or "",
    )


def _use(shaped: Shaped, file: FoundFile) -> str:
    if "use" not in file.source.columns:
        return USES[file.source.use]
    written = shaped.named.get("use", "").strip()
    if written.casefold() not in USES:
        raise UnreadableRow(f"{NO_SPLIT}: '{written[:60]}' in the column '{file.source.columns['use']}'")
    return USES[written.casefold()]
