"""Evaluate: adapter + held-out sets -> verdict. Importing this loads nothing heavy; the first evaluation does."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kitae.core.artifacts import Adapter, Comparison, Dataset, Split, Verdict
from kitae.core.recipe import EvaluateSettings
from kitae.core.resolved import Resolved
from kitae.core.workspace import Workspace

if TYPE_CHECKING:
    from kitae.evaluate.contest.asking import Contestant

__all__ = [
    "check",
    "check_rows",
    "compare",
    "errors",
    "errors_page",
    "proposals",
    "run",
    "write_errors",
    "write_labelling_sheet",
]


def check(settings: EvaluateSettings, *, task: str) -> None:
    """Refuse what no evaluation could do, before hours of training are spent. Raises `UnknownName`, `InputError`."""
    from kitae.core.metric_names import check_metrics

    names = () if settings.metrics == "auto" else settings.metrics
    check_metrics(names, settings, preference=task == "preference")
    if settings.json_schema is not None:
        from kitae.evaluate.metrics.form import schema_validator

        schema_validator(settings.json_schema)


def check_rows(split: Split, held_out: Mapping[str, Dataset], settings: Resolved) -> None:
    """Refuse what the held-out rows do not allow, before training; see `kitae.evaluate.checking.check_rows`."""
    from kitae.evaluate import checking

    checking.check_rows(split, held_out, settings.evaluate)


def run(
    adapter: Adapter, split: Split, held_out: Mapping[str, Dataset], *, settings: Resolved, out: Workspace
) -> Verdict:
    """Compare the tuned model with its opponents on the test split and every held-out set, or find the verdict again.

    See `kitae.evaluate.stage.run`.
    """
    from kitae.evaluate import stage

    return stage.run(adapter, split, held_out, settings=settings, out=out)


def errors(verdict: Verdict, split: Split, *, system: str = "tuned", sets: Sequence[str] = ()) -> dict[str, Any]:
    """What went wrong, and why; see `kitae.evaluate.mistakes.stage.errors`."""
    from kitae.evaluate.mistakes import stage

    return stage.errors(verdict, split, system=system, sets=sets)


def errors_page(report: Mapping[str, Any]) -> str:
    """The errors as one offline page in English and Japanese."""
    from kitae.evaluate import page

    return page.errors_page(report)


def write_errors(path: Path, report: Mapping[str, Any]) -> int:
    """The failures as a sheet on which people decide; see `kitae.evaluate.mistakes.stage.write_sheet`."""
    from kitae.evaluate.mistakes import stage

    return stage.write_sheet(path, report)


def compare(
    contestants: "Sequence[Contestant]",
    split: Split,
    taught: Mapping[str, Split],
    *,
    settings: Resolved,
    out: Workspace,
) -> Comparison:
    """Ask several systems the same rows and say which is best; see `kitae.evaluate.contest.stage.compare`."""
    from kitae.evaluate.contest import stage

    return stage.compare(contestants, split, taught, settings=settings, out=out)


def proposals(verdict: Verdict, split: Split, *, system: str = "tuned", name: str = "test") -> dict[str, Any]:
    """What to add next, and what to expect of it; see `kitae.evaluate.mistakes.stage.proposals`."""
    from kitae.evaluate.mistakes import stage

    return stage.proposals(verdict, split, system=system, name=name)


def write_labelling_sheet(path: Path, report: Mapping[str, Any]) -> int:
    """Rows to be filled in; see `kitae.evaluate.mistakes.stage.write_labelling_sheet`."""
    from kitae.evaluate.mistakes import stage

    return stage.write_labelling_sheet(path, report)
