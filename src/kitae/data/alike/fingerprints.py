"""What the search for duplicates needs to know of a record, as one Arrow row; made shard by shard in workers."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np

from kitae.core.data_settings import DuplicateSettings
from kitae.core.records import Record
from kitae.core.text import normalise
from kitae.data.alike.banding import band_keys, banding
from kitae.data.alike.grams import gram_sets
from kitae.data.alike.letters import DIGIT, compacted, kinds, normalised
from kitae.data.alike.ragged import Array, Ragged, gathered, of_lengths
from kitae.data.alike.spoken import Spoken, spoken

USES = ("test", "validation", "train", "")
"""Codes of the column `use`: the first is kept first."""
_CODES = {use: code for code, use in enumerate(USES)}
NEAR = b"near"
"""Key of the table's metadata: the threshold of its bands."""
LETTERS_AT_ONCE = 50_000
"""What is worked on at once stays in the processor's cache."""
KEY_BYTES, SHORT_KEY_BYTES = 16, 8
_BEGINS = 1 << 24
"""Added to the first digit of a number; no letter is so large."""
ON_TERMS, JUDGED = 1, 2
"""Bits of the column `subject`."""


def fingerprint_table(records: Sequence[Record], *, task: str, settings: DuplicateSettings) -> Any:
    """A `pyarrow.Table` with one row per record and the columns of `schema`. Pure: same records, same rows."""
    import pyarrow as pa

    table_schema = schema(settings.near)
    parts = [
        pa.table(_columns(block, said, task, settings.near), schema=table_schema)
        for block, said in _blocks(records, task)
    ]
    # One piece: the global steps gather rows piece by piece.
    return pa.concat_tables(parts).combine_chunks() if parts else table_schema.empty_table()


def _blocks(records: Sequence[Record], task: str) -> Iterator[tuple[list[Record], list[Spoken]]]:
    """Records with their pieces, as many as have about `LETTERS_AT_ONCE`."""
    block: list[Record] = []
    said: list[Spoken] = []
    letters = 0
    for record in records:
        pieces = spoken(record, task)
        block.append(record)
        said.append(pieces)
        letters += 1 + sum(map(len, pieces.asked)) + sum(map(len, pieces.answer))
        if letters >= LETTERS_AT_ONCE:
            yield block, said
            block, said, letters = [], [], 0
    if block:
        yield block, said


def schema(near: float | None) -> Any:
    """The columns of a fingerprint table. Texts are letters and digits only (`core.text.compact`), as UTF-16 units.

    `id`, `origin`: for reasons. `use`: place in `USES`. `repairs`, `length`: how many repairs, how long the question:
    who is kept. `exact`, `question`: 128-bit keys of what is said and asked. `subject`, `answer`, `numbers`,
    `answer_numbers`: 64-bit keys of what two answers may contradict each other about, of the answer, and of the numbers
    in both. `text`, `answer_text`: to measure pairs; no `answer_text` means that only an equal answer is the same.
    `earlier_*`: for each earlier answer the question's key, its end in `text`, and its bands. `band_*`: the MinHash
    bands of the question.
    """
    import pyarrow as pa

    key = pa.binary(KEY_BYTES)
    fields = {
        **dict.fromkeys(("id", "origin"), pa.string()),
        "use": pa.uint8(),
        **dict.fromkeys(("repairs", "length"), pa.uint32()),
        **dict.fromkeys(("exact", "question"), key),
        **dict.fromkeys(("subject", "answer", "numbers", "answer_numbers"), pa.uint64()),
        **dict.fromkeys(("text", "answer_text"), pa.list_(pa.uint16())),
        "earlier_question": pa.list_(key),
        "earlier_end": pa.list_(pa.uint32()),
    }
    if near is not None:
        fields["earlier_bands"] = pa.list_(pa.uint32())
        fields |= {band_name(band): pa.uint32() for band in range(banding(near).bands)}
    return pa.schema(list(fields.items()), metadata={NEAR: json.dumps(near)})


def band_name(band: int) -> str:
    """The column of a band of the question."""
    return f"band_{band:02}"


@dataclass(frozen=True)
class _Pieces:
    """The letters of the pieces of each record, piece by piece, and how many pieces each record has."""

    letters: Ragged
    counts: Array

    @staticmethod
    def of(pieces: Sequence[Sequence[str]]) -> "_Pieces":
        """Normalised letters of the pieces of each record."""
        counts = np.fromiter(map(len, pieces), dtype=np.int64, count=len(pieces))
        return _Pieces(normalised([piece for row in pieces for piece in row]), counts)

    def compacted(self) -> "_Pieces":
        """Letters and digits only."""
        return _Pieces(compacted(self.letters), self.counts)

    def rows(self) -> Ragged:
        """All pieces of a record as one text, [records]."""
        return Ragged(self.letters.values, self.letters.offsets[self._ends()])

    def cuts(self) -> Ragged:
        """How long each piece of a record is, [records]."""
        return Ragged(self.letters.lengths, self._ends())

    def _ends(self) -> Array:
        return np.concatenate([[0], np.cumsum(self.counts)])


def _columns(records: Sequence[Record], said: Sequence[Spoken], task: str, near: float | None) -> dict[str, Any]:
    asked, answers = _Pieces.of([one.asked for one in said]), _Pieces.of([one.answer for one in said])
    exact = keys_of(asked.rows(), asked.cuts(), answers.rows(), answers.cuts(), size=KEY_BYTES)
    asked = asked.compacted()
    # A label is a name: its punctuation counts.
    answers = answers if task == "classify" else answers.compacted()
    questions, replies = asked.rows(), answers.rows()
    question_keys = keys_of(questions, size=KEY_BYTES)
    named = [one.exact_answer for one in said]
    return {
        "id": [record.id for record in records],
        "origin": [str(record.origin) for record in records],
        "use": [_CODES[record.use] for record in records],
        "repairs": [_repairs(record) for record in records],
        "length": [one.question_letters for one in said],
        "exact": exact,
        "question": question_keys,
        "subject": as_numbers([_subject(one, key) for one, key in zip(said, question_keys, strict=True)]),
        "answer": as_numbers(keys_of(replies, answers.cuts(), size=SHORT_KEY_BYTES)),
        "numbers": _numbers(questions, spared=[one.document for one in said]),
        "answer_numbers": _numbers(replies, spared=named),
        "text": _lists(units(questions)),
        "answer_text": _lists(units(_emptied(replies, named))),
        **_earlier(questions, asked.cuts(), [one.earlier for one in said], near),
        **_bands(questions, near),
    }


def _repairs(record: Record) -> int:
    return sum([edit.rule == "mojibake" for edit in record.history]) if record.history else 0


def keys_of(*parts: Ragged, size: int) -> list[bytes]:
    """A key of `size` bytes for each row: nobody can make two rows that differ and have the same key."""
    cut = [_bytes_of(part) for part in parts]
    rows = cut[0] if len(cut) == 1 else map(b"".join, zip(*cut, strict=True))
    return [blake2b(row, digest_size=size).digest() for row in rows]


def _bytes_of(part: Ragged) -> list[bytes]:
    """The bytes of each row."""
    data, ends = part.values.tobytes(), (part.offsets * part.values.itemsize).tolist()
    return [data[start:stop] for start, stop in pairwise(ends)]


def as_numbers(keys: Sequence[bytes]) -> Array:
    """Keys of `SHORT_KEY_BYTES` as uint64."""
    return np.frombuffer(b"".join(keys), dtype="<u8")


def _subject(said: Spoken, question: bytes) -> bytes:
    """What two answers contradict each other about: the question, and the terms if there are any.

    Its lowest bits say whether there are any (`ON_TERMS`) and whether the answer was judged (`JUDGED`).
    """
    key = (
        blake2b(question + _terms_key(tuple(said.terms)), digest_size=SHORT_KEY_BYTES).digest()
        if said.terms
        else question
    )
    bits = ON_TERMS * bool(said.terms) + JUDGED * said.exact_answer
    return bytes([key[0] & ~(ON_TERMS | JUDGED) | bits, *key[1:SHORT_KEY_BYTES]])


@lru_cache(maxsize=1_024)
def _terms_key(terms: tuple[str, ...]) -> bytes:
    """A key of the terms; many records share the system's words."""
    return blake2b(json.dumps([normalise(term) for term in terms]).encode(), digest_size=KEY_BYTES).digest()


def _numbers(texts: Ragged, *, spared: Sequence[bool]) -> Array:
    """A key of the numbers in each text, in their order; 0 where there are none, or where they do not matter."""
    digit = kinds(texts.values) & DIGIT > 0
    digit[np.repeat(np.array(spared, dtype=bool), texts.lengths)] = False
    begins = digit.copy()
    begins[1:] &= ~digit[:-1]
    begins[texts.offsets[:-1][texts.lengths > 0]] = digit[texts.offsets[:-1][texts.lengths > 0]]
    # "1 23" and "12 3" are different numbers: the first digit of each is marked.
    digits = Ragged(texts.values + (begins * _BEGINS).astype(texts.values.dtype), texts.offsets).where(digit)
    rows = np.flatnonzero(digits.lengths)
    keys = np.zeros(len(texts), dtype=np.uint64)
    keys[rows] = as_numbers(keys_of(digits.take(rows), size=SHORT_KEY_BYTES))
    return keys


def units(texts: Ragged) -> Ragged:
    """UTF-16 units; a rare letter beyond them is folded onto one: these texts are measured, not shown."""
    values = texts.values
    return Ragged((values ^ values >> np.uint32(16) << np.uint32(3)).astype(np.uint16), texts.offsets)


def _emptied(texts: Ragged, emptied: Sequence[bool]) -> Ragged:
    lengths = np.where(np.array(emptied, dtype=bool), 0, texts.lengths)
    return gathered(texts.values, texts.offsets[:-1], lengths)


def _lists(rows: Ragged, kind: Any = None) -> Any:
    import pyarrow as pa

    return pa.ListArray.from_arrays(pa.array(rows.offsets, pa.int32()), pa.array(rows.values, kind))


def _earlier(questions: Ragged, cuts: Ragged, earlier: Sequence[Sequence[int]], near: float | None) -> dict[str, Any]:
    """The columns of earlier turns: each is a beginning of the question's letters."""
    counts = np.fromiter(map(len, earlier), dtype=np.int64, count=len(earlier))
    owners = np.repeat(np.arange(len(earlier)), counts)
    pieces = np.fromiter((one for row in earlier for one in row), dtype=np.int64, count=int(counts.sum()))
    before = np.concatenate([[0], np.cumsum(cuts.values)])
    ends = before[cuts.offsets[owners] + pieces] - before[cuts.offsets[owners]]
    turns = gathered(questions.values, questions.offsets[owners], ends)
    keys = np.array(keys_of(turns, size=KEY_BYTES), dtype=object)
    columns = {
        "earlier_question": _lists(of_lengths(keys, counts), _key_type()),
        "earlier_end": _lists(of_lengths(ends.astype(np.uint32), counts)),
    }
    if near is not None:
        bands = band_keys(gram_sets(units(turns)), near)
        columns["earlier_bands"] = _lists(of_lengths(bands.reshape(-1), counts * bands.shape[1]))
    return columns


def _bands(questions: Ragged, near: float | None) -> dict[str, Any]:
    if near is None:
        return {}
    keys = band_keys(gram_sets(units(questions)), near)
    return {band_name(band): np.ascontiguousarray(keys[:, band]) for band in range(keys.shape[1])}


def _key_type() -> Any:
    import pyarrow as pa

    return pa.binary(KEY_BYTES)
