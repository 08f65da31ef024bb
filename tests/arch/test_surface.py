"""The public names and the command line are promises: a change here is a decision, written down in CHANGELOG.md."""

from importlib import import_module
from pathlib import Path

import click
import pytest
import typer

from kitae.cli.main import app

SOURCE = Path(__file__).parents[2] / "src" / "kitae"
PUBLIC = {
    "kitae": ["__version__"],
    "kitae.data": [
        "check",
        "compare",
        "compare_page",
        "enforce",
        "enlarge",
        "find",
        "hand_out",
        "known_rules",
        "look",
        "prepare",
        "split",
        "suspects",
        "write_sheet",
    ],
    "kitae.plan": ["Hardware", "check", "look", "resolve", "resolved", "training_seconds"],
    "kitae.train": ["run"],
    "kitae.evaluate": [
        "check",
        "check_rows",
        "compare",
        "errors",
        "errors_page",
        "proposals",
        "run",
        "write_errors",
        "write_labelling_sheet",
    ],
    "kitae.models": [
        "BaseFacts",
        "Limits",
        "attach",
        "before_stop",
        "check",
        "facts",
        "generate",
        "likelihood",
        "load",
        "load_tokenizer",
        "ready",
        "save_adapter",
        "weigh",
    ],
    "kitae.registry": [
        "VersionCard",
        "enforce",
        "erase",
        "erased",
        "list_versions",
        "show_version",
        "submit",
        "trace_record",
        "trace_version",
        "verify_audit",
        "verify_erasures",
        "version_terms",
    ],
    "kitae.serve": [
        "Engine",
        "FakeEngine",
        "Piece",
        "Request",
        "Served",
        "chat",
        "check_bind",
        "create_app",
        "keys_from_environment",
        "open_engine",
        "run_server",
    ],
}
COMMANDS = {
    "chat": ["--help", "--home", "--max-tokens", "--system", "--temperature"],
    "compare": ["--help", "--home", "--json", "--metric", "--on"],
    "data clean": ["--help", "--home", "--json", "--set", "--to"],
    "data contamination": ["--against", "--help", "--html", "--json", "--train"],
    "data erase": ["--dry-run", "--help", "--home", "--json", "--reason", "--record", "--rights-holder"],
    "data ingest": ["--help", "--json", "--task"],
    "data report": ["--help", "--home", "--json", "--set"],
    "data review": ["--help", "--home", "--json", "--set", "--to"],
    "data rules": ["--help", "--json"],
    "data split": ["--help", "--home", "--json", "--set"],
    "data trace": ["--help", "--home", "--json", "--text", "--version"],
    "demo": ["--help", "--home", "--json", "--set", "--to"],
    "doctor": ["--help", "--home", "--json"],
    "evaluate errors": ["--help", "--home", "--html", "--json", "--set", "--sheet", "--system"],
    "evaluate next": ["--help", "--home", "--json", "--set", "--sheet", "--system"],
    "export": ["--format", "--help", "--home", "--json", "--prompts", "--to"],
    "models list": ["--help", "--home", "--json"],
    "models show": ["--help", "--home", "--json"],
    "models verify": ["--help", "--home", "--json"],
    "plan": ["--help", "--home", "--json", "--set"],
    "recipe check": ["--help", "--json", "--set"],
    "recipe schema": ["--help"],
    "run": ["--help", "--home", "--json", "--set"],
    "serve": ["--help", "--home", "--host", "--key-env", "--port"],
    "train": ["--help", "--home", "--json", "--set"],
}


def commands(group: click.Group, prefix: str = "") -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, command in group.commands.items():
        if isinstance(command, click.Group) or hasattr(command, "commands"):
            found |= commands(command, f"{prefix}{name} ")
            continue
        context = click.Context(command)
        options = [option for p in command.get_params(context) for option in p.opts if option.startswith("--")]
        found[prefix + name] = sorted(options)
    return found


def test_commands_and_options() -> None:
    whole = typer.main.get_command(app)
    found = commands(whole)  # type: ignore[arg-type]
    assert found == COMMANDS
    assert [option for parameter in whole.params for option in parameter.opts] == ["--version"]
    assert all(len(options) <= 8 for options in found.values())


def test_every_room_has_its_public_names_here() -> None:
    rooms = {
        f"kitae.{path.parent.name}" for path in SOURCE.glob("*/__init__.py") if "__all__" in path.read_text("utf-8")
    }
    assert rooms == set(PUBLIC) - {"kitae"}


@pytest.mark.parametrize("module", sorted(PUBLIC))
def test_public_names(module: str) -> None:
    loaded = import_module(module)
    assert sorted(loaded.__all__) == sorted(PUBLIC[module])
    assert all(getattr(loaded, name) is not None for name in loaded.__all__)
