"""Raw records to a clean, redacted, deduplicated, split dataset: `find`, `prepare`, `split`, `enlarge`.

The verbs load what they need when they are called, so that importing this package costs nothing.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kitae.core.artifacts import Dataset, Source, Split
from kitae.core.data_settings import DataSettings, PolicySettings, SourceSettings, SplitSettings
from kitae.core.workspace import Workspace

if TYPE_CHECKING:
    from kitae.data.custody.erased import Erased
    from kitae.data.review import Findings


def check(settings: DataSettings, *, also: Sequence[SourceSettings] = ()) -> None:
    """Refuse names that nothing here has before any file is read: columns, rules, kinds of private data, recognisers.

    `also` are the sources of further held-out sets. Raises `UnknownName`, `RecipeError`.
    """
    from kitae.data.contamination import check_benchmarks
    from kitae.data.finding import check_columns
    from kitae.data.privacy.redaction import check_privacy
    from kitae.data.rules import chosen_rules
    from kitae.data.small.labelling import labeller_of
    from kitae.data.small.methods import check_augment
    from kitae.data.splitting import check_split

    check_columns(settings.sources)
    check_columns(also, section="evaluate.also")
    check_benchmarks(settings.contamination.against)
    check_split(settings.split)
    chosen_rules(settings.clean)
    check_privacy(settings.privacy)
    check_augment(settings.augment)
    if settings.self_training is not None:
        check_columns([settings.self_training.source], section="data.self_training")
        labeller_of(settings.self_training.labeller)


def find(settings: Sequence[SourceSettings], *, folder: Path, out: Workspace) -> Source:
    """Look up the raw files of a recipe that lies in `folder`. Raises `SourceError`."""
    from kitae.data import finding

    return finding.find(settings, folder=folder, out=out)


def prepare(
    source: Source,
    *,
    settings: DataSettings,
    task: str,
    out: Workspace,
    folder: Path,
    held_out: bool = False,
    erased: "Erased | None" = None,
) -> Dataset:
    """Clean, redacted, deduplicated records; a `held_out` set is only read, repaired and redacted.

    Nothing that was `erased` comes back. Raises `SourceError`, `NothingToLearn`, `UnknownName`, `PolicyRefused`.
    """
    from kitae.data import preparing

    return preparing.prepare(
        source, settings=settings, task=task, out=out, folder=folder, held_out=held_out, erased=erased
    )


def enforce(dataset: Dataset, *, policy: PolicySettings, out: Workspace) -> None:
    """Stop before anything is trained when terms of records breach a policy that refuses. Raises `PolicyRefused`."""
    from kitae.data.custody import policy as policies

    policies.enforce(dataset, policy, out=out)


def split(dataset: Dataset, *, settings: SplitSettings, seed: int, out: Workspace) -> Split:
    """Training, validation and test, with no duplicate cluster and no group in two of them. Raises `NothingToLearn`."""
    from kitae.data import splitting

    return splitting.split(dataset, settings=settings, seed=seed, out=out)


def suspects(dataset: Dataset, *, task: str, seed: int) -> "Findings":
    """The kept records whose label or answer does not fit the rest."""
    from kitae.core.records import read_records
    from kitae.data import review

    return review.find_suspects(list(read_records(dataset.file("records.jsonl"))), task=task, seed=seed)


def write_sheet(findings: "Findings", path: Path) -> None:
    """The sheet on which people decide about suspects. Raises `InputError`."""
    from kitae.data import review

    review.write_sheet(path, findings.suspects)


def enlarge(
    split: Split,
    *,
    settings: DataSettings,
    seed: int,
    out: Workspace,
    folder: Path,
    erased: "Erased | None" = None,
) -> Split:
    """The split with its training side enlarged and balanced as the recipe in `folder` asks, or the split itself.

    Raises `RecipeError` for a class that no training row has or a file of no use, `InputError` for an endpoint,
    `SourceError` for unlabelled rows that cannot be read, `PolicyRefused` for their terms.
    """
    from kitae.data.small import enlarging

    return enlarging.enlarge(split, settings=settings, seed=seed, out=out, folder=folder, erased=erased)


def compare(train: Sequence[Path], against: Sequence[Path]) -> dict[str, Any]:
    """What training files hold of benchmark files: the report of the contamination check. Raises `SourceError`."""
    from kitae.data import contamination

    return contamination.compare_files(train, against)


def compare_page(report: Mapping[str, Any]) -> str:
    """The report of `compare` as one offline page, pairs side by side."""
    from kitae.data import contamination

    return contamination.contamination_page(report)


def look(paths: Sequence[str], *, task: str | None, folder: Path, leave_out: Path | None = None) -> dict[str, Any]:
    """A first look at raw files, without a recipe: encodings, shapes, what cannot be read. Raises `SourceError`."""
    from kitae.data import looking

    return looking.look(paths, task=task, folder=folder, leave_out=leave_out)


def hand_out(dataset: Dataset, path: Path) -> int:
    """Write the kept records as JSON lines that other tools read; returns how many. Raises `DiskFull`."""
    from kitae.data import handing_out

    return handing_out.hand_out(dataset, path)


def known_rules() -> list[dict[str, Any]]:
    """The rules of `data.clean`: name, default threshold, meaning, what it looks at."""
    from kitae.data import rules

    return rules.rules_table()


__all__ = [
    "check",
    "compare",
    "compare_page",
    "enforce",
    "enlarge",
    "find",
    "hand_out",
    "known_rules",
    "look",
    "prepare",
    "split",
    "suspects",
    "write_sheet",
]
