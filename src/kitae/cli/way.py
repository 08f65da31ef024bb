"""`kitae demo`, `run`, `plan`, `train`: the whole way, or the way up to a stage."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from kitae.cli.options import AsJson, Home, RecipeFile, Sets, print_json
from kitae.core.files import place_errors, write_bytes
from kitae.errors import GateRefused

DEMO_FILES = ("desk_export.csv", "chat_logs.jsonl", "faq_staff.xlsx", "wild.jsonl", "recipe.yaml")


def demo(
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where the example's files are put.")] = Path(
        "support-faq"
    ),
    sets: Sets = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Walk the whole way on the embedded model and data: the support desk of an inn with an online shop."""
    recipe = lay_out_demo(to)
    _go(recipe, sets or (), home=home, until="version", as_json=as_json)


def run(recipe: RecipeFile, sets: Sets = None, home: Home = None, as_json: AsJson = False) -> None:
    """Walk the whole way; what is unchanged is skipped, what was cut off goes on."""
    _go(recipe, sets or (), home=home, until="version", as_json=as_json)


def plan(recipe: RecipeFile, sets: Sets = None, home: Home = None, as_json: AsJson = False) -> None:
    """Prepare the data, decide every automatic setting with a reason, and say whether the training fits."""
    _go(recipe, sets or (), home=home, until="plan", as_json=as_json)


def train(recipe: RecipeFile, sets: Sets = None, home: Home = None, as_json: AsJson = False) -> None:
    """Walk the way up to a trained adapter."""
    _go(recipe, sets or (), home=home, until="adapter", as_json=as_json)


def lay_out_demo(to: Path) -> Path:
    """Put the example's raw files and recipe into a folder (files already there are kept) and return the recipe.

    Raises `InputError` when the folder cannot be written to, `DiskFull`.
    """
    import kitae.data

    inn = Path(kitae.data.__file__).parent / "inn"
    with place_errors(to, setting="--to DIR"):
        for name in DEMO_FILES:
            if not (to / name).exists():
                write_bytes(to / name, (inn / name).read_bytes())
    return to / "recipe.yaml"


def _go(recipe_file: Path, sets: Sequence[str], *, home: Path | None, until: str, as_json: bool) -> None:
    from kitae.core.recipe import load_recipe

    recipe = load_recipe(recipe_file, sets)

    from kitae import flow, registry
    from kitae import plan as planning
    from kitae.cli.show import Terminal
    from kitae.core.artifacts import KINDS, Plan, Version
    from kitae.core.workspace import Workspace

    out = Workspace.open(home)
    began = time.monotonic()
    with out.locked(), out.run(recipe.name) as folder, Terminal(to_stderr=as_json) as terminal:
        out.events.listen(terminal.hear)
        artifact = flow.run(recipe, folder=recipe_file.absolute().parent, out=out, until=KINDS[until])
        seconds = time.monotonic() - began
        result: dict[str, Any] = {
            "kind": artifact.kind,
            "digest": artifact.digest,
            "folder": str(artifact.folder),
            "seconds": round(seconds, 1),
            "run": str(folder),
            "summary": artifact.summary,
        }
        if isinstance(artifact, Plan):
            result["train_seconds"] = round(planning.training_seconds(artifact, hardware=planning.look()))
        if isinstance(artifact, Version):
            card = registry.show_version(out, artifact.digest)
            result |= {"version": card.reference, "status": card.status, "report": str(card.report), "refusal": None}
            terminal.registered(card, seconds=seconds, logs=folder, home=home)
        else:
            terminal.stopped(artifact, seconds=seconds)
    try:
        if isinstance(artifact, Version):
            registry.enforce(card)
    except GateRefused as refusal:
        result["refusal"] = refusal.as_json()
        raise
    finally:
        if as_json:
            print_json(result)
