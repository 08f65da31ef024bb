"""Options that several commands share, each written once."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe, a YAML file.", show_default=False)]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one setting, for example --set train.epochs=5."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
Home = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="Workspace folder; else KITAE_HOME, else ./.kitae.", show_default=False),
]


def print_json(value: Any) -> None:
    """One JSON object on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=1))
