"""Stop signals, noted and not obeyed at once: the loop ends at a place from which it can go on."""

import signal
import threading
from types import FrameType
from typing import Any, Self

STOP = (signal.SIGTERM, signal.SIGINT)


class StopSignals:
    """A context in which SIGTERM and SIGINT only leave their name in `caught`. Off the main thread it does nothing."""

    def __init__(self) -> None:
        """Nothing caught yet."""
        self.caught: str | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Take over the handlers."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in STOP}
        return self

    def __exit__(self, *_: object) -> None:
        """Give the handlers back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.caught = signal.Signals(number).name
