"""`kitae evaluate`: a closer look at the verdict of a registered version."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kitae.cli.options import AsJson, Home, open_workspace, print_json

if TYPE_CHECKING:
    from kitae.core.artifacts import Split, Verdict

app = typer.Typer(help="A closer look at verdicts.", no_args_is_help=True, rich_markup_mode=None)


Version = Annotated[str, typer.Argument(metavar="VERSION", help="For example support-faq:1 or support-faq.")]
System = Annotated[str, typer.Option("--system", help="Whose errors: tuned, base, choice or baseline.")]


@app.callback()
def evaluate() -> None:
    """A closer look at verdicts."""


@app.command()
def errors(
    version: Version,
    *,
    of: Annotated[list[str] | None, typer.Option("--set", metavar="NAME", help="Only this held-out set.")] = None,
    system: System = "tuned",
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write them as a page.")] = None,
    sheet: Annotated[Path | None, typer.Option("--sheet", metavar="FILE", help="Write the failures as CSV.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Say where a version fails more often than elsewhere, which failures are alike, and why they fail."""
    from kitae import evaluate
    from kitae.core.files import place_errors, write_text

    reference, verdict, split = judged(version, home)
    report = evaluate.errors(verdict, split, system=system, sets=of or ())
    if sheet is not None:
        with place_errors(sheet.absolute().parent, setting="--sheet FILE"):
            evaluate.write_errors(sheet, report)
    if html is not None:
        with place_errors(html.absolute().parent, setting="--html FILE"):
            write_text(html, evaluate.errors_page(report))
    if as_json:
        print_json({"version": reference, **report})
        return
    for name, values in report["sets"].items():
        print(f"{reference} on {name}")
        for line in values["lines"]:
            print(f"  {line['en']}")


@app.command("next")
def next_(
    version: Version,
    *,
    of: Annotated[
        str, typer.Option("--set", metavar="NAME", help="The held-out set whose errors are looked at.")
    ] = "test",
    system: System = "tuned",
    sheet: Annotated[
        Path | None, typer.Option("--sheet", metavar="FILE", help="Write the first proposals as CSV to be filled in.")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Say which records to add next, how many, and what gain to expect."""
    from kitae import evaluate
    from kitae.core.files import place_errors

    reference, verdict, split = judged(version, home)
    report = evaluate.proposals(verdict, split, system=system, name=of)
    rows = 0
    if sheet is not None:
        with place_errors(sheet.absolute().parent, setting="--sheet FILE"):
            rows = evaluate.write_labelling_sheet(sheet, report)
    if as_json:
        print_json({"version": reference, **report})
        return
    for number, line in enumerate(report["lines"], 1):
        print(f"{number}. {line['en']}" if report["proposals"] else line["en"])
    if rows:
        print(f"Sheet: {sheet} ({rows} rows to be filled in; then name it under data.sources)")


def judged(version: str, home: Path | None) -> "tuple[str, Verdict, Split]":
    """A version's name, its verdict and what it learnt from."""
    from kitae import registry
    from kitae.core.artifacts import Split, Verdict

    out = open_workspace(home)
    card = registry.show_version(out, version)
    verdict, split = out.find(card.lineage["verdict"]), out.find(card.lineage["split"])
    assert isinstance(verdict, Verdict)
    assert isinstance(split, Split)
    return card.reference, verdict, split
