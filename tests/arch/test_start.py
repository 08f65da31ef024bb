"""Start-up: `kitae --help` loads nothing heavy. Asked of a fresh interpreter, since this one has loaded much."""

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "peft", "polars", "sklearn", "scipy", "fastapi", "jinja2", "sqlalchemy", "numpy")


def loaded_after(code: str) -> set[str]:
    script = f"import sys, json\n{code}\nprint(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import kitae",
        "import kitae.cli.main",
        "import kitae.flow",
        "from typer.testing import CliRunner; from kitae.cli.main import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0",
    ],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    assert loaded_after(code) == set()


def test_the_measure_can_fail() -> None:
    assert loaded_after("import numpy") == {"numpy"}
