"""Records that say the same in other words, by letters alone: how much of what is found is right.

Nobody has marked paraphrases in banking77, so the share of pairs with one intent is an upper bound of what is right; in
JSTS people rated how alike two sentences are, from 0 to 5 (4: the same but for details). Near duplicates (0.8) go
first, as the stage does. Prints one JSON line last. It needs KITAE_SHARED_DATA or ../shared/data.
"""

import csv
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kitae.core.text import compact, ngrams, normalise
from kitae.data.meaning.letters import learn_letters, letter_vectors, same_words
from kitae.data.meaning.pairs import alike, cosines_of, rounded

TOP = Path(__file__).parents[1]
SHARED = Path(os.environ.get("KITAE_SHARED_DATA", TOP.parent / "shared" / "data"))
LEAST = (0.8, 0.85, 0.9, 0.95)
NEAR = 0.8
SAME_RATING, ALIKE_RATING = 4.0, 3.0


def vectors_of(texts: Sequence[str]) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "letters.npz"
        learn_letters(sorted(set(texts)), model)
        return rounded(letter_vectors(texts, model))


def near(one: str, other: str) -> bool:
    a, b = ngrams(compact(one), 3), ngrams(compact(other), 3)
    return len(a & b) >= NEAR * len(a | b)


def among_all(texts: Sequence[str], right: Callable[[int, int], bool]) -> dict[str, Any]:
    """Of the pairs among all texts that are no near duplicates: how many, and how many are right."""
    started = time.process_time()
    vectors = vectors_of(texts)
    ones, others, values = alike(vectors, np.arange(len(texts)), min(LEAST), lambda a, _: np.ones(len(a)))
    seconds = time.process_time() - started
    pairs = list(zip(ones.tolist(), others.tolist(), strict=True))
    far = [not near(texts[a], texts[b]) and same_words(texts[a], texts[b]) for a, b in pairs]
    good = np.array([right(a, b) for a, b in pairs])
    found: dict[str, Any] = {"texts": len(texts), "texts_per_cpu_s": round(len(texts) / seconds)}
    for least in LEAST:
        chosen = np.array(far) & (values >= least)
        found[f"{least}"] = {"pairs": int(chosen.sum()), "right": share(good[chosen])}
    return found


def share(values: np.ndarray) -> float | None:
    return round(float(values.mean()), 3) if len(values) else None


def banking() -> dict[str, Any]:
    with (SHARED / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    rows = list({normalise(text): (text, label) for text, label in rows}.values())
    return among_all([text for text, _ in rows], lambda a, b: rows[a][1] == rows[b][1])


def rated() -> dict[str, Any]:
    path = SHARED / "jglue" / "jsts-train.json"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if not near(row["sentence1"], row["sentence2"])]
    texts = [row[name] for name in ("sentence1", "sentence2") for row in rows]
    ratings = np.array([row["label"] for row in rows])
    vectors = vectors_of(texts)
    values = cosines_of(vectors, np.arange(len(rows)), np.arange(len(rows)) + len(rows))
    values *= [same_words(row["sentence1"], row["sentence2"]) for row in rows]
    found: dict[str, Any] = {"pairs": len(rows), "same_among_all": share(ratings >= SAME_RATING)}
    for least in LEAST:
        chosen = values >= least
        same, like = (share(ratings[chosen] >= rating) for rating in (SAME_RATING, ALIKE_RATING))
        recall = share(chosen[ratings >= SAME_RATING])
        found[f"{least}"] = {"pairs": int(chosen.sum()), "same": same, "alike": like, "recall": recall}
    return found


def main() -> None:
    result = {"banking77": banking(), "jsts_ja": rated()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for name, found in result.items():
        print(name, found)
    print(json.dumps({**result, "peak_rss_mb": round(peak)}))


if __name__ == "__main__":
    main()
