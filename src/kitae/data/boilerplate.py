"""Passages that many turns share: signatures, disclaimers, templates. They are flagged, or taken out with a reason.

A passage is one line or sentence, or up to eight of them with which a turn begins or ends (a signature has short
lines), and never the whole turn: an answer that many records give is no boilerplate. It is counted once for each
different turn that has it, so copies of one record make none. A test split somebody else drew stays as it is.

Workers look at their shards (`passages_table`), one global step counts (`find_passages`), and workers do what is to be
done (`handled`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kitae.core.data_settings import DuplicateSettings
from kitae.core.files import disk_errors
from kitae.core.records import Edit, Record
from kitae.data.alike.fingerprints import SHORT_KEY_BYTES, as_numbers, keys_of
from kitae.data.alike.letters import compacted, normalised
from kitae.data.alike.ragged import Array, Ragged, gathered
from kitae.data.alike.turns import KEYS_AT_ONCE
from kitae.data.privacy.redaction import masked
from kitae.data.shards import read_table, whole_table, write_table

if TYPE_CHECKING:
    import pyarrow as pa

RULE = "repeated_passage"
ROLES = frozenset({"user", "assistant", "document"})
"""Whose words are looked at: that a system message repeats is its nature."""
ENDS = 8
"""Of a turn's beginning and end so many lines or sentences are taken together."""
QUOTED = 120
FOUND = "passages.arrow"
_UNIT = re.compile(r"(?<=[。！？\n])(?=[^。！？\n])|(?<=[.!?])(?=\s)")


@dataclass(frozen=True)
class _Turns:
    """The turns of some records that have several units, and the passages in them."""

    places: list[tuple[int, int]]
    """Record and message of each turn."""
    units: list[list[str]]
    """The lines and sentences of each turn; together they are the turn."""
    lengths: list[list[int]]
    """How many letters and digits each of them has."""
    owners: Array
    """The turn of each passage, [P]."""
    starts: Array
    """The first unit of each passage, [P]."""
    stops: Array
    """The unit behind each passage, [P]."""
    keys: Array
    """A 64-bit key of each passage's letters, [P]."""
    turn_keys: Array
    """A 64-bit key of each turn's letters."""


def passages_table(records: Sequence[Record], *, settings: DuplicateSettings) -> "pa.Table":
    """The passages of a shard: `passage` and `turn`, 64-bit keys, each pair once. Pure: same records, same table."""
    import pyarrow as pa

    turns = _turns(records, settings.boilerplate_letters)
    pairs = np.unique(np.stack([turns.keys, turns.turn_keys[turns.owners]]), axis=1)
    return pa.table({"passage": pairs[0], "turn": pairs[1]})


def find_passages(tables: Sequence[Path], *, settings: DuplicateSettings, scratch: Path) -> Path:
    """Write the passages that at least `boilerplate_turns` different turns have: `passage` ascending, `turns`.

    `tables` are Arrow IPC files of `passages_table`. They are read once for each share of the keys, so that memory does
    not grow with their number. Returns the path of an Arrow IPC file in `scratch`. Raises `DiskFull`.
    """
    import pyarrow as pa

    shares = max(1, -(-sum(len(whole_table(path)) for path in tables) // KEYS_AT_ONCE))
    found = [_counted(tables, share, shares, settings.boilerplate_turns) for share in range(shares)]
    passages, turns = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.argsort(passages)
    with disk_errors(scratch):
        write_table(scratch / FOUND, pa.table({"passage": passages[order], "turns": turns[order]}))
    return scratch / FOUND


def handled(records: Sequence[Record], found: Path, *, settings: DuplicateSettings) -> list[Record]:
    """The records with each repeated passage flagged or taken out, and an edit that quotes it. Pure."""
    table = read_table(found)
    assert table is not None, found
    passages, counts = table["passage"].to_numpy(), table["turns"].to_numpy()
    turns = _turns(records, settings.boilerplate_letters)
    if not len(passages) or not len(turns.keys):
        return list(records)
    place = np.minimum(np.searchsorted(passages, turns.keys), len(passages) - 1)
    repeated = np.flatnonzero(passages[place] == turns.keys)
    out = list(records)
    for turn, spans in _spans(turns, repeated, counts[place]):
        record, message = turns.places[turn]
        out[record] = _handled(out[record], message, turns.units[turn], spans, settings.boilerplate == "strip")
    return out


def _counted(tables: Sequence[Path], share: int, shares: int, least: int) -> tuple[Array, Array]:
    """Passages of one share of the keys in enough turns, and in how many."""
    columns: tuple[list[Array], list[Array]] = ([np.empty(0, np.uint64)], [np.empty(0, np.uint64)])
    for path in tables:
        table = whole_table(path)  # one at a time: what is mapped counts as this process's memory
        passage = table["passage"].to_numpy()
        chosen = passage % np.uint64(shares) == share
        columns[0].append(passage[chosen])
        columns[1].append(table["turn"].to_numpy()[chosen])
    passages, turns = map(np.concatenate, columns)
    order = np.lexsort((turns, passages))
    passages, turns = passages[order], turns[order]
    fresh = np.ones(len(passages), dtype=bool)
    fresh[1:] = (passages[1:] != passages[:-1]) | (turns[1:] != turns[:-1])
    found, counts = np.unique(passages[fresh], return_counts=True)
    return found[counts >= least], counts[counts >= least]


def _turns(records: Sequence[Record], least: int) -> _Turns:
    places, units = [], []
    for number, record in enumerate(records):
        for index, message in enumerate(record.messages):
            if record.use != "test" and message.role in ROLES and len(message.content) > least:
                parts = _UNIT.split(message.content)
                if len(parts) > 1:
                    places.append((number, index))
                    units.append(parts)
    letters = compacted(normalised([unit for parts in units for unit in parts]))
    firsts = np.cumsum([0, *map(len, units)])
    lengths = [letters.lengths[first:last].tolist() for first, last in pairwise(firsts.tolist())]
    passages = [(turn, start, stop) for turn, row in enumerate(lengths) for start, stop in _candidates(row, least)]
    owners, starts, stops = np.array(passages, dtype=np.int64).reshape(-1, 3).T
    begins, ends = letters.offsets[firsts[owners] + starts], letters.offsets[firsts[owners] + stops]
    return _Turns(
        places=places,
        units=units,
        lengths=lengths,
        owners=owners,
        starts=starts,
        stops=stops,
        keys=_keys(gathered(letters.values, begins, ends - begins)),
        turn_keys=_keys(Ragged(letters.values, letters.offsets[firsts])),
    )


def _keys(texts: Ragged) -> Array:
    return as_numbers(keys_of(texts, size=SHORT_KEY_BYTES))


def _candidates(lengths: Sequence[int], least: int) -> Iterator[tuple[int, int]]:
    """Ranges of a turn's units, by their lengths, that are long enough to be a passage, each once."""
    count = len(lengths)
    for unit, length in enumerate(lengths):
        if length >= least:
            yield unit, unit + 1
    for size in range(2, min(ENDS, count - 1) + 1):
        if sum(lengths[:size]) >= least:
            yield 0, size
        if sum(lengths[-size:]) >= least:
            yield count - size, count


def _spans(turns: _Turns, repeated: Array, counts: Array) -> Iterator[tuple[int, list[tuple[int, int, int]]]]:
    """Each turn with repeated passages: the ranges of units that they cover, each with the most turns that share it.

    A turn that is covered from end to end, but for punctuation, is left alone.
    """
    starts = np.flatnonzero(np.diff(turns.owners[repeated], prepend=-1))
    for group in np.split(repeated, starts[1:]) if len(repeated) else []:
        turn = int(turns.owners[group[0]])
        share = [0] * len(turns.units[turn])
        for passage in group.tolist():
            for unit in range(turns.starts[passage], turns.stops[passage]):
                share[unit] = max(share[unit], int(counts[passage]))
        if any(length and not shared for length, shared in zip(turns.lengths[turn], share, strict=True)):
            yield turn, list(_runs(share))


def _runs(share: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Ranges of numbers above 0, and the largest of each."""
    start = 0
    for place, value in enumerate([*share, 0]):
        if not value:
            if place > start:
                yield start, place, max(share[start:place])
            start = place + 1


def _handled(
    record: Record, message: int, units: Sequence[str], spans: Sequence[tuple[int, int, int]], strip: bool
) -> Record:
    edits = []
    for start, stop, turns in spans:
        text = masked("".join(units[start:stop]).strip())
        quoted = text if len(text) <= QUOTED else text[: QUOTED - 1] + "…"
        done = "taken out" if strip else "left in"
        detail = {"action": "strip" if strip else "flag", "place": f"turn {message + 1}", "turns": turns}
        edits.append(Edit(RULE, f"a passage that {turns:,} turns share, {done}: {quoted}", detail))
    messages = list(record.messages)
    if strip:
        gone = {unit for start, stop, _ in spans for unit in range(start, stop)}
        kept = "".join(text for unit, text in enumerate(units) if unit not in gone).strip()
        messages[message] = replace(messages[message], content=kept)
    return replace(record, messages=tuple(messages), history=(*record.history, *edits))
