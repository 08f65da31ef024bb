"""Pack documents into rows of tokens so that no document sees another.

Legend: B rows, T tokens in a row.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import torch

from nano.tokenizer import END, ROLE_TOKENS

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tokenizers import Tokenizer

    from nano.sources import Doc

IGNORED = -100
OPEN_ROWS = 24
"""Rows kept open while packing; more pack tighter and mix less."""

Encoded = tuple[list[int], list[bool]]


@dataclass(frozen=True)
class Row:
    """One packed row. ``owner`` numbers the documents in it, from 1; 0 is padding."""

    ids: np.ndarray
    learn: np.ndarray
    owner: np.ndarray
    position: np.ndarray


ARRAYS = ("ids", "learn", "owner", "position")


def save(made: list[list[Row]], file: BinaryIO) -> None:
    """Batches as plain arrays: all rows one behind the other, their lengths, and how many of them each batch has."""
    rows = [row for batch in made for row in batch]
    arrays = {name: np.concatenate([getattr(row, name) for row in rows]) for name in ARRAYS}
    np.savez(file, rows=[len(batch) for batch in made], lengths=[len(row.ids) for row in rows], **arrays)


def load(path: Path) -> Iterator[list[Row]]:
    """The batches that ``save`` wrote, one by one; nothing in the file is ever run."""
    with np.load(path, allow_pickle=False) as file:
        rows, lengths, *arrays = (file[name] for name in ("rows", "lengths", *ARRAYS))
    ends = np.cumsum(lengths).tolist()
    spans = zip([0, *ends[:-1]], ends, strict=True)
    for count in rows.tolist():
        yield [Row(*(array[start:end] for array in arrays)) for start, end in itertools.islice(spans, count)]


def encode(docs: list[Doc], tokenizer: Tokenizer, longest: int) -> Iterator[Encoded]:
    """Token ids and, for each, whether it is to be predicted."""
    turns = [turn for doc in docs for turn in doc]
    encodings = iter(tokenizer.encode_batch([t.text for t in turns], add_special_tokens=False))
    end = tokenizer.token_to_id(END)
    marks = {role: tokenizer.token_to_id(token) for role, token in ROLE_TOKENS.items()}
    for doc in docs:
        ids: list[int] = []
        learn: list[bool] = []
        for turn in doc:
            text = next(encodings).ids
            # A plain document starts after <|end|>, so its first word is predicted too.
            ids += [marks.get(turn.role, end), *text, end]
            learn += [bool(learn), *([turn.learn] * len(text)), True]
        yield ids[:longest], learn[:longest]


def pack(documents: Iterable[Encoded], length: int) -> list[list[Encoded]]:
    """Each document goes to the fullest open row that still holds it."""
    done: list[list[Encoded]] = []
    open_rows: list[tuple[int, list[Encoded]]] = []
    for document in documents:
        size = len(document[0])
        fitting = [i for i, (used, _) in enumerate(open_rows) if used + size <= length]
        if fitting:
            best = max(fitting, key=lambda i: open_rows[i][0])
            used, members = open_rows.pop(best)
        else:
            if len(open_rows) == OPEN_ROWS:
                fullest = max(range(OPEN_ROWS), key=lambda i: open_rows[i][0])
                done.append(open_rows.pop(fullest)[1])
            used, members = 0, []
        members.append(document)
        if used + size >= length - 2:
            done.append(members)
        else:
            open_rows.append((used + size, members))
    done += [members for _, members in open_rows]
    return done


def _row(members: list[Encoded], length: int) -> Row:
    ids = np.zeros(length, np.uint16)
    learn = np.zeros(length, bool)
    owner = np.zeros(length, np.uint8)
    position = np.zeros(length, np.uint16)
    at = 0
    for number, (tokens, flags) in enumerate(members, start=1):
        part = slice(at, at + len(tokens))
        ids[part], learn[part], owner[part] = tokens, flags, number
        position[part] = np.arange(len(tokens))
        at += len(tokens)
    return Row(ids, learn, owner, position)


def batches(encoded: list[Encoded], lengths: tuple[int, ...], tokens: int, rng: random.Random) -> list[list[Row]]:
    """Rows grouped into batches of ``tokens`` tokens; every batch has one row length.

    A document goes to the shortest row that holds it: most are short, and attention
    over strangers that the mask hides is paid for all the same.
    """
    grouped: list[list[Row]] = []
    waiting = list(encoded)
    for length, shorter in zip(lengths[::-1], [*lengths[-2::-1], 0], strict=True):
        longest = [e for e in waiting if len(e[0]) > shorter]
        waiting = [e for e in waiting if len(e[0]) <= shorter]
        rows = [_row(_filled(members, waiting, length), length) for members in pack(longest, length)]
        rng.shuffle(rows)
        size = tokens // length
        grouped += [rows[i : i + size] for i in range(0, len(rows) - size + 1, size)]
    rng.shuffle(grouped)
    return grouped


def _filled(members: list[Encoded], waiting: list[Encoded], length: int) -> list[Encoded]:
    """The gap behind long documents takes short ones from the end of ``waiting``."""
    left = length - sum(len(ids) for ids, _ in members)
    while waiting and len(waiting[-1][0]) <= left:
        members.append(waiting.pop())
        left -= len(members[-1][0])
    return members


def tensors(rows: list[Row]) -> dict[str, torch.Tensor]:
    """Inputs_BT, labels_BT, positions_BT and an additive attention mask_B1TT."""

    def stacked(name: str) -> torch.Tensor:
        return torch.from_numpy(np.stack([getattr(r, name) for r in rows]).astype(np.int64))

    ids, learn, owner = stacked("ids"), stacked("learn"), stacked("owner")
    labels = torch.full_like(ids, IGNORED)
    same = (owner[:, 1:] == owner[:, :-1]) & (learn[:, 1:] == 1)
    labels[:, :-1][same] = ids[:, 1:][same]
    length = ids.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    seen = (owner[:, :, None] == owner[:, None, :]) & causal
    mask = torch.zeros(seen.shape).masked_fill(~seen, -1e9)[:, None]
    return {"ids": ids, "labels": labels, "positions": stacked("position"), "mask": mask}
