"""`kitae evaluate`: a closer look at the verdict of a registered version."""

from pathlib import Path
from typing import Annotated

import typer

from kitae.cli.options import AsJson, Home, open_workspace, print_json

app = typer.Typer(help="A closer look at verdicts.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def evaluate() -> None:
    """A closer look at verdicts."""


@app.command()
def errors(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="For example support-faq:1 or support-faq.")],
    *,
    of: Annotated[list[str] | None, typer.Option("--set", metavar="NAME", help="Only this held-out set.")] = None,
    system: Annotated[str, typer.Option("--system", help="Whose errors: tuned, base, choice or baseline.")] = "tuned",
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write them as a page.")] = None,
    sheet: Annotated[Path | None, typer.Option("--sheet", metavar="FILE", help="Write the failures as CSV.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Say where a version fails more often than elsewhere, which failures are alike, and why they fail."""
    from kitae import evaluate, registry
    from kitae.core.artifacts import Split, Verdict
    from kitae.core.files import place_errors, write_text

    out = open_workspace(home)
    card = registry.show_version(out, version)
    verdict, split = out.find(card.lineage["verdict"]), out.find(card.lineage["split"])
    assert isinstance(verdict, Verdict)
    assert isinstance(split, Split)
    report = evaluate.errors(verdict, split, system=system, sets=of or ())
    if sheet is not None:
        with place_errors(sheet.absolute().parent, setting="--sheet FILE"):
            evaluate.write_errors(sheet, report)
    if html is not None:
        with place_errors(html.absolute().parent, setting="--html FILE"):
            write_text(html, evaluate.errors_page(report))
    if as_json:
        print_json({"version": card.reference, **report})
        return
    for name, values in report["sets"].items():
        print(f"{card.reference} on {name}")
        for line in values["lines"]:
            print(f"  {line['en']}")
