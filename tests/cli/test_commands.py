"""The small commands: what they print for people and for programs."""

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner, Result

import kitae.data
from kitae.cli.main import app
from kitae.cli.way import DEMO_FILES, lay_out_demo
from kitae.core.recipe import load_recipe
from kitae.errors import InputError, UnknownName

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_schema_is_a_schema_and_accepts_what_the_loader_accepts() -> None:
    schema = json.loads(call("recipe", "schema").stdout)
    Draft202012Validator.check_schema(schema)
    checker = Draft202012Validator(schema)
    assert list(checker.iter_errors({"name": "x", "data": {"sources": [{"path": "a.csv"}]}})) == []
    assert list(checker.iter_errors({"name": "x", "data": {"sources": []}})) != []


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_of_the_repository_is_read_and_says_what_it_is_for(recipe: Path) -> None:
    assert recipe.read_text("utf-8").startswith("# ")
    assert call("recipe", "check", recipe).exit_code == 0


def test_a_checked_recipe_can_be_read_again(tmp_path: Path) -> None:
    first = tmp_path / "first.yaml"
    first.write_text("name: x\ndata: {sources: [{path: 質問.csv}]}\n", "utf-8")
    printed = call("recipe", "check", first, "--set", "train.epochs=2").stdout
    second = tmp_path / "second.yaml"
    second.write_text(printed, "utf-8")
    assert load_recipe(second) == load_recipe(first, ["train.epochs=2"])


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ("data.sources.0.columns.qestion=Frage", "Did you mean 'question'?"),
        ("data.clean.to_short=3", "Did you mean 'too_short'?"),
        ("data.privacy.kinds=[emial]", "Did you mean 'email'?"),
        ("evaluate.metrics=[acuracy]", "Did you mean 'accuracy'?"),
        ("evaluate.metrics=[exact_match, rouge_lsun]", "Did you mean 'rouge_lsum'?"),
        (
            'evaluate.also=[{"name": "wild", "source": {"path": "w.csv", "columns": {"ansewr": "A"}}}]',
            "evaluate.also.0",
        ),
    ],
)
@pytest.mark.parametrize("command", [("recipe", "check"), ("plan",)], ids=" ".join)
def test_names_that_only_a_stage_knows_are_checked_first(
    tmp_path: Path, command: tuple[str, ...], change: str, wanted: str
) -> None:
    """Before a file is read: there is none here."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: x\ndata: {sources: [{path: none.csv}]}\n", "utf-8")
    home = () if command == ("recipe", "check") else ("--home", tmp_path / "home")
    assert call("recipe", "check", recipe).exit_code == 0
    error = call(*command, recipe, "--set", change, *home).exception
    assert isinstance(error, UnknownName)
    assert wanted in str(error)


def test_rules_are_listed_with_their_meaning() -> None:
    rules = json.loads(call("data", "rules", "--json").stdout)
    assert {"empty_answer", "truncated_answer", "wrong_language", "offensive"} <= {rule["name"] for rule in rules}
    printed = call("data", "rules").stdout
    assert all(rule["name"] in printed and rule["meaning"] in printed for rule in rules)


def test_doctor_finds_this_installation_ready(tmp_path: Path) -> None:
    answer = json.loads(call("doctor", "--home", tmp_path, "--json").stdout)
    assert answer["ready"] is True
    assert answer["packages"]["torch"]
    assert answer["version"] == kitae.__version__
    printed = call("doctor", "--home", tmp_path).stdout
    assert "Ready." in printed
    assert f"kitae      {kitae.__version__} on Python" in printed


def test_the_version_is_told_without_a_command() -> None:
    assert call("--version").stdout == f"kitae {kitae.__version__}\n"


def test_doctor_lists_what_was_begun_and_says_what_to_do(tmp_path: Path) -> None:
    begun = tmp_path / "partial" / "adapter-0123"
    (begun / "scratch").mkdir(parents=True)
    (begun / "scratch" / "checkpoint").write_bytes(bytes(3 << 20))
    values = json.loads(call("doctor", "--home", tmp_path, "--json").stdout)
    assert values["drafts"] == [{"folder": str(begun), "bytes": 3 << 20}]
    printed = call("doctor", "--home", tmp_path).stdout
    assert "unfinished adapter-0123" in printed
    assert f"delete {tmp_path / 'partial'}" in printed


def test_an_empty_registry_says_how_to_begin(tmp_path: Path) -> None:
    assert "kitae demo" in call("models", "list", "--home", tmp_path).stdout
    assert json.loads(call("models", "list", "--home", tmp_path, "--json").stdout) == []
    assert isinstance(call("models", "show", "nothing:1", "--home", tmp_path).exception, UnknownName)


def test_the_demo_lays_out_its_files_and_keeps_what_was_changed(tmp_path: Path) -> None:
    recipe = lay_out_demo(tmp_path / "example")
    assert {path.name for path in (tmp_path / "example").iterdir()} == set(DEMO_FILES)
    assert load_recipe(recipe).name == "support-faq"
    recipe.write_text("name: mine\ndata: {sources: [{path: desk_export.csv}]}\n", "utf-8")
    assert load_recipe(lay_out_demo(tmp_path / "example")).name == "mine"


def test_the_demo_does_not_write_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine", "utf-8")
    for to in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(InputError, match="--to DIR"):
            lay_out_demo(to)
    assert (tmp_path / "taken").read_text("utf-8") == "mine"


def test_a_demo_that_finds_no_room_leaves_no_cut_off_file(tmp_path: Path) -> None:
    """The kernel's limit on a file's size stands in for a full disk. Without it, the next call lays out the rest."""
    code = (
        "import sys; from pathlib import Path\n"
        "from kitae.cli.way import lay_out_demo; from kitae.errors import DiskFull\n"
        "try: lay_out_demo(Path(sys.argv[1]))\n"
        "except DiskFull as error: print(error)"
    )

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], preexec_fn=small_files, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("no room left")
    lay_out_demo(tmp_path)
    inn = Path(kitae.data.__file__).parent / "inn"
    assert all((tmp_path / name).read_bytes() == (inn / name).read_bytes() for name in DEMO_FILES)


@pytest.mark.parametrize("arguments", [("serve", "x", "--host", "0.0.0.0"), ("serve", "x", "--host", "::")])
def test_a_public_door_without_a_key_is_refused(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KITAE_API_KEY", raising=False)
    error = call(*arguments, "--home", tmp_path).exception
    assert isinstance(error, InputError)
    assert "KITAE_API_KEY" in str(error)
