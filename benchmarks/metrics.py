"""ROUGE against rouge-score on English pairs, and the time of a bootstrap of BLEU.

    python benchmarks/metrics.py [PAIRS]

Prints one JSON line last: `rouge_ratio` (how many times faster, ROUGE-1, 2 and L together, measured alternately in this
process), `rouge_max_diff` (largest difference of a score), `bootstrap_s` (1,000 draws of BLEU over 2,000 pairs, from
texts to interval), `figure_s` (one metric of three systems over 10,000 rows with all intervals and paired tests).
"""

import json
import random
import sys
import time
from importlib.metadata import version

from rouge_score.rouge_scorer import RougeScorer

from kitae.evaluate import intervals
from kitae.evaluate.figures import Measuring, figure
from kitae.evaluate.intervals import draw_together, spread
from kitae.evaluate.metrics import Given, Metric, Questions, metrics_for

WORDS = [f"word{number}" for number in range(400)]
TYPES = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL"}
TOKENS = 200
ROUNDS = 10


def pairs_of(count: int, seed: int) -> tuple[list[str], list[str]]:
    chance = random.Random(seed)
    references = [chance.choices(WORDS, k=TOKENS) for _ in range(count)]
    answers = [[word if chance.random() < 0.6 else chance.choice(WORDS) for word in row] for row in references]
    return [" ".join(row) for row in references], [" ".join(row) for row in answers]


def by_words(name: str, references: list[str]) -> Metric:
    questions = Questions(tuple(references), ("en",) * len(references))
    return next(metric for metric in metrics_for([name], questions) if metric.name)


def rouge(count: int) -> dict[str, float]:
    """Rounds of both, each over its own part of the pairs; every score is compared."""
    references, answers = pairs_of(count, 1)
    scorer = RougeScorer(list(TYPES.values()))
    ours, theirs, furthest = 0.0, 0.0, 0.0
    for part in range(ROUNDS):
        wanted, said = references[part::ROUNDS], answers[part::ROUNDS]
        began = time.perf_counter()
        found = [by_words(name, wanted).statistics(Given(said))[:, 0] for name in TYPES]
        ours += time.perf_counter() - began
        began = time.perf_counter()
        scores = [scorer.score(one, other) for one, other in zip(wanted, said, strict=True)]
        theirs += time.perf_counter() - began
        for values, kind in zip(found, TYPES.values(), strict=True):
            gaps = [abs(value - score[kind].fmeasure) for value, score in zip(values, scores, strict=True)]
            furthest = max(furthest, *gaps)
    assert furthest <= 1e-6, furthest
    return {"rouge_ratio": theirs / ours, "rouge_max_diff": furthest, "ours_s": ours, "rouge_score_s": theirs}


def bootstrap() -> dict[str, float]:
    references, answers = pairs_of(2_000, 2)
    references, answers = ([" ".join(text.split()[:20]) for text in texts] for texts in (references, answers))
    questions = Questions(tuple(references), ("en",) * len(references))
    intervals.DRAWS = 1_000
    began = time.perf_counter()
    (metric,) = metrics_for(["bleu"], questions)
    statistics = metric.statistics(Given(answers))
    (draws,) = draw_together([(metric.drawn, statistics)], seed=7, name="bleu")
    interval = spread(draws, len(answers), 0.95)
    seconds = time.perf_counter() - began
    assert len(draws) == 1_000
    assert interval.low < metric.of(statistics) < interval.high
    return {"bootstrap_s": seconds}


def whole_figure() -> dict[str, float]:
    chance = random.Random(3)
    labels = [f"label {number}" for number in range(77)]
    wanted = [chance.choice(labels) for _ in range(10_000)]
    answers = {
        name: [label if chance.random() < right else chance.choice(labels) for label in wanted]
        for name, right in {"tuned": 0.9, "base": 0.3, "baseline": 0.88}.items()
    }
    (metric,) = metrics_for(["macro_f1"], Questions(tuple(wanted), ("en",) * len(wanted)))
    began = time.perf_counter()
    figure(metric, answers, Measuring(0.95, 7, "test"))
    return {"figure_s": time.perf_counter() - began}


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    found = {**rouge(count), **bootstrap(), **whole_figure()}
    versions = {name: version(name) for name in ("rouge-score", "rapidfuzz", "sacrebleu", "numpy")}
    rounded = {key: value if key == "rouge_max_diff" else round(value, 3) for key, value in found.items()}
    print(json.dumps({**rounded, "pairs": count, "tokens": TOKENS, "versions": versions}))


if __name__ == "__main__":
    main()
