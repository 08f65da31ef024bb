"""Options that several commands share, each written once."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from kitae.core.workspace import Workspace

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


def open_workspace(home: Path | None) -> "Workspace":
    """The workspace of a command that only looks; what it passes over is said on standard error."""
    from kitae.core.workspace import Workspace

    out = Workspace.open(home)
    out.events.listen(_warn)
    return out


def _warn(event: dict[str, Any]) -> None:
    if event["event"] == "warning":
        print(f"kitae: {event['text']}", file=sys.stderr)


def print_json(value: Any) -> None:
    """One JSON object on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=1))
