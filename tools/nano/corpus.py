"""The stream of batches: pass after pass over the mixture, prepared once and kept aside."""

from __future__ import annotations

import hashlib
import itertools
import random
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from nano import rows, tasks, tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nano.sources import Doc, Sources

VOCABULARY = 8_192
CONTEXT = 512
ROWS = (128, 256, 512)
"""Lengths of the packed rows; each is compiled once."""
MADE_BY = ("sources", "noise", "likeness", "phrases", "tasks", "tokenizer", "rows")
"""Modules whose change makes what was kept aside stale."""


def digest(modules: Iterable[str], *values: object) -> str:
    """A name for what these modules of ours make from these values (anything whose ``repr`` says all of it)."""
    sha = hashlib.sha256()
    for name in modules:
        sha.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    for value in values:
        sha.update(repr(value).encode())
    return sha.hexdigest()[:16]


class Corpus:
    """Everything drawn from the data and the seed. Kept under ``folder`` so that a resumed run starts soon."""

    def __init__(self, sources: Sources, seed: int, folder: Path) -> None:
        self.sources, self.seed = sources, seed
        self.key = digest(MADE_BY, sources, seed)
        self.folder = folder / f"corpus-{self.key}"
        self.folder.mkdir(parents=True, exist_ok=True)

    @cached_property
    def material(self) -> tasks.Material:
        """Neighbours and keywords; the slow part."""
        return tasks.gather(self.sources, self.seed)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Trained on the first pass, so its vocabulary follows the mixture."""
        path = self.folder / "tokenizer.json"
        if not path.exists():
            texts = (turn.text for doc in self._documents(0) for turn in doc)
            tokenizer.train(texts, VOCABULARY).save(str(path))
        return Tokenizer.from_file(str(path))

    def batches(self, tokens: int) -> Iterator[list[rows.Row]]:
        """Batches of ``tokens`` tokens without end; each pass has its own noise and order."""
        for number in itertools.count():
            path = self.folder / f"pass-{number}-{tokens}.npz"
            if not path.exists():
                made = self._pass(number, tokens)
                aside = path.with_suffix(".part")
                with aside.open("wb") as file:
                    rows.save(made, file)
                aside.replace(path)
            yield from rows.load(path)

    def _documents(self, number: int) -> list[Doc]:
        return tasks.build(self.material, random.Random(self.seed + number))

    def _pass(self, number: int, tokens: int) -> list[list[rows.Row]]:
        encoded = list(rows.encode(self._documents(number), self.tokenizer, CONTEXT))
        order = random.Random(f"{self.seed} {number}")
        made = rows.batches(encoded, ROWS, tokens, order)
        if not made:
            raise ValueError(f"{len(encoded)} documents do not fill a batch of {tokens} tokens")
        print(f"pass {number}: {len(encoded)} documents, {len(made)} batches", flush=True)
        return made
