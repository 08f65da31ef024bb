"""The documents tell the truth: recipes load, commands and options exist, links resolve, both languages agree."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import pytest
import typer
import yaml

from kitae import errors
from kitae.cli.main import app
from kitae.core.contest_settings import load_contestants
from kitae.core.data_settings import ReadSettings, ShapeName
from kitae.core.recipe import Recipe, load_recipe, parse_recipe
from kitae.data.readers import READERS
from kitae.data.reading.packed import PACKINGS

TOP = Path(__file__).parents[2]
PAGES = sorted([*TOP.glob("*.md"), *TOP.glob("docs/**/*.md")])
RECIPES = sorted(TOP.glob("recipes/*.yaml"))
PAIRS = [(TOP / "README.md", TOP / "README.ja.md")] + [
    (page, TOP / "docs/guide/ja" / page.name) for page in sorted((TOP / "docs/guide/en").glob("*.md"))
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
INLINE = re.compile(r"`([^`\n]+)`")
SMALLEST = {"name": "x", "data": {"sources": [{"path": "x.csv"}]}}
name_of = lambda path: path.relative_to(TOP).as_posix()  # noqa: E731


def blocks(page: Path, *languages: str) -> list[str]:
    return [body for language, body in FENCE.findall(page.read_text(encoding="utf-8")) if language in languages]


def headings(page: Path) -> list[int]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]


def commands(page: Path) -> Iterator[list[str]]:
    """Every `kitae …` of a page, in code blocks and in running text, as words without comments."""
    text = page.read_text(encoding="utf-8")
    lines = [line for body in blocks(page, "sh", "console", "") for line in body.splitlines()]
    lines += INLINE.findall(FENCE.sub("", text))
    for line in lines:
        if line.strip().startswith("kitae "):
            yield shlex.split(line, comments=True)[1:]


def problem_with(words: list[str]) -> str:
    """What is wrong with a command line, or "": an unknown command, an unknown option, or no command at all."""
    command: Any = typer.main.get_command(app)
    words = list(words)
    while hasattr(command, "commands"):
        name = words.pop(0) if words else ""
        if name.startswith("--"):
            return ""
        if name not in command.commands:
            return f"no command {name}"
        command = command.commands[name]
    known = {option for p in command.get_params(click.Context(command)) for option in p.opts} | {"--debug"}
    unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in known]
    return f"no option {unknown[0]}" if unknown else ""


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_recipes_in_documents_load(page: Path) -> None:
    for body in blocks(page, "yaml"):
        values = yaml.safe_load(body)
        whole = values if "name" in values else SMALLEST | values
        assert parse_recipe(whole).name == whole["name"]


@pytest.mark.parametrize("path", RECIPES, ids=name_of)
def test_ready_recipes_load_and_begin_with_what_they_are_for(path: Path) -> None:
    load_recipe(path)
    assert path.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_systems_in_the_guide_load(language: str, tmp_path: Path) -> None:
    (body,) = blocks(TOP / f"docs/guide/{language}/compare.md", "text")
    (tmp_path / "systems.yaml").write_text(body, "utf-8")
    assert len(load_contestants(tmp_path / "systems.yaml")) == 4


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_local_links_resolve(page: Path) -> None:
    targets = [t for t in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))) if "://" not in t]
    missing = [t for t in targets if not (page.parent / t.partition("#")[0]).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_in_documents_exist(page: Path) -> None:
    assert {" ".join(words): why for words in commands(page) if (why := problem_with(words))} == {}


def test_the_command_check_can_fail() -> None:
    assert problem_with(["rnu", "recipe.yaml"]) == "no command rnu"
    assert problem_with(["data", "reprot", "recipe.yaml"]) == "no command reprot"
    assert problem_with(["run", "recipe.yaml", "--epochs=5"]) == "no option --epochs=5"
    assert problem_with(["run", "recipe.yaml", "--set", "train.epochs=5"]) == ""


def test_the_readme_names_every_command() -> None:
    def all_commands(group: Any, prefix: str = "") -> Iterator[str]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from all_commands(command, f"{prefix}{name} ")
            else:
                yield prefix + name

    said = [" ".join(words) + " " for words in commands(TOP / "README.md")]
    missing = [c for c in all_commands(typer.main.get_command(app)) if not any(s.startswith(f"{c} ") for s in said)]
    assert missing == []


@pytest.mark.parametrize(("english", "japanese"), PAIRS, ids=[name_of(pair[0]) for pair in PAIRS])
def test_both_languages_mirror_each_other(english: Path, japanese: Path) -> None:
    assert headings(japanese) == headings(english)

    def code(page: Path) -> list[str]:
        return [re.sub(r"\s+#.*", "", body) for body in blocks(page, "sh", "yaml")]

    def table_rows(page: Path) -> int:
        return sum(line.startswith("|") for line in page.read_text(encoding="utf-8").splitlines())

    assert code(japanese) == code(english)
    assert [" ".join(w) for w in commands(japanese)] == [" ".join(w) for w in commands(english)]
    assert table_rows(japanese) == table_rows(english)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_guide_names_every_section_of_the_recipe(language: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \|", (TOP / f"docs/guide/{language}/recipe.md").read_text("utf-8"), re.MULTILINE)
    assert rows == list(Recipe.model_fields)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_guide_names_every_error_with_its_exit_code(language: str) -> None:
    text = (TOP / f"docs/guide/{language}/errors.md").read_text("utf-8")
    said = {name: int(code) for name, code in re.findall(r"^\| `(\w+)` \| (\d+) \|", text, re.MULTILINE)}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.KitaeError)]
    assert said == {kind.__name__: kind.exit_code for kind in kinds}
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert codes == {0, *said.values()}


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_guide_names_every_shape_ending_and_limit(language: str) -> None:
    text = (TOP / f"docs/guide/{language}/formats.md").read_text("utf-8")
    named = set(INLINE.findall(FENCE.sub("", text)))
    assert set(get_args(ShapeName)) - {"auto"} <= named
    assert set(ReadSettings.model_fields) - {"unit"} <= named
    alike = {".text", ".markdown", ".xhtml", ".gzip", ".zstd"}
    assert {*READERS, *PACKINGS} - alike <= named


def test_make_targets_in_documents_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (TOP / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {t for page in PAGES for body in blocks(page, "sh") for t in re.findall(r"^make (\w+)", body, re.MULTILINE)}
    assert {"demo", "test"} <= named <= targets


def test_decisions_are_numbered_and_complete() -> None:
    records = sorted((TOP / "docs/decisions").glob("[0-9]*.md"))
    index = (TOP / "docs/decisions/README.md").read_text(encoding="utf-8")
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    for path in records:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {path.name[:4]}: "), path.name
        titles = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert titles == ["Context", "Choice", "Cost", "When to reopen"], path.name
        assert path.name in index


def test_no_document_holds_a_path_of_a_machine() -> None:
    assert [name_of(page) for page in PAGES if re.search(r"/(home|root|Users|work)/", page.read_text("utf-8"))] == []


def test_the_licence_is_the_one_that_is_declared() -> None:
    text = (TOP / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert 'license = "Apache-2.0"' in (TOP / "pyproject.toml").read_text(encoding="utf-8")
