"""`kitae data review`: records whose label or answer does not fit the rest, on a sheet for people to decide."""

from pathlib import Path
from typing import Annotated

import typer

from kitae.cli.options import AsJson, Home, RecipeFile, Sets, print_json

SHOWN = 10
SHOWN_CHARACTERS = 72

To = Annotated[
    Path | None,
    typer.Option(
        "--to", metavar="FILE", help="The sheet: .csv, .xlsx or .jsonl; else NAME-review.csv beside the recipe."
    ),
]


def review(recipe: RecipeFile, to: To = None, sets: Sets = None, home: Home = None, as_json: AsJson = False) -> None:
    """Find suspicious labels and answers, and write them on a sheet to be decided; `data.review` reads it back."""
    from kitae import data
    from kitae.cli.walking import made
    from kitae.core.artifacts import Dataset
    from kitae.core.files import place_errors

    dataset, settings = made(Dataset, recipe, sets, home, to_stderr=as_json)
    sheet = to or recipe.absolute().parent / f"{settings.name}-review.csv"
    findings = data.suspects(dataset, task=settings.task, seed=settings.seed)
    if findings.suspects:
        with place_errors(sheet.absolute().parent, setting="--to FILE"):
            data.write_sheet(findings, sheet)
    if as_json:
        print_json({"sheet": str(sheet) if findings.suspects else None, **findings.as_dict()})
        return
    for note in findings.notes:
        print(f"Note: {note}")
    print(f"{len(findings.suspects)} of {findings.looked_at} records should be looked at.")
    for suspect in findings.suspects[:SHOWN]:
        print(f"  {suspect.record.origin}  {suspect.kind}: {suspect.reason}")
        print(f"    {_short(suspect.record.question)}")
    if findings.suspects:
        print(f"Sheet: {sheet}")
        print(
            f"Fill in its column `decision` (keep, drop, correct), then add to the recipe: data.review: [{sheet.name}]"
        )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_CHARACTERS else line[:SHOWN_CHARACTERS] + "…"
