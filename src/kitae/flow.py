"""THE PAGE: the whole way from raw records to a registered version.

Every line below that makes something finishes a folder on disk (an artifact) before the next begins. What is
unchanged is found again instead of made; what was cut off goes on where it was.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kitae import data, evaluate, models, registry, train
from kitae import plan as planning
from kitae.core.artifacts import Artifact, Dataset, Source, Split, Version
from kitae.core.recipe import HeldOut, Recipe, with_base_in
from kitae.core.workspace import Workspace

if TYPE_CHECKING:
    from kitae.data.custody.erased import Erased


def check(recipe: Recipe, *, folder: Path) -> None:
    """Refuse names that no stage knows before any begins. Raises `UnknownName`, `RecipeError`, `BaseError`."""
    models.check(recipe.base, folder=folder)
    data.check(recipe.data, also=[extra.source for extra in recipe.evaluate.also])
    evaluate.check(recipe.evaluate, task=recipe.task)


def walk(recipe: Recipe, *, folder: Path, out: Workspace) -> Iterator[Artifact]:
    """Yield each artifact of the way as it is finished; `folder` is where the recipe's relative paths begin."""
    check(recipe, folder=folder)
    recipe = with_base_in(recipe, folder)
    erased = registry.erased(out)
    source = data.find(recipe.data.sources, folder=folder, out=out)
    yield source
    dataset = data.prepare(source, settings=recipe.data, task=recipe.task, folder=folder, out=out, erased=erased)
    yield dataset
    data.enforce(dataset, policy=recipe.data.policy, out=out)
    drawn = data.split(dataset, settings=recipe.data.split, seed=recipe.seed, out=out)
    split = data.enlarge(drawn, settings=recipe.data, seed=recipe.seed, out=out, folder=folder, erased=erased)
    yield split
    held_out = {
        extra.name: measured_only(extra, recipe, folder=folder, out=out, erased=erased)
        for extra in recipe.evaluate.also
    }

    base = models.facts(recipe.base, folder=folder)
    plan = planning.resolve(recipe, split, facts=base, hardware=planning.look(), out=out)
    settings = planning.resolved(plan)
    evaluate.check_rows(split, held_out, settings)
    yield plan

    adapter = train.run(split, settings=settings, out=out)
    yield adapter
    verdict = evaluate.run(adapter, split, held_out, settings=settings, out=out)
    yield verdict

    made_from = {"source": source, "dataset": dataset, "split": split, "plan": plan}
    lineage = {kind: artifact.digest for kind, artifact in made_from.items()} | {"base": base.digest}
    yield registry.submit(adapter, verdict, recipe=recipe, lineage=lineage, out=out)


def run(recipe: Recipe, *, folder: Path, out: Workspace, until: type[Artifact] = Version) -> Artifact:
    """Walk the way and return the first artifact of kind `until`: the registered version when nothing else is said."""
    if until not in {Source, Dataset, Split}:
        planning.check(recipe)
    return next(artifact for artifact in walk(recipe, folder=folder, out=out) if isinstance(artifact, until))


def measured_only(extra: HeldOut, recipe: Recipe, *, folder: Path, out: Workspace, erased: "Erased") -> Dataset:
    """A held-out set that is read and repaired like the rest, but from which nothing is dropped for its quality."""
    source = data.find([extra.source], folder=folder, out=out)
    dataset = data.prepare(
        source, settings=recipe.data, task=recipe.task, folder=folder, out=out, held_out=True, erased=erased
    )
    data.enforce(dataset, policy=recipe.data.policy, out=out)
    return dataset
