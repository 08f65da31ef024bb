"""What is seen of a training: events with times, TensorBoard, and a history without times for the record."""

import math
import os
import time
from pathlib import Path
from typing import Any, Self

from kitae.core.events import Stage

MEMORY = 0.9
"""Share of the old value in the running tokens per second."""


class Watch:
    """Tells every step to the events and, when a run is open, to TensorBoard."""

    def __init__(self, stage: Stage, *, steps: int, run_folder: Path | None) -> None:
        """Begin the clock."""
        self._stage = stage
        self._steps = steps
        self._speed = 0.0
        self._last = time.monotonic()
        self._board: Any = None
        if run_folder is not None:
            # TensorFlow is not needed to write; where it is installed, its start-up notes would land on the terminal.
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(run_folder / "tensorboard"))

    def resumed(self, step: int) -> None:
        """Tell that an earlier training goes on."""
        self._last = time.monotonic()
        self._stage.note(f"Going on after step {step}, where the training was cut off", step=step)

    def warning(self, sentence: str) -> None:
        """Tell what the user should look at."""
        self._stage.warning(sentence)

    def step(self, row: dict[str, Any], fault: str | None) -> None:
        """Tell a finished step: its row of the history, tokens per second, seconds to go, what was wrong with it."""
        if fault is not None:
            self._stage.warning(f"Step {row['step']} was left out: {fault}", step=row["step"], fault=fault)
        now = time.monotonic()
        speed = row["tokens"] / max(1e-9, now - self._last)
        self._last = now
        self._speed = MEMORY * self._speed + (1 - MEMORY) * speed if self._speed else speed
        left = (self._steps - row["step"]) * row["tokens"] / self._speed
        timing = {"tokens_per_second": round(self._speed, 1), "eta_seconds": round(left, 1)}
        row = {key: value if math.isfinite(value) else None for key, value in row.items()}
        self._stage.data("step", **row, **timing)
        shown = {key: row[key] for key in ("loss", "rate", "gradient_norm")}
        self._stage.progress(row["step"], self._steps, "steps", **shown, **timing)
        self._scalars(row["step"], {**shown, "tokens_per_second": self._speed})

    def validation(self, step: int, loss: float, *, best: bool) -> None:
        """Tell a validation loss; its time does not count as training time."""
        self._last = time.monotonic()
        text = f"Step {step}: validation loss {loss:.4f}{' (best so far)' if best else ''}"
        figure = loss if math.isfinite(loss) else None
        self._stage.data("validation", step=step, loss=figure, best=best)
        self._stage.note(text, step=step, loss=figure)
        self._scalars(step, {"validation_loss": figure})

    def __enter__(self) -> Self:
        """Use as a context, so that TensorBoard's file is closed whatever happens."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close TensorBoard's file."""
        if self._board is not None:
            self._board.close()

    def _scalars(self, step: int, values: dict[str, float | None]) -> None:
        if self._board is not None:
            for name, value in values.items():
                if value is not None:
                    self._board.add_scalar(f"train/{name}", value, step)
