"""`kitae`: the commands, and the one place where an error becomes a message and an exit code."""

import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from kitae.cli import compare, data, doctor, evaluate, export, models, recipe, serving, way
from kitae.errors import GateRefused, Interrupted, KitaeError, PolicyRefused

INTERRUPTED = 130
"""What Typer makes of Ctrl-C."""

app = typer.Typer(
    name="kitae",
    help="From messy raw records to a fine-tuned language model that is measured, governed and served.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command()(way.demo)
app.command()(way.run)
app.command()(way.plan)
app.command()(way.train)
app.add_typer(data.app, name="data")
app.add_typer(evaluate.app, name="evaluate")
app.command()(compare.compare)
app.add_typer(models.app, name="models")
app.command()(export.export)
app.command()(serving.chat)
app.command()(serving.serve)
app.add_typer(recipe.app, name="recipe")
app.command()(doctor.doctor)


def tell_version(asked: bool) -> None:
    """Print the version and end."""
    if asked:
        import kitae

        print(f"kitae {kitae.__version__}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=tell_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Take what may stand before a command."""


def entry() -> None:
    """Run the command line. Exit codes: 0 done, 1 failed, 2 wrong input, 3 a gate refused, 75 interrupted."""
    try:
        code = answer(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader went away (`kitae … | head`): nothing to say, and the interpreter must not try to flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)


def answer(arguments: Sequence[str]) -> str | int | None:
    """Run one command, tell its errors, and return its exit code."""
    debug = "--debug" in arguments
    as_json = "--json" in arguments
    try:
        app(args=[argument for argument in arguments if argument != "--debug"], prog_name="kitae")
    except SystemExit as leaving:
        return interrupted() if leaving.code == INTERRUPTED else leaving.code
    except PolicyRefused as refusal:
        return tell(refusal, debug=debug, as_json=as_json)
    except GateRefused as refusal:
        return tell(refusal, debug=debug, as_json=False)  # the result, printed before, holds the refusal
    except KitaeError as error:
        return tell(error, debug=debug, as_json=as_json)
    except Exception as error:
        if debug:
            raise
        unknown = KitaeError(
            "kitae failed in a way it does not know",
            got=f"{type(error).__name__}: {error}",
            hint="Run the same command with --debug and report what it prints; finished stages are kept",
        )
        return tell(unknown, debug=False, as_json=as_json)
    return 0


def interrupted() -> int:
    """Say what Ctrl-C means, and return its exit code."""
    print("Interrupted. The same command goes on from what is saved.", file=sys.stderr)
    return Interrupted.exit_code


def tell(error: KitaeError, *, debug: bool, as_json: bool) -> int:
    """Print an error for people (and for programs with `--json`) and return its exit code."""
    if debug:
        traceback.print_exception(error)
    if as_json:
        print(json.dumps(error.as_json(), ensure_ascii=False))
    print(f"kitae: {error}", file=sys.stderr)
    return error.exit_code
