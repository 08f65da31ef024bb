"""Start-up: `kitae --help` loads nothing heavy. Asked of a fresh interpreter, since this one has loaded much."""

import json
import subprocess
import sys

import pytest

NUMBERS = (
    "numpy",
    "scipy",
    "sklearn",
    "pandas",
    "polars",
    "pyarrow",
    "openpyxl",
    "rensa",
    "ftfy",
    "sacrebleu",
    "MeCab",
)
MODELS = ("torch", "transformers", "tokenizers", "huggingface_hub", "safetensors", "peft", "tensorboard")
DOORS = ("sqlalchemy", "alembic", "fastapi", "starlette", "uvicorn", "anyio", "httpx", "jinja2", "rich")
SETTINGS = ("pydantic", "yaml")
"""What reads a recipe; the page of the whole way needs it, help does not."""
HEAVY = (*NUMBERS, *MODELS, *DOORS, *SETTINGS)


def loaded_after(code: str) -> set[str]:
    script = f"import sys, json\n{code}\nprint(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("code", "needed"),
    [
        ("import kitae", ()),
        ("import kitae.cli.main", ()),
        ("import kitae.flow", SETTINGS),
        (
            "from typer.testing import CliRunner; from kitae.cli.main import app\n"
            "assert CliRunner().invoke(app, ['--help']).exit_code == 0",
            (),
        ),
        (
            "from typer.testing import CliRunner; from kitae.cli.main import app\n"
            "assert CliRunner().invoke(app, ['--version']).stdout.startswith('kitae ')",
            (),
        ),
    ],
    ids=["kitae", "commands", "flow", "help", "version"],
)
def test_nothing_heavy_is_loaded(code: str, needed: tuple[str, ...]) -> None:
    assert loaded_after(code) - set(needed) == set()


def test_the_measure_can_fail() -> None:
    assert loaded_after("import numpy") == {"numpy"}
