"""`kitae recipe`: the form of recipes."""

import typer

from kitae.cli.options import AsJson, RecipeFile, Sets, print_json

app = typer.Typer(help="The form of recipes.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a recipe: every key with its meaning and default (editors can check against it)."""
    from kitae.core.recipe import Recipe

    print_json(Recipe.model_json_schema())


@app.command()
def check(recipe: RecipeFile, sets: Sets = None, as_json: AsJson = False) -> None:
    """Read a recipe without running anything, and print it with every default filled in."""
    from kitae import flow
    from kitae.core.recipe import load_recipe

    checked = load_recipe(recipe, sets or ())
    flow.check(checked, folder=recipe.absolute().parent)
    if as_json:
        print_json(checked.plain())
        return
    import yaml

    print(yaml.safe_dump(checked.plain(), allow_unicode=True, sort_keys=False).rstrip())
