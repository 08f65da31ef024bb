"""`kitae compare`: versions, bases, endpoints and prompts on the same rows."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kitae.cli.options import AsJson, Home, print_json
from kitae.errors import InputError, UnknownName

if TYPE_CHECKING:
    from kitae.core.artifacts import Split
    from kitae.core.contest_settings import ContestantSettings
    from kitae.core.resolved import Resolved
    from kitae.core.workspace import Workspace
    from kitae.evaluate.contest.asking import Contestant

Named = Annotated[
    list[str],
    typer.Argument(
        metavar="SYSTEM...",
        help="Versions (support-faq:1), bases (kitae-nano, a folder, a hub id), or YAML files that describe systems.",
    ),
]


def compare(
    systems: Named,
    *,
    on: Annotated[
        Path | None,
        typer.Option("--on", metavar="RECIPE", help="Ask its test rows; else those of the first version."),
    ] = None,
    metrics: Annotated[
        list[str] | None, typer.Option("--metric", metavar="NAME", help="What is measured; the first decides.")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Ask several systems the same questions and say which to take, with reasons."""
    from kitae import evaluate
    from kitae.cli.show import Terminal
    from kitae.core.workspace import Workspace

    out = Workspace.open(home)
    wanted = [one for name in systems for one in described(name, out)]
    began = time.monotonic()
    with out.locked(), out.run("compare") as folder, Terminal(to_stderr=as_json) as terminal:
        out.events.listen(terminal.hear)
        split, settings = rows_of(wanted, on, out)
        if metrics:
            chosen = {"evaluate": settings.evaluate.model_copy(update={"metrics": metrics})}
            settings = settings.model_copy(update=chosen)
        contestants, taught = opened(wanted, out)
        made = evaluate.compare(contestants, split, taught, settings=settings, out=out)
    if as_json:
        where = {"digest": made.digest, "folder": str(made.folder), "report": str(made.file("report.html"))}
        print_json(
            {**where, "seconds": round(time.monotonic() - began, 1), "run": str(folder), **made.json("comparison.json")}
        )
        return
    print(f"Report: {made.file('report.html')}")


def described(name: str, out: "Workspace") -> list["ContestantSettings"]:
    """What a word of the command line names: the systems of a YAML file, a version, or a base. Raises `UnknownName`."""
    from kitae import registry
    from kitae.core.contest_settings import ContestantSettings, load_contestants
    from kitae.models.base import catalogue

    if name.endswith((".yaml", ".yml")):
        return load_contestants(Path(name))
    cards = registry.list_versions(out)
    versions = {card.reference for card in cards} | {card.name for card in cards}
    if name not in versions and name not in catalogue() and "/" not in name and not Path(name).is_dir():
        raise UnknownName(
            "system", got=name, known={*versions, *catalogue()}, hint="A folder, a hub id or a YAML file also works"
        )
    kind = "version" if name in versions else "base"
    short = Path(name).name if Path(name).is_dir() else name
    return [ContestantSettings.model_validate({"name": short, kind: name})]


def opened(wanted: Sequence["ContestantSettings"], out: "Workspace") -> tuple[list["Contestant"], dict[str, "Split"]]:
    """The systems with what they are made of, and what the versions among them learnt from."""
    from kitae import models, registry
    from kitae.core.artifacts import Adapter, Split
    from kitae.evaluate.contest.asking import Contestant

    found, taught = [], {}
    for one in wanted:
        if one.version is not None:
            card = registry.show_version(out, one.version)
            adapter, split = out.find(card.lineage["adapter"]), out.find(card.lineage["split"])
            assert isinstance(adapter, Adapter)
            assert isinstance(split, Split)
            found.append(Contestant(one, card.base, card.lineage["base"], adapter))
            taught[one.name] = split
        elif one.base is not None:
            found.append(Contestant(one, one.base, models.facts(one.base).digest))
        else:
            found.append(Contestant(one))
    return found, taught


def rows_of(wanted: Sequence["ContestantSettings"], on: Path | None, out: "Workspace") -> tuple["Split", "Resolved"]:
    """The split whose test rows are asked, and how answers are measured: of a recipe, or of the first version."""
    from kitae import flow, registry
    from kitae import plan as planning
    from kitae.core.artifacts import Artifact, Plan, Split
    from kitae.core.recipe import load_recipe

    if on is not None:
        made: dict[type[Artifact], Artifact] = {}
        for artifact in flow.walk(load_recipe(on), folder=on.absolute().parent, out=out):
            made[type(artifact)] = artifact
            if isinstance(artifact, Plan):
                break
        split, plan = made[Split], made[Plan]
    else:
        first = next((one.version for one in wanted if one.version is not None), None)
        if first is None:
            raise InputError(
                "it is not said which rows are asked: none of these is a version", hint="Name a recipe with --on RECIPE"
            )
        lineage: dict[str, Any] = registry.show_version(out, first).lineage
        split, plan = out.find(lineage["split"]), out.find(lineage["plan"])
    assert isinstance(split, Split)
    assert isinstance(plan, Plan)
    return split, planning.resolved(plan)
