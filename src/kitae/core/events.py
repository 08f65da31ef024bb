"""Events: what happens during a run, one JSON object a line, for the terminal, the web and the record.

Times live here and only here; artifacts hold none, so that equal work gives equal bytes.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from kitae.core.files import disk_errors, json_text

Event = dict[str, Any]
Listener = Callable[[Event], None]


class Events:
    """Appends events to a file and tells listeners. Every event has `time`, `stage`, `event` and its own fields.

    The verbs are `started`, `note`, `progress`, `warning`, `finished`, `skipped`.
    """

    def __init__(self) -> None:
        """Begin with no file and no listener."""
        self._file: TextIO | None = None
        self._path = Path()
        self._listeners: list[Listener] = []

    def record_to(self, path: Path) -> None:
        """Append every event from now on to `path`."""
        self.close()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")
        self._path = path

    def listen(self, listener: Listener) -> None:
        """Call `listener` with every event from now on."""
        self._listeners.append(listener)

    def say(self, stage: str, event: str, **fields: Any) -> None:
        """Record one event; values must be JSON-ready. Raises `DiskFull`."""
        row: Event = {"time": datetime.now(UTC).isoformat(), "stage": stage, "event": event, **fields}
        if self._file is not None:
            with disk_errors(self._path):
                self._file.write(json_text(row) + "\n")
                self._file.flush()
        for listener in self._listeners:
            listener(row)

    def close(self) -> None:
        """Close the file. Raises `DiskFull` when its last lines find no room."""
        file, self._file = self._file, None
        if file is not None:
            with disk_errors(self._path):
                file.close()


class Stage:
    """The events of one stage, so that rooms need not repeat its name."""

    def __init__(self, events: Events, name: str) -> None:
        """Take the run's events and the stage's name."""
        self._events = events
        self.name = name
        self._last_progress = 0.0

    def note(self, text: str, **fields: Any) -> None:
        """Say one fact for people (`text`), with its values for programs (`fields`)."""
        self._events.say(self.name, "note", text=text, **fields)

    def warning(self, text: str, **fields: Any) -> None:
        """Say something the user should look at."""
        self._events.say(self.name, "warning", text=text, **fields)

    def progress(self, done: float, total: float, unit: str, **fields: Any) -> None:
        """Say how far the work is; at most ten times a second, and always at the end."""
        now = time.monotonic()
        if done < total and now - self._last_progress < 0.1:
            return
        self._last_progress = now
        self._events.say(self.name, "progress", done=done, total=total, unit=unit, **fields)

    def data(self, event: str, **fields: Any) -> None:
        """Record a row for programs under a name of its own (for example `step`)."""
        self._events.say(self.name, event, **fields)
