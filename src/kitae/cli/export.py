"""`kitae export`: a version for other runtimes, proved to answer as it is served, with a card that says what it is."""

import itertools
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kitae.cli.custody import terms_lines
from kitae.cli.options import AsJson, Home, open_workspace, print_json
from kitae.core.files import write_json, write_text
from kitae.errors import InputError

if TYPE_CHECKING:
    from kitae.core.records import Message
    from kitae.core.workspace import Workspace
    from kitae.registry import VersionCard

PROMPTS = 20
"""Questions on which an export is compared with the version."""
CARD, FILES = "README.md", "export.json"


def export(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="For example support-faq:1 or support-faq.")],
    *,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="A folder that does not exist yet, or is empty.")],
    form: Annotated[
        str, typer.Option("--format", metavar="NAME", help="merged: one model folder; adapter: a plain PEFT adapter.")
    ] = "merged",
    prompts: Annotated[
        Path | None,
        typer.Option("--prompts", metavar="FILE", help="Compare on these questions, one a line; else on test rows."),
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Write a version's weights for another runtime, and refuse them unless they answer as the version does."""
    from kitae import registry
    from kitae.models import export as room

    out = open_workspace(home)
    card = registry.show_version(out, version)
    for warning in card.warnings:
        print(f"kitae: {card.reference} {warning}", file=sys.stderr)
    adapter = out.find(card.lineage["adapter"])
    asked = questions(prompts) if prompts is not None else test_questions(out, card)
    aside = beside(to)
    try:
        source = room.Source(card.base, adapter.file("adapter"), card.lineage.get("base"))
        figures = room.write(source, aside, asked, name=form, tell=lambda text: print(f"  {text}", file=sys.stderr))
        made: dict[str, Any] = {"version": card.reference, "digest": card.digest, "format": form, "parity": figures}
        write_text(aside / CARD, "\n".join(card_lines(card, registry.version_terms(out, card), made)) + "\n")
        made["files"] = room.listing(aside)
        write_json(aside / FILES, made)
        if to.is_dir():
            to.rmdir()
        aside.replace(to)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    if as_json:
        print_json({"folder": str(to.absolute()), **made})
        return
    print(
        f"{card.reference} exported to {to}: {figures['identical_answers']} of {figures['prompts']} answers the same "
        f"in {figures['runtime']}, {len(made['files'])} files listed in {FILES}"
    )


def beside(to: Path) -> Path:
    """An empty folder next to the destination, on the same disk. Raises `InputError` where nothing can be written."""
    if to.is_symlink() or (to.exists() and not to.is_dir()):
        raise InputError("--to is a file or a link", got=str(to), hint="Name a folder that does not exist yet")
    if to.is_dir() and any(to.iterdir()):
        raise InputError("--to is a folder with files in it", got=str(to), hint="Name one that does not exist yet")
    aside = to.absolute().with_name(f".{to.absolute().name}.{os.getpid()}.partial")
    try:
        aside.mkdir(parents=True)
    except OSError as error:
        raise InputError(
            "--to cannot be written to", got=f"{to}: {error.strerror}", hint="Name a folder that you may write to"
        ) from error
    return aside


def questions(file: Path) -> list[tuple["Message", ...]]:
    """A question a line. Raises `InputError`."""
    from kitae.core.records import Message

    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        hint = "A UTF-8 file, a question a line"
        raise InputError("--prompts cannot be read", got=f"{file}: {error}", hint=hint) from error
    found: list[tuple[Message, ...]] = [(Message("user", line.strip()),) for line in lines if line.strip()]
    if not found:
        raise InputError("--prompts holds no question", got=str(file), hint="Write a question a line")
    return found[:PROMPTS]


def test_questions(out: "Workspace", card: "VersionCard") -> list[tuple["Message", ...]]:
    """Prompts of held-out rows, evenly spread. Raises `DamagedArtifact`."""
    from kitae.core.records import read_records

    held_out = out.find(card.lineage["split"]).file("test.jsonl")
    count = sum(1 for _ in read_records(held_out))
    step = max(1, -(-count // PROMPTS))
    rows = itertools.islice(read_records(held_out), 0, None, step)
    return [record.prompt for record in itertools.islice(rows, PROMPTS) if record.prompt]


def card_lines(card: "VersionCard", terms: Mapping[str, Any], made: Mapping[str, Any]) -> Iterator[str]:
    """The model card: what it is, from what and on what terms, how well it did, and what it is not for."""
    base = terms["base"]
    licence = base["licence"] or "not stated"
    yield from ("---", f"base_model: {Path(card.base).name}", "tags: [kitae, fine-tuned]", "---", "")
    yield from (f"# {card.reference}", "", card.sentence, "")
    yield f"Status in its registry: {card.status}. Registered {card.created_at}, digest `{card.digest}`."
    yield from ("", "## Base", "", f"{Path(card.base).name}, licence {licence}. Its licence binds this model, too.", "")
    yield from ("## Data", "")
    if terms["taught"] is None:
        yield "The records are not in the workspace any more."
    else:
        yield from (f"{'  ' * line.startswith('    ')}- {' '.join(line.split())}" for line in terms_lines(terms))
    yield from ("", "## Measured", "")
    for name, part in card.figures.items():
        yield from figure_lines(name, part)
    yield from ("", "## Gates", "")
    yield from (
        f"- {gate['name']}: {'passed' if gate['passed'] else 'refused'}; {gate['reason']}" for gate in card.gates
    )
    parity = made["parity"]
    yield from ("", "## This export", "")
    yield (
        f"Format {made['format']}, opened again in {parity['runtime']}: {parity['identical_answers']} of "
        f"{parity['prompts']} answers the same as the served version's, {parity['token_agreement']:.1%} of the tokens."
    )
    yield from ("", "## Limits", "")
    yield "- It was measured on the held-out rows named above and on nothing else; measure it again for other uses."
    yield "- It can be wrong with confidence, and it repeats what its base and its data hold, biases among them."
    if card.saw_erased:
        yield f"- It learnt from {card.saw_erased} records that were erased since. Train it again before you share it."
    if card.measured_on_erased:
        yield f"- It was measured on {card.measured_on_erased} records that were erased since."


def figure_lines(name: str, part: Mapping[str, Any]) -> Iterator[str]:
    """The main metric of every system on one held-out set, with its interval, and the paired test against the base."""
    yield from (f"### {name}, {part['n']:,} rows", "", "| system | value | interval |", "|---|---|---|")
    for system in (name for name in part if isinstance(part[name], Mapping) and "value" in part[name]):
        figure = part[system]
        ends = [f"{end:.4g}" if end is not None else "" for end in (figure["low"], figure["high"])]
        yield f"| {system} | {figure['value']:.4g} | {' to '.join(ends)} |"
    if part.get("p_value") is not None:
        yield from ("", f"Paired test against the base: p = {part['p_value']:.3g}, {part['outcomes']['base']}.")
    yield ""
