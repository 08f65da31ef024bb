"""The whole way on other architectures than the embedded base's, from a folder beside the recipe."""

import json
from pathlib import Path

import pytest
import yaml
from e2e.walk import kitae, write_project
from tiny import build_tiny

from kitae import flow
from kitae.core.artifacts import Version
from kitae.core.recipe import parse_recipe
from kitae.core.workspace import Workspace

pytestmark = pytest.mark.slow


def project(folder: Path, kind: str) -> Path:
    """A small project whose base is a tiny random model beside its recipe."""
    recipe = write_project(
        folder, train={"epochs": 1}, evaluate={"compare_to": ["base"], "max_new_tokens": 8}, base=f"tiny-{kind}"
    )
    build_tiny(kind, folder / f"tiny-{kind}")
    return recipe


def test_kitae_run_on_qwen3(tmp_path: Path) -> None:
    recipe, home = project(tmp_path / "project", "qwen3"), tmp_path / "home"
    done = kitae("run", recipe, "--json", home=home, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["version"] == "tiny-faq:1"
    shown = json.loads(kitae("models", "show", "tiny-faq:1", "--json", home=home).stdout)
    assert shown["base"] == str((tmp_path / "project" / "tiny-qwen3").resolve())
    assert {"base", "tuned"} <= shown["figures"]["test"].keys()
    config = json.loads((Path(shown["adapter"]) / "adapter_config.json").read_text("utf-8"))
    assert config["target_modules"]


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # PEFT 0.21 with transformers 5.23
def test_a_recipe_of_a_program_finds_its_base_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`flow.walk` is told where relative paths begin; the working folder is another one."""
    values = yaml.safe_load(project(tmp_path / "project", "gpt2").read_text("utf-8"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    version = flow.run(parse_recipe(values), folder=Path("../project"), out=Workspace(tmp_path / "home"))
    assert isinstance(version, Version)
    assert version.json("card.json")["base"] == str((tmp_path / "project" / "tiny-gpt2").resolve())
