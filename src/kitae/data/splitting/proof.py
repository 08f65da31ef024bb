"""The proof of a split: what belongs together and stands on two sides, counted. It must all be zero."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kitae.data.alike.ragged import Array
from kitae.data.duplicates import asked_questions
from kitae.data.splitting.blocks import Blocks
from kitae.data.splitting.columns import Columns
from kitae.data.splitting.drawing import NOWHERE, Drawn


def proof_of(columns: Columns, blocks: Blocks, drawn: Drawn) -> dict[str, int]:
    """How many clusters, questions, groups and families of made records stand in two splits, or in two folds.

    Questions, groups and families are looked up anew in the records: the blocks are not asked about them.
    """
    questions, owners = _questions(columns.prints)
    grouped, kin = np.flatnonzero(columns.groups), np.flatnonzero(columns.families)
    proof = {
        "clusters_in_two_splits": crossing(blocks.of, drawn.sides),
        "questions_in_two_splits": crossing(questions, drawn.sides[owners]),
        "groups_in_two_splits": crossing(columns.groups[grouped], drawn.sides[grouped]),
        "families_in_two_splits": crossing(columns.families[kin], drawn.sides[kin]),
    }
    if drawn.folds is not None:
        proof["clusters_in_two_folds"] = crossing(blocks.of, drawn.folds)
        proof["questions_in_two_folds"] = crossing(questions, drawn.folds[owners])
        proof["groups_in_two_folds"] = crossing(columns.groups[grouped], drawn.folds[grouped])
    return proof


def crossing(values: Array, sides: Array) -> int:
    """How many values stand on more than one side; what stands nowhere does not count."""
    placed = sides != NOWHERE
    _, numbers = np.unique(values[placed], return_inverse=True)
    pairs = np.unique(numbers.astype(np.int64) * (int(sides.max(initial=0)) + 1) + sides[placed])
    found = pairs // (int(sides.max(initial=0)) + 1)
    return int((np.unique(found, return_counts=True)[1] > 1).sum())


def _questions(prints: Sequence[Path]) -> tuple[Array, Array]:
    return asked_questions(prints) if prints else (np.empty(0, np.int64), np.empty(0, np.int64))
