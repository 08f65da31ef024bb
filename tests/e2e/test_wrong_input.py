"""Wrong input: a clear error with the next step, exit code 2, nothing lost or half-written."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from e2e.walk import command, environment, kitae, write_project


def no_names_without_manifest(home: Path) -> bool:
    """Whether every finished artifact really is finished."""
    folders = [folder for folder in home.glob("artifacts/*/*") if folder.is_dir()]
    return all((folder / "manifest.json").is_file() for folder in folders)


def edit(recipe: Path, change: Callable[[dict], None]) -> None:
    values = yaml.safe_load(recipe.read_text("utf-8"))
    change(values)
    recipe.write_text(yaml.safe_dump(values, allow_unicode=True), "utf-8")


def unknown_key(recipe: Path) -> None:
    edit(recipe, lambda values: values["train"].update(epoch=3))


def missing_file(recipe: Path) -> None:
    (recipe.parent / "faq.jsonl").unlink()


def empty_file(recipe: Path) -> None:
    (recipe.parent / "faq.jsonl").write_bytes(b"")


def binary_file(recipe: Path) -> None:
    (recipe.parent / "faq.jsonl").write_bytes(bytes(range(256)) * 40)


def no_assistant_text(recipe: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": f"question {i}?"}]} for i in range(30)]
    (recipe.parent / "faq.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def not_causal(recipe: Path) -> None:
    folder = recipe.parent / "a-bert"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["BertModel"]}))
    edit(recipe, lambda values: values.update(base="a-bert"))


def unknown_metric(recipe: Path) -> None:
    edit(recipe, lambda values: values.update(evaluate={"metrics": ["rouge"]}))


def no_such_base(recipe: Path) -> None:
    edit(recipe, lambda values: values.update(base="kitae-nanno"))


def untrained_task(recipe: Path) -> None:
    edit(recipe, lambda values: values.update(task="pretrain"))


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (unknown_key, ["epoch", "Did you mean 'epochs'"]),
        (missing_file, ["faq.jsonl"]),
        (empty_file, ["faq.jsonl", "empty"]),
        (binary_file, ["faq.jsonl", "binary"]),
        (no_assistant_text, ["answer"]),
        (not_causal, ["bert"]),
        (no_such_base, ["kitae-nano"]),
        (unknown_metric, ["unknown metric", "rouge_l"]),
        (untrained_task, ["pretrain", "not yet trained"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_wrong_input(tmp_path: Path, spoil: Callable[[Path], None], expected: list[str]) -> None:
    recipe = write_project(tmp_path / "project")
    spoil(recipe)
    done = kitae("run", recipe, home=tmp_path / "home")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for part in expected:
        assert part.casefold() in done.stderr.casefold()
    assert no_names_without_manifest(tmp_path / "home")
    if spoil in {unknown_key, not_causal, no_such_base, unknown_metric, untrained_task}:
        assert not list((tmp_path / "home").glob("artifacts/*")), "it was seen only after the data had been prepared"


def test_errors_as_json(tmp_path: Path) -> None:
    done = kitae("run", tmp_path / "none.yaml", "--json", home=tmp_path / "home")
    assert done.returncode == 2
    assert json.loads(done.stdout)["next"]


@pytest.mark.slow
def test_a_full_disk(tmp_path: Path) -> None:
    """A limit on file size stands in for a full disk: the same write fails, and without being root."""
    recipe = write_project(tmp_path / "project")
    home = tmp_path / "home"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    done = subprocess.run(
        command("run", recipe),
        env=environment(home),
        capture_output=True,
        text=True,
        preexec_fn=limit,
        check=False,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "room" in done.stderr
    assert no_names_without_manifest(home)
    assert kitae("run", recipe, home=home).returncode == 0


def test_a_second_run_at_the_same_time(tmp_path: Path) -> None:
    home = tmp_path / "home"
    hold = "import sys, time; from pathlib import Path; from kitae.core.workspace import Workspace\n"
    hold += "with Workspace(Path(sys.argv[1])).locked(): print('held', flush=True); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", hold, str(home)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        began = time.monotonic()
        done = kitae("run", write_project(tmp_path / "project"), home=home)
        assert done.returncode == 2
        assert str(holder.pid) in done.stderr
        assert time.monotonic() - began < 30
    finally:
        holder.kill()
        holder.communicate()
