"""`kitae data`: the data stage, piece by piece."""

import typer

from kitae.cli import review
from kitae.cli.options import AsJson, Home, RecipeFile, Sets, print_json

app = typer.Typer(help="The data stage.", no_args_is_help=True, rich_markup_mode=None)
app.command("review")(review.review)


@app.command()
def rules(as_json: AsJson = False) -> None:
    """List the cleaning rules with their thresholds and meanings."""
    from kitae import data

    known = data.known_rules()
    if as_json:
        print_json(known)
        return
    for rule in known:
        default = rule["default"]
        if isinstance(default, bool):
            default = "on" if default else "off"
        print(f"{rule['name']:<22} {default!s:<6} {rule['meaning']}")


@app.command()
def report(recipe: RecipeFile, sets: Sets = None, home: Home = None, as_json: AsJson = False) -> None:
    """Read, clean, redact, deduplicate and split, then say where the report lies."""
    from kitae.core.recipe import load_recipe

    settings = load_recipe(recipe, sets or ())

    from kitae import flow
    from kitae.cli.show import Terminal
    from kitae.core.artifacts import Dataset
    from kitae.core.workspace import Workspace

    out = Workspace.open(home)
    with out.locked(), out.run(settings.name), Terminal(to_stderr=as_json) as terminal:
        out.events.listen(terminal.hear)
        dataset = flow.run(settings, folder=recipe.absolute().parent, out=out, until=Dataset)
    page = dataset.file("report.html")
    if as_json:
        print_json({"digest": dataset.digest, "report": str(page), **dataset.json("report.json")})
        return
    print(f"Report: {page}")
