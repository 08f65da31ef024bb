"""A recipe on the command line, walked up to the artifact that a command is about."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from kitae.core.artifacts import Artifact

if TYPE_CHECKING:
    from kitae.core.recipe import Recipe

A = TypeVar("A", bound=Artifact)


def made(
    kind: type[A], recipe: Path, sets: Sequence[str] | None, home: Path | None, *, to_stderr: bool
) -> tuple[A, "Recipe"]:
    """The first artifact of a kind that the recipe makes, and the recipe as it was read; what happens is shown."""
    from kitae.core.recipe import load_recipe

    settings = load_recipe(recipe, sets or ())

    from kitae import flow
    from kitae.cli.show import Terminal
    from kitae.core.workspace import Workspace

    out = Workspace.open(home)
    with out.locked(), out.run(settings.name), Terminal(to_stderr=to_stderr) as terminal:
        out.events.listen(terminal.hear)
        artifact = flow.run(settings, folder=recipe.absolute().parent, out=out, until=kind)
    assert isinstance(artifact, kind)
    return artifact, settings
