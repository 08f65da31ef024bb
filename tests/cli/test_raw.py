"""`kitae data ingest` looks without a workspace, `kitae data clean` writes what stays."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kitae.cli.main import app
from kitae.core.files import read_jsonl

FAQ = "question,answer\nIs there a garden?,There is one.\nIs it far away?,TBD\nWhen does it open?,It opens at nine.\n"
RECIPE = "name: faq\ndata:\n  sources: [{path: faq.csv, licence: CC0-1.0}]\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "faq.csv").write_text(FAQ, "utf-8")
    (tmp_path / "recipe.yaml").write_text(RECIPE, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["data", *arguments])


def test_a_first_look(project: Path) -> None:
    done = call("ingest", "faq.csv")
    assert done.exit_code == 0
    for part in ("faq.csv: 3 rows, 3 usable, read as utf-8", "question_answer 3", "Is there a garden?", "task: chat"):
        assert part in done.stdout
    assert json.loads(call("ingest", "faq.csv", "--json").stdout)["files"][0]["rows"] == 3
    assert not (project / ".kitae").exists()


def test_clean_records_for_other_tools(project: Path) -> None:
    done = call("clean", "recipe.yaml")
    assert done.exit_code == 0
    assert [row["messages"][0]["content"] for row in read_jsonl(project / "faq-clean.jsonl")] == [
        "Is there a garden?",
        "When does it open?",
    ]
    again = json.loads(call("clean", "recipe.yaml", "--to", "other.jsonl", "--json").stdout)
    assert (again["records"], again["file"]) == (2, "other.jsonl")
    assert (project / "other.jsonl").read_bytes() == (project / "faq-clean.jsonl").read_bytes()
