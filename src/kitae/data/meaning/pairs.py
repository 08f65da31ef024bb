"""Pairs of vectors by their cosine, exactly: the same pairs on any machine, in any order of the sums.

Vectors are rounded to whole numbers and have a length of about `SCALE`, so every product and every partial sum is a
whole number below 2**24, which float32 holds exactly (Cauchy-Schwarz). Up to `EXACT_ROWS` records all pairs are
measured; beyond, each record is measured within the cells of its two nearest centres, as SemDeDup does (Abbas et al.
2023, arXiv:2303.09540, section 3), with records drawn by a fixed seed as centres.
"""

from collections.abc import Callable, Iterator

import numpy as np

from kitae.data.alike.ragged import Array

SCALE = 4_000
EXACT_ROWS = 20_000
CELL_ROWS = 2_000
"""Records that a cell has on average."""
CELLS_OF_A_ROW = 2
ROWS_AT_ONCE = 256
PAIRS_OF_A_ROW = 32
"""Of a record's pairs with later ones the nearest count, so that memory is bounded where thousands are alike."""
SEED = 20_240_501

Same = Callable[[Array, Array], Array]
"""What else two rows must have in common: cosines of what is compared besides, or -1 where they are no pair."""


def rounded(vectors: Array) -> Array:
    """Vectors of length `SCALE` in whole numbers, int16 [rows, dimensions]; a zero vector stays one."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    units = np.divide(vectors, lengths, out=np.zeros(vectors.shape), where=lengths > 0)
    whole: Array = np.rint(SCALE * units).astype(np.int16)
    return whole


def cosines_of(vectors: Array, ones: Array, others: Array) -> Array:
    """The cosine of each pair of rows; 0 with a zero vector."""
    out = np.zeros(len(ones))
    for start in range(0, len(ones), ROWS_AT_ONCE):
        a, b = (vectors[side[start : start + ROWS_AT_ONCE]].astype(np.float64) for side in (ones, others))
        out[start : start + ROWS_AT_ONCE] = _cosine((a * b).sum(axis=1), (a * a).sum(axis=1), (b * b).sum(axis=1))
    return out


def alike(vectors: Array, rows: Array, least: float, same: Same) -> tuple[Array, Array, Array]:
    """Pairs `ones[i] < others[i]` among `rows` (ascending), and how alike they are: the lesser of the two cosines.

    `vectors` is int16 [all rows, dimensions], maybe a memory map. Both cosines are at least `least`.
    """
    found = [np.empty((0, 2), dtype=np.int64)]
    values = [np.empty(0)]
    for cell in _cells(vectors, rows):
        for ones, others, cosine in _pairs(vectors, cell, least):
            value = np.minimum(cosine, same(ones, others))
            near = _nearest(ones, np.where(value >= least, value, -1.0))
            found.append(np.stack([ones[near], others[near]], axis=1))
            values.append(value[near])
    pairs, firsts = np.unique(np.concatenate(found), axis=0, return_index=True)
    return pairs[:, 0], pairs[:, 1], np.concatenate(values)[firsts]


def _cells(vectors: Array, rows: Array) -> Iterator[Array]:
    """Rows that are measured with each other, ascending; a row may stand in several cells."""
    if len(rows) <= EXACT_ROWS:
        yield rows
        return
    drawn = np.random.default_rng(SEED).permutation(len(rows))[: -(-len(rows) // CELL_ROWS)]
    centres = vectors[rows[np.sort(drawn)]].astype(np.float32).T
    nearest = np.concatenate([
        np.argsort(-(vectors[rows[start : start + ROWS_AT_ONCE]].astype(np.float32) @ centres), axis=1, kind="stable")
        [:, :CELLS_OF_A_ROW].astype(np.int32)
        for start in range(0, len(rows), ROWS_AT_ONCE)
    ]).reshape(-1)  # fmt: skip
    order = np.argsort(nearest, kind="stable")
    members = rows[order // CELLS_OF_A_ROW]
    yield from np.split(members, np.flatnonzero(np.diff(nearest[order])) + 1)


def _pairs(vectors: Array, cell: Array, least: float) -> Iterator[tuple[Array, Array, Array]]:
    """Pairs of rows of a cell whose cosine is at least `least`."""
    whole = vectors[cell].astype(np.float32)
    lengths = np.einsum("ij,ij->i", whole, whole).astype(np.float64)
    for start in range(0, len(cell), ROWS_AT_ONCE):
        products = whole[start : start + ROWS_AT_ONCE] @ whole[start:].T
        limits = least * np.sqrt(lengths[start : start + ROWS_AT_ONCE])[:, None] * np.sqrt(lengths[start:])[None, :]
        ones, others = np.nonzero(np.triu((products >= limits) & (products > 0), k=1))
        cosine = _cosine(products[ones, others].astype(np.float64), lengths[start + ones], lengths[start + others])
        yield cell[start + ones], cell[start + others], cosine


def _cosine(products: Array, ones: Array, others: Array) -> Array:
    lengths = np.sqrt(ones * others)
    cosine: Array = np.divide(products, lengths, out=np.zeros(len(products)), where=lengths > 0)
    return cosine


def _nearest(ones: Array, values: Array) -> Array:
    """Places of the pairs that count: those with a value, the nearest of each row, ascending."""
    order = np.lexsort((-values, ones))
    firsts = np.searchsorted(ones[order], ones[order], side="left")
    near = order[(np.arange(len(order)) - firsts < PAIRS_OF_A_ROW) & (values[order] >= 0)]
    return np.sort(near)
