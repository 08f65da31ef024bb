"""What the model said before training: computed once, kept on disk, so that no second model is held in memory."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from kitae.core.files import write_bytes
from kitae.train.learner import Learner
from kitae.train.objectives import row_log_probs
from kitae.train.pairs import Pair

FILE = "reference.safetensors"


def with_reference(learner: Learner, pairs: Sequence[Pair], *, budget: int, folder: Path) -> list[Pair]:
    """The pairs with the log-probabilities of both answers by the learner as it is.

    Ask before a checkpoint is read. `folder` keeps them, so a resumed training neither computes them again nor gets
    other last bits by another number of threads.
    """
    path = folder / FILE
    asked = _digest(pairs)
    found = _read(path, asked)
    if found is None:
        found = _compute(learner, pairs, budget)
        write_bytes(path, save({"log_probs": found, "pairs": asked}))
    return [
        replace(pair, reference=(float(chosen), float(rejected)))
        for pair, (chosen, rejected) in zip(pairs, found, strict=True)
    ]


def _compute(learner: Learner, pairs: Sequence[Pair], budget: int) -> np.ndarray:
    """Log-probabilities (P, 2)."""
    place_of = {id(pair): place for place, pair in enumerate(pairs)}
    found = np.zeros((len(pairs), 2), dtype=np.float64)
    with learner.measuring():
        for batch in learner.micro_batches(pairs, budget=budget):
            sums = row_log_probs(learner, batch)[0].cpu().numpy()
            for at, pair in enumerate(batch.examples):
                found[place_of[id(pair)]] = sums[2 * at : 2 * at + 2]
    return found


def _digest(pairs: Sequence[Pair]) -> np.ndarray:
    """32 bytes that change with any token of any pair."""
    made = sha256()
    for pair in pairs:
        for row in pair.rows:
            made.update(np.asarray(row.tokens.ids, dtype=np.int64).tobytes())
            made.update(np.asarray(row.tokens.trained, dtype=np.bool_).tobytes())
    return np.frombuffer(made.digest(), dtype=np.uint8)


def _read(path: Path, asked: np.ndarray) -> np.ndarray | None:
    """What the file holds, when it is whole and of these pairs."""
    try:
        held = load(path.read_bytes())
    except (FileNotFoundError, SafetensorError):
        return None
    return held["log_probs"] if np.array_equal(held["pairs"], asked) else None
