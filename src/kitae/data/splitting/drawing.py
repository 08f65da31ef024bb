"""Which split each record goes to: splits that are stated, folds, and what is still to be drawn."""

from dataclasses import dataclass

import numpy as np

from kitae.core.data_settings import SplitSettings
from kitae.core.records import Edit
from kitae.data.alike.ragged import Array
from kitae.data.splitting.blocks import Blocks
from kitae.data.splitting.columns import USES, Columns
from kitae.data.splitting.sharing import Shared, by_time, rare_values, share_out
from kitae.errors import RecipeError

SPLITS = ("train", "validation", "test")
NOWHERE = -1
"""The side of a row that is dropped, and the fold of a row that every fold trains on."""
HELD_OUT = (2, 1)
"""Places in `SPLITS` of the held-out ones; a block with a test row is tested, even when it has validation rows, too."""


@dataclass(frozen=True)
class Drawn:
    """R rows with their sides, B blocks."""

    sides: Array
    """Place in `SPLITS` of every row, `NOWHERE` for rows that are dropped, [R]."""
    held: Array
    """Place in `SPLITS` of every block that a stated split holds, else `NOWHERE`, [B]."""
    carved: tuple[str, ...]
    """Splits that were drawn although others are stated."""
    shared: Shared
    """How values that are too rare were shared out; `shares` are those of the blocks that were free."""
    folds: Array | None = None
    """The fold of every row, counted from 0, `NOWHERE` where every fold trains on it, [R]."""

    def edit(self, block: int) -> Edit:
        """Why a row of this block is dropped."""
        held = SPLITS[int(self.held[block])]
        return Edit(f"leaks_into_{held}", f"belongs together with a row of the drawn {held} split")


def draw(columns: Columns, blocks: Blocks, settings: SplitSettings) -> Drawn:
    """Give every row its side. Raises `RecipeError` for folds that the data cannot have."""
    held, sides = _stated(columns, blocks)
    free = held == NOWHERE
    if settings.folds is not None:
        return _folded(columns, blocks, settings)
    shares = open_shares(columns, settings)
    names = list(shares)
    some = blocks.take(free)
    if blocks.newest is None:
        shared = share_out(some, list(shares.values()), least=len(SPLITS))
    else:
        shared = Shared(by_time(some, list(shares.values())))
    places = np.full(len(blocks), NOWHERE, dtype=np.int8)
    places[free] = np.array([SPLITS.index(name) for name in names], dtype=np.int8)[shared.shares]
    rows = free[blocks.of]
    sides[rows] = places[blocks.of[rows]]
    carved = tuple(sorted(name for name in names if name != "train")) if columns.uses.any() else ()
    return Drawn(sides, held, carved, shared)


def open_shares(columns: Columns, settings: SplitSettings) -> dict[str, float]:
    """Splits that are still to be filled and their shares, which add up to 1; training is the first."""
    stated = {USES[use] for use in np.unique(columns.uses).tolist()}
    wanted = {"train": settings.train, "validation": settings.validation, "test": settings.test}
    still = {name: share for name, share in wanted.items() if name == "train" or name not in stated}
    total = sum(still.values())
    return {name: share / total for name, share in still.items() if share > 0 or name == "train"}


def _stated(columns: Columns, blocks: Blocks) -> tuple[Array, Array]:
    """The stated split that holds each block, [B], and the side of every row as far as that decides it, [R]."""
    held = np.full(len(blocks), NOWHERE, dtype=np.int8)
    sides = np.full(len(columns), NOWHERE, dtype=np.int8)
    for place in reversed(HELD_OUT):
        stated = columns.uses == USES.index(SPLITS[place])
        held[blocks.of[stated]] = place
    for place in HELD_OUT:
        stated = columns.uses == USES.index(SPLITS[place])
        sides[stated & (held[blocks.of] == place)] = place
    return held, sides


def _folded(columns: Columns, blocks: Blocks, settings: SplitSettings) -> Drawn:
    """Cross-validation: one fold is the test, and the validation split is carved from the others.

    The folds depend on the seed alone and not on which of them is tested. A value that stands in a single block is
    always trained on.
    """
    assert settings.folds is not None
    _check_folds(columns, blocks, settings.folds)
    alone, values = rare_values(blocks, 2)
    alone &= blocks.sizes[alone].sum() <= blocks.sizes.sum() / settings.folds
    folds = np.full(len(blocks), NOWHERE, dtype=np.int64)
    folds[~alone] = share_out(blocks.take(~alone), [1 / settings.folds] * settings.folds, least=1).shares
    tested = folds == settings.fold - 1
    known = settings.train + settings.validation
    shares = {"train": settings.train / known, "validation": settings.validation / known}
    places = np.full(len(blocks), SPLITS.index("test"), dtype=np.int8)
    chosen = [share for share in shares.values() if share > 0]
    places[~tested] = share_out(blocks.take(~tested), chosen, least=len(SPLITS)).shares
    shared = Shared(places, values if alone.any() else (), () if alone.any() else values)
    held = np.full(len(blocks), NOWHERE, dtype=np.int8)
    return Drawn(places[blocks.of], held, (), shared, folds[blocks.of])


def _check_folds(columns: Columns, blocks: Blocks, folds: int) -> None:
    stated = sorted({USES[use] for use in np.unique(columns.uses).tolist()} - {"", "train"})
    if stated:
        raise RecipeError(
            "data.split.folds: the data states its own splits, and a fold would tear them up",
            got=f"use: {', '.join(stated)}",
            hint="Leave `use` out of the sources, or leave folds out",
        )
    if len(blocks) < folds:
        raise RecipeError(
            "data.split.folds: there are fewer groups of records that stay together than folds",
            got=f"{folds} folds of {len(blocks):,} groups ({len(columns):,} rows)",
            hint=f"Use at most {len(blocks)} folds, or look at data.split.group_by and data.duplicates.near",
        )
