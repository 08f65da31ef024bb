"""`kitae models`: the registry."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kitae.cli.custody import terms_lines
from kitae.cli.options import AsJson, Home, open_workspace, print_json
from kitae.errors import DamagedArtifact, InputError

if TYPE_CHECKING:
    from kitae.registry import VersionCard

app = typer.Typer(help="Registered versions.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_(home: Home = None, as_json: AsJson = False) -> None:
    """List the versions, newest first."""
    from kitae import registry

    cards = registry.list_versions(open_workspace(home))
    if as_json:
        print_json([card.as_dict() for card in cards])
        return
    from rich.console import Console
    from rich.table import Table

    if not cards:
        print("No versions yet. Begin with: kitae demo, or kitae run RECIPE")
        return
    table = Table("version", "status", "base", "verdict", box=None, pad_edge=False)
    for card in cards:
        table.add_row(card.reference, "; ".join([card.status, *card.warnings]), card.base, card.sentence)
    Console().print(table)


@app.command()
def show(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="For example support-faq:1 or support-faq.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show one version: verdict, gates, everything it was made from, and on what terms."""
    from kitae import registry

    out = open_workspace(home)
    card = registry.show_version(out, version)
    values = {**card.as_dict(), "terms": registry.version_terms(out, card)}
    if as_json:
        print_json(values)
        return
    from rich.console import Console

    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(f"{card.reference}  {card.status}", style="bold")
    for line in _lines(card, values):
        console.print(line)


def _lines(card: "VersionCard", values: Mapping[str, Any]) -> Iterator[str]:
    """A version from its verdict over its lineage and terms to where its files lie."""
    from kitae.core.papers import erased_sentence

    yield from (f"  ! {warning}" for warning in card.warnings)
    yield card.sentence
    for gate in card.gates:
        yield f"  gate {gate['name']}: {'passed' if gate['passed'] else 'REFUSED'}; {gate['reason']}"
    terms = values["terms"]
    base = f" {card.base}, licence {terms['base']['licence'] or 'not stated'}"
    if "base" not in card.lineage:
        yield f"  base    {base}"
    for step in card.steps:
        parents = ", ".join(f"{kind} {digest[:12]}" for kind, digest in step.parents.items())
        made_from = base if step.kind == "base" else f" from {parents}" if parents else ""
        gone = f"  {erased_sentence(card.erased[step.kind])}" if step.kind in card.erased else ""
        yield f"  {step.kind:<8} {step.digest[:12]}{made_from}{gone}"
    lost = "not in this workspace any more; `kitae run RECIPE` makes it again"
    if terms["taught"] is None:
        yield f"  terms    {lost}"
    else:
        yield from terms_lines(terms)
    for name, kind in (("adapter", "adapter"), ("report", "verdict")):
        yield f"  {name:<8} {values[name] or (erased_sentence(card.erased[kind]) if kind in card.erased else lost)}"


@app.command()
def verify(home: Home = None, as_json: AsJson = False) -> None:
    """Check that nothing was changed afterwards: the files of every artifact, and the audit trail."""
    from kitae import registry

    out = open_workspace(home)
    if not out.home.is_dir():
        raise InputError(f"there is no workspace at {out.home}", hint="Name it with --home DIR or KITAE_HOME")
    checked, damaged = out.verify()
    trail = registry.verify_audit(out)
    erasures = registry.verify_erasures(out)
    sound = not damaged and not trail.problems and not erasures.problems
    if as_json:
        audit = {"rows": trail.rows, "head": trail.head, "problems": list(trail.problems)}
        artifacts = {"checked": checked, "damaged": [error.as_json() for error in damaged]}
        erased = {"receipts": list(erasures.lines), "problems": list(erasures.problems)}
        print_json({"sound": sound, "artifacts": artifacts, "audit": audit, "erasures": erased})
    else:
        print(f"artifacts    {checked} checked, {len(damaged)} damaged")
        for error in damaged:
            print(f"  {error}")
        print(f"audit trail  {trail.rows} rows, {len(trail.problems)} problems, head {trail.head}")
        for problem in trail.problems:
            print(f"  {problem}")
        for line in (*erasures.lines, *erasures.problems):
            print(f"erasures     {line}")
        print("Sound: everything is as it was made." if sound else "Not sound: see above.")
    if not sound:
        raise typer.Exit(DamagedArtifact.exit_code)
