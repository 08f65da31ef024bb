"""`kitae run`: the whole way, skipping what is unchanged, redoing what depends on a change."""

import json
from pathlib import Path

import pytest
from e2e.walk import digests, kitae, stages, write_project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, object]]:
    """A project, its workspace after one whole run, and what the run said."""
    folder = tmp_path_factory.mktemp("project")
    recipe = write_project(folder)
    done = kitae("run", recipe, "--json", home=folder / "home")
    assert done.returncode == 0, done.stderr
    return recipe, folder / "home", json.loads(done.stdout)


def test_a_run_ends_in_a_version_with_a_report(walked: tuple[Path, Path, dict[str, object]]) -> None:
    _, home, said = walked
    assert said["version"] == "tiny-faq:1"
    assert Path(str(said["report"])).is_file()
    assert set(digests(home)) == {"source", "dataset", "split", "plan", "adapter", "verdict", "version"}


def test_an_unchanged_run_makes_nothing_again(walked: tuple[Path, Path, dict[str, object]]) -> None:
    recipe, home, said = walked
    again = kitae("run", recipe, "--json", home=home)
    answer = json.loads(again.stdout)
    assert answer["version"] == said["version"]
    assert set(stages(Path(answer["run"])).values()) == {"skipped"}


@pytest.mark.parametrize(
    ("change", "redone"),
    [
        ("gates.min_gain=-2", {"version"}),
        ("evaluate.confidence=0.9", {"plan", "verdict", "version"}),
        ("train.weight_decay=0.05", {"plan", "adapter", "verdict", "version"}),
        # The dataset's report differs and its records do not: the split is looked at again, and nothing after it.
        ("data.privacy.mode=off", {"dataset", "split"}),
        # Other papers teach nothing else, but the version must name them.
        (
            'data.sources=[{"path": "faq.jsonl", "licence": "CC-BY-4.0"}]',
            {"source", "dataset", "split", "version"},
        ),
    ],
)
def test_a_changed_setting_redoes_what_depends_on_it(
    walked: tuple[Path, Path, dict[str, object]], change: str, redone: set[str]
) -> None:
    recipe, home, _ = walked
    done = kitae("run", recipe, "--json", "--set", change, home=home)
    assert done.returncode == 0, done.stderr
    became = stages(Path(json.loads(done.stdout)["run"]))
    assert {stage for stage, event in became.items() if event == "finished"} == redone


def test_the_registry_shows_it(walked: tuple[Path, Path, dict[str, object]]) -> None:
    _, home, _ = walked
    listed = json.loads(kitae("models", "list", "--json", home=home).stdout)
    assert "tiny-faq:1" in {card["version"] for card in listed}
    shown = json.loads(kitae("models", "show", "tiny-faq:1", "--json", home=home).stdout)
    assert {"source", "dataset", "split", "plan", "base"} <= set(shown["lineage"])


def test_text_output_names_every_stage_and_the_next_commands(walked: tuple[Path, Path, dict[str, object]]) -> None:
    recipe, home, _ = walked
    text = kitae("run", recipe, home=home).stdout
    for part in ("Raw files", "Split", "Plan", "Train", "Evaluate", "kitae chat tiny-faq:1", "kitae serve tiny-faq:1"):
        assert part in text
