"""Real data: the authors' test splits stay whole, no rule of ours wrongs clean rows, and it is quick."""

import os
import time
from collections import Counter
from pathlib import Path

import pytest
from data.desk import kept, side

from kitae import data
from kitae.core.recipe import load_recipe
from kitae.core.workspace import Workspace

RECIPES = Path(__file__).parents[2] / "recipes"
DUPLICATE_RULES = {
    "exact_duplicate",
    "near_duplicate",
    "conflicting_answers",
    "leaks_into_test",
    "leaks_into_validation",
}


@pytest.mark.parametrize(("name", "sizes"), [("banking77", (13_083, 3080)), ("hotel-topics", (16_997, 1691))])
def test_prepared_and_split(
    name: str, sizes: tuple[int, int], shared_data: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KITAE_SHARED_DATA", str(shared_data))
    rows, test_rows = sizes
    recipe = load_recipe(RECIPES / f"{name}.yaml")
    began = time.process_time()
    source = data.find(recipe.data.sources, folder=RECIPES, out=workspace)
    dataset = data.prepare(source, settings=recipe.data, task=recipe.task, folder=RECIPES, out=workspace)
    split = data.split(dataset, settings=recipe.data.split, seed=recipe.seed, out=workspace)
    seconds = time.process_time() - began
    report = dataset.json("report.json")
    assert report["read"] == rows
    assert report["quarantined"] == 0
    assert report["rules_count"].keys() <= DUPLICATE_RULES
    assert Counter(record.use for record in kept(dataset))["test"] == len(side(split, "test")) == test_rows
    assert not any(split.json("report.json")["proof"].values())
    assert report["dropped"] < 0.05 * rows
    assert sum(report["privacy"].values()) <= 5
    assert seconds < 40, f"{seconds:.0f} s of processor time on {os.cpu_count()} cores"
    assert str(shared_data) not in "".join(file.read_text("utf-8") for file in source.folder.iterdir())
