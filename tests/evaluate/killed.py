"""Evaluates a small desk, each time in a process that dies by SIGKILL once it asked for so many answers.

Run as a program by `test_measuring` with pairs of a workspace and a number of answers (0 for all); writes how each
process ended.
"""

import os
import signal
import sys
from pathlib import Path

from evaluate.desk import FakeAnswerer, adapter_in, desk, knows, resolved, split_in, two_models

from kitae.core.workspace import Workspace
from kitae.evaluate import stage

LABELS = [row for row in desk(answer=lambda text: text[:4]) if row.language == "en"]


class Mortal(FakeAnswerer):
    """Dies as a process dies: nothing is closed, nothing is flushed."""

    lives = 0

    def _count(self, question: str) -> None:
        super()._count(question)
        if len(self.asked) == self.lives:
            os.kill(os.getpid(), signal.SIGKILL)


def evaluate(home: Path, lives: int) -> None:
    """One evaluation with every kind of work that gives the same figures each time."""
    out = Workspace(home)
    tuned = Mortal(knows(LABELS, wrong_every=3))
    tuned.lives = lives
    metrics = ["accuracy", "ece", "perplexity_token"]
    stage.run(
        adapter_in(out),
        split_in(out, train=LABELS[:18], validation=LABELS[18:27], test=LABELS[27:]),
        {},
        settings=resolved(task="classify", metrics=metrics, compare_to=["base"]),
        out=out,
        open_answerer=two_models(tuned, FakeAnswerer(lambda _question: "Park")),
    )


if __name__ == "__main__":
    for home, lives in zip(sys.argv[1::2], map(int, sys.argv[2::2]), strict=True):
        child = os.fork()
        if not child:
            evaluate(Path(home), lives)
            os._exit(0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
