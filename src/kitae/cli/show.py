"""Shows a run in the terminal as it happens: a heading a stage, notes, a live bar; plain lines when nobody looks."""

import shlex
import shutil
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from kitae.core.artifacts import Artifact
from kitae.core.events import Event
from kitae.registry.cards import REFUSED, VersionCard

TITLES = {
    "source": "Raw files",
    "dataset": "Clean, redact, deduplicate",
    "split": "Split",
    "plan": "Plan",
    "adapter": "Train",
    "verdict": "Evaluate",
    "comparison": "Compare",
    "version": "Register",
}
PLAIN_PROGRESS_SECONDS = 10.0
"""Where there is no terminal to redraw (a log file, CI), one line in this time is enough."""


class Terminal:
    """Listens to events and prints them. Use as a context manager, so that a live bar never outlives an error."""

    def __init__(self, *, to_stderr: bool = False) -> None:
        """Write to standard output, or to standard error when that is kept for JSON."""
        self.console = Console(stderr=to_stderr, highlight=False, soft_wrap=True)
        self._progress: Progress | None = None
        self._bar: Any = None
        self._began = time.monotonic()
        self._last_plain = 0.0
        self._hearers = {
            "started": self._started,
            "note": self._note,
            "warning": self._warning,
            "progress": self._show_progress,
            "skipped": self._skipped,
            "finished": self._finished,
        }

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the live bar away, whatever happened."""
        self._end_bar()

    def hear(self, event: Event) -> None:
        """Show one event; kinds that are only for programs are passed over."""
        hearer = self._hearers.get(event["event"])
        if hearer is not None:
            hearer(event)

    def registered(self, card: VersionCard, *, seconds: float, logs: Path, home: Path | None = None) -> None:
        """The end of a whole run: the verdict, where things lie, what to do next (in the workspace that was given)."""
        self._end_bar()
        style = "green" if card.status != REFUSED else "yellow"
        self.console.print(
            f"\n[bold {style}]{card.reference}[/] is registered as [bold]{card.status}[/] ({seconds:.0f} s)"
        )
        self._plain(f"  {card.sentence}")
        self._plain(f"  report   {card.report}")
        self._plain(f"  adapter  {card.adapter_folder}")
        self._plain(f"  logs     tensorboard --logdir {logs}")
        self.console.print("\nNext:")
        option = "" if home is None else f" --home {shlex.quote(str(home))}"
        looking = ("evaluate errors", "models show")
        for command in looking if card.status == REFUSED else ("chat", "serve", *looking):
            line = f"  {program()} {command} {card.reference}{option}"
            self.console.print(line, style="bold", markup=False)

    def stopped(self, artifact: Artifact, *, seconds: float) -> None:
        """The end of a run that was to stop at a stage."""
        self._end_bar()
        self._plain(f"\n{artifact.kind} {artifact.short} ({seconds:.0f} s)\n  {artifact.folder}")

    def _started(self, event: Event) -> None:
        self._end_bar()
        self._began = time.monotonic()
        title = TITLES.get(event["stage"], event["stage"])
        self.console.print(f"\n[bold cyan]{title}[/]")

    def _note(self, event: Event) -> None:
        self._plain(f"  {event['text']}")

    def _warning(self, event: Event) -> None:
        self.console.print("  [yellow]![/] ", end="")
        self._plain(event["text"])

    def _skipped(self, event: Event) -> None:
        self._end_bar()
        self._plain(f"  unchanged, found again ({event['digest'][:12]})")
        for text in event["summary"].get("lines", []):
            self._plain(f"  {text}")
        self._report(event)

    def _finished(self, event: Event) -> None:
        self._end_bar()
        seconds = time.monotonic() - self._began
        self._report(event)
        self.console.print(f"  [dim]{event['digest'][:12]} in {seconds:.1f} s[/]")

    def _report(self, event: Event) -> None:
        """Where the page of a stage lies; the verdict's is named at the end of the run."""
        page = Path(event["folder"]) / "report.html"
        if event["stage"] != "verdict" and page.exists():
            self._plain(f"  report: {page}")

    def _show_progress(self, event: Event) -> None:
        fields = "  ".join(f"{name} {_figure(value)}" for name, value in event.items() if name not in PROGRESS_KEYS)
        if not self.console.is_terminal:
            self._plain_progress(event, fields)
            return
        if self._progress is None:
            self._progress = Progress(
                TextColumn("  {task.description}"),
                BarColumn(bar_width=24),
                TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[unit]}"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[values]}"),
                console=self.console,
                transient=True,
            )
            self._progress.start()
            self._bar = self._progress.add_task("", total=event["total"], unit=event["unit"], values=fields)
        self._progress.update(
            self._bar, completed=event["done"], total=event["total"], unit=event["unit"], values=fields
        )

    def _plain_progress(self, event: Event, fields: str) -> None:
        now = time.monotonic()
        if event["done"] < event["total"] and now - self._last_plain < PLAIN_PROGRESS_SECONDS:
            return
        self._last_plain = now
        self._plain(f"  {event['done']:.0f}/{event['total']:.0f} {event['unit']}  {fields}".rstrip())

    def _plain(self, text: str) -> None:
        """Print text that came from data: nothing in it may be taken for mark-up."""
        self.console.print(text, markup=False)

    def _end_bar(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def program() -> str:
    """How kitae is called from here, to be pasted into a shell.

    By its name when that finds the kitae at work, else by its path, as after `make demo`, whose `.venv` is not active.
    """
    here = Path(sys.argv[0])
    named = shutil.which("kitae")
    if here.name != "kitae" or not here.is_file() or (named and Path(named).resolve() == here.resolve()):
        return "kitae"
    path, folder = here.absolute(), Path.cwd()
    return shlex.quote(str(path.relative_to(folder) if path.is_relative_to(folder) else path))


PROGRESS_KEYS = frozenset({"time", "stage", "event", "done", "total", "unit"})


def _figure(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
