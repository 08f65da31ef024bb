"""`kitae data`: the data stage, piece by piece."""

from pathlib import Path
from typing import Annotated

import typer

from kitae.cli import custody, raw, review
from kitae.cli.options import AsJson, Home, RecipeFile, Sets, print_json

SHOWN = 10
"""So many records are told in the terminal."""

app = typer.Typer(help="The data stage.", no_args_is_help=True, rich_markup_mode=None)
app.command()(raw.ingest)
app.command()(raw.clean)
app.command("review")(review.review)
app.command()(custody.trace)
app.command()(custody.erase)


@app.command()
def rules(as_json: AsJson = False) -> None:
    """List the cleaning rules: what they do to a record, thresholds, meanings, and what they look at."""
    from kitae import data

    known = data.known_rules()
    if as_json:
        print_json(known)
        return
    for rule in known:
        default = (
            "on" if rule["default"] is True else str(rule["default"]) if rule["on"] else f"off ({rule['default']})"
        )
        print(f"{rule['name']:<22} {rule['action']:<5} {default:<9} {rule['meaning']} [{', '.join(rule['looks_at'])}]")


@app.command()
def report(recipe: RecipeFile, sets: Sets = None, home: Home = None, as_json: AsJson = False) -> None:
    """Read, clean, redact and deduplicate, then say where the report lies."""
    from kitae.cli.walking import made
    from kitae.core.artifacts import Dataset

    dataset, _ = made(Dataset, recipe, sets, home, to_stderr=as_json)
    page = dataset.file("report.html")
    if as_json:
        print_json({"digest": dataset.digest, "report": str(page), **dataset.json("report.json")})
        return
    print(f"Report: {page}")


@app.command()
def split(recipe: RecipeFile, sets: Sets = None, home: Home = None, as_json: AsJson = False) -> None:
    """Prepare and split the data, and prove that nothing that belongs together stands in two splits."""
    from kitae.cli.walking import made
    from kitae.core.artifacts import Split

    drawn, _ = made(Split, recipe, sets, home, to_stderr=as_json)
    if as_json:
        print_json({"digest": drawn.digest, "folder": str(drawn.folder), **drawn.json("report.json")})
        return
    print(f"Split: {drawn.folder}")


@app.command()
def contamination(
    train: Annotated[list[Path], typer.Option("--train", metavar="FILE", help="What would be trained on.")],
    against: Annotated[list[Path], typer.Option("--against", metavar="FILE", help="What is to measure the model.")],
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write the pairs as a page.")] = None,
    as_json: AsJson = False,
) -> None:
    """Look for test questions and answers in training files; pairs are shown with what is the same."""
    from kitae import data
    from kitae.core.files import place_errors, write_text

    report = data.compare(train, against)
    if html is not None:
        with place_errors(html.absolute().parent, setting="--html FILE"):
            write_text(html, data.compare_page(report))
    if as_json:
        print_json(report)
        return
    for line in report["lines"]:
        print(line)
    for found in report["found"][:SHOWN]:
        print(f"\n{found['origin']} {found['reason']}")
        for span in found["spans"]:
            print(f"  | {span}")
    if len(report["found"]) > SHOWN:
        print(f"\n{len(report['found']) - SHOWN:,} more: --json lists all, --html FILE shows them side by side")
