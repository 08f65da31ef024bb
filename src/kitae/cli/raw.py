"""`kitae data ingest` and `kitae data clean`: a first look at raw files, and clean records for other tools."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from kitae.cli.options import AsJson, Home, RecipeFile, Sets, print_json

Paths = Annotated[
    list[str],
    typer.Argument(metavar="PATH…", help="Files, folders, globs, or hub:OWNER/NAME.", show_default=False),
]
Task = Annotated[str, typer.Option(help="chat, classify, pretrain or preference; else it is guessed from the rows.")]
To = Annotated[
    Path | None,
    typer.Option(
        "--to", metavar="FILE", help="Where the records go (.jsonl); else NAME-clean.jsonl beside the recipe."
    ),
]


def ingest(paths: Paths, task: Task = "", as_json: AsJson = False) -> None:
    """Look at raw files without a recipe: how they are read, what their rows are, what cannot be read."""
    from kitae import data
    from kitae.core.workspace import Workspace

    found = data.look(paths, task=task or None, folder=Path.cwd(), leave_out=Workspace.open(None).home)
    if as_json:
        print_json(found)
        return
    for file in found["files"]:
        for line in _file_lines(file):
            print(line)
    for line in _recipe_lines(found, paths):
        print(line)


def clean(recipe: RecipeFile, to: To = None, sets: Sets = None, home: Home = None, as_json: AsJson = False) -> None:
    """Read, clean, redact and deduplicate, and write the records that stay as JSON lines for other tools."""
    from kitae import data
    from kitae.cli.walking import made
    from kitae.core.artifacts import Dataset
    from kitae.core.files import place_errors

    dataset, settings = made(Dataset, recipe, sets, home, to_stderr=as_json)
    path = to or recipe.absolute().parent / f"{settings.name}-clean.jsonl"
    with place_errors(path.absolute().parent, setting="--to FILE"):
        count = data.hand_out(dataset, path)
    if as_json:
        print_json({"digest": dataset.digest, "file": str(path), "records": count})
        return
    print(f"Clean records: {path} ({count:,})")


def _file_lines(file: Mapping[str, Any]) -> Iterator[str]:
    yield f"{file['name']}: {file['rows']:,} rows, {file['usable']:,} usable, read as {file['encoding']}"
    for name in ("shapes", "languages", "labels"):
        if file[name]:
            more = file["different_labels"] - len(file["labels"]) if name == "labels" else 0
            told = ", ".join(f"{one} {count:,}" for one, count in file[name].items())
            yield f"  {name:<10} {told}{f', … {more:,} more' if more > 0 else ''}"
    if file["first"]:
        asked, answered = (" ".join(file["first"][name].split()) for name in ("question", "answer"))
        yield f"  first      {asked}"
        if answered:
            yield f"          →  {answered}"
    for reason, count in file["wrong"].items():
        yield f"  ! {count:,} rows: {reason}"
    if file["wrong_otherwise"]:
        yield f"  ! {file['wrong_otherwise']:,} rows: other reasons"


def _recipe_lines(found: Mapping[str, Any], paths: list[str]) -> Iterator[str]:
    """What a recipe would say; the terms are for its owner to fill in."""
    yield ""
    yield f"In a recipe (the task is {'guessed from the rows' if found['guessed'] else 'as you said'}):"
    yield f"task: {found['task']}\ndata:\n  sources:"
    for path in paths:
        yield f"    - {{path: {json.dumps(path, ensure_ascii=False)}, licence: …, consent: …, rights_holder: …}}"
