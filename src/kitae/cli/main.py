"""`kitae`: the commands, and the one place where an error becomes a message and an exit code."""

import json
import os
import sys
import traceback

import typer

from kitae.cli import data, doctor, models, recipe, serving, way
from kitae.errors import KitaeError

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
app.add_typer(models.app, name="models")
app.command()(serving.chat)
app.command()(serving.serve)
app.add_typer(recipe.app, name="recipe")
app.command()(doctor.doctor)


def entry() -> None:
    """Run the command line. Exit codes: 0 done, 1 failed, 2 wrong input, 3 a gate refused, 130 interrupted."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(args=arguments, prog_name="kitae")
    except KitaeError as error:
        fail(error, debug=debug, as_json="--json" in arguments)
    except KeyboardInterrupt:
        print("Interrupted. The same command goes on from what is saved.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # The reader went away (`kitae … | head`): nothing to say, and the interpreter must not try to flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if debug:
            raise
        fail(
            KitaeError(
                "kitae failed in a way it does not know",
                got=f"{type(error).__name__}: {error}",
                hint="Run the same command with --debug and report what it prints; finished stages are kept",
            ),
            debug=False,
            as_json="--json" in arguments,
        )


def fail(error: KitaeError, *, debug: bool, as_json: bool) -> None:
    """Print an error for people (and for programs with `--json`) and leave with its exit code."""
    if debug:
        traceback.print_exception(error)
    if as_json:
        print(json.dumps(error.as_json(), ensure_ascii=False))
    print(f"kitae: {error}", file=sys.stderr)
    sys.exit(error.exit_code)
