"""The stream of batches: pass after pass over the mixture, prepared once and kept aside."""

from __future__ import annotations

import hashlib
import itertools
import pickle
import random
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from nano import rows, tasks, tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nano.sources import Doc, Sources

VOCABULARY = 8_192
CONTEXT = 512
ROWS = (128, 256, 512)
"""Lengths of the packed rows; each is compiled once."""
MADE_BY = ("sources", "noise", "likeness", "phrases", "tasks", "tokenizer", "rows")
"""Modules whose change makes what was kept aside stale."""


class Corpus:
    """Everything drawn from the seed. Kept under ``folder`` so that a resumed run starts soon."""

    def __init__(self, sources: Sources, seed: int, folder: Path) -> None:
        self.sources, self.seed = sources, seed
        code = b"".join(Path(__file__).with_name(f"{name}.py").read_bytes() for name in MADE_BY)
        key = hashlib.sha256(code + str(seed).encode()).hexdigest()[:12]
        self.folder = folder / f"corpus-{key}"
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
            path = self.folder / f"pass-{number}-{tokens}.pkl"
            if not path.exists():
                made = self._pass(number, tokens)
                aside = path.with_suffix(".part")
                aside.write_bytes(pickle.dumps(made))
                aside.replace(path)
            yield from pickle.loads(path.read_bytes())

    def _documents(self, number: int) -> list[Doc]:
        return tasks.build(self.material, random.Random(self.seed + number))

    def _pass(self, number: int, tokens: int) -> list[list[rows.Row]]:
        encoded = list(rows.encode(self._documents(number), self.tokenizer, CONTEXT))
        order = random.Random(f"{self.seed} {number}")
        made = rows.batches(encoded, ROWS, tokens, order)
        print(f"pass {number}: {len(encoded)} documents, {len(made)} batches", flush=True)
        return made
