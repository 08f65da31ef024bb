"""`kitae data trace` and `kitae data erase`: where a record went, and how it goes."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from kitae.cli.options import AsJson, Home, open_workspace, print_json
from kitae.errors import InputError

SHOWN = 12


def trace(
    record: Annotated[
        str,
        typer.Argument(metavar="[ID]", help="A record: its id, the beginning of it, or a place such as faq.csv:17."),
    ] = "",
    text: Annotated[str, typer.Option(help="Find records by what they say.")] = "",
    version: Annotated[str, typer.Option(help="Show what taught a version, for example support-faq:1.")] = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show a record's life up to the versions it taught, or the terms of all that taught a version."""
    from kitae import registry

    if sum(map(bool, (record, text, version))) != 1:
        raise InputError(
            "name one thing to trace", hint='kitae data trace ID, or --text "…", or --version support-faq:1'
        )
    out = open_workspace(home)
    _check(out.home.is_dir(), str(out.home))
    found = registry.trace_version(out, version) if version else registry.trace_record(out, record, text=text)
    if as_json:
        print_json(found)
        return
    for line in _version_lines(found) if version else _record_lines(found):
        print(line)


def erase(
    *,
    rights_holder: Annotated[str, typer.Option(help="Erase every record of this rights holder.")] = "",
    record: Annotated[str, typer.Option(help="Erase this record: its id, or a place such as faq.csv:17.")] = "",
    reason: Annotated[str, typer.Option(help="Why; it stands in the receipt.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Erase records everywhere in the workspace, mark what learnt from them, and write a receipt."""
    from kitae import registry

    if bool(rights_holder.strip()) == bool(record.strip()):
        raise InputError("name what to erase", hint="Either --rights-holder NAME or --record ID")
    out = open_workspace(home)
    _check(out.home.is_dir(), str(out.home))
    with out.locked():
        receipt = registry.erase(out, rights_holder=rights_holder, record=record, reason=reason, dry_run=dry_run)
    if as_json:
        folder = None if receipt.folder is None else str(receipt.folder)
        print_json({"dry_run": dry_run, "receipt": folder, **receipt.values})
        return
    print(receipt.text.partition("\n\n")[0])
    if receipt.folder is None:
        print("Nothing was changed. Without --dry-run this is done.")
    else:
        print(f"Receipt: {receipt.folder}\nThe next `kitae run RECIPE` makes everything again without them.")


def _check(there: bool, home: str) -> None:
    if not there:
        raise InputError(f"there is no workspace at {home}", hint="Name it with --home DIR or KITAE_HOME")


def _record_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """What is known of each record that was found."""
    for life in found["records"]:
        yield from _life_lines(life)
    more = found["found"] - len(found["records"])
    if more > 0:
        yield f"… and {more:,} more records"
    for entry in found["erased"]:
        yield f"erased on {entry['carried_out_at'][:10]} (receipt {entry['receipt']})"
        if entry["versions"]:
            yield f"  had taught {', '.join(entry['versions'])}"


def _life_lines(life: Mapping[str, Any]) -> Iterator[str]:
    origin = life["origin"]
    sheet = f"[{origin['sheet']}]" if origin["sheet"] else ""
    yield f"record {life['id'] or '(a row that could not be used)'}"
    yield f"  stood in   {origin['file']}{sheet}:{origin['row']}"
    terms = life["terms"]
    if terms:
        named = [f"{name.replace('_', ' ')} {terms[name] or '?'}" for name in ("licence", "consent", "rights_holder")]
        yield f"  terms      {', '.join(named)}"
    if life.get("parent"):
        yield f"  made from  {life['parent']}"
    for message in life["says"] if isinstance(life["says"], list) else [{"role": "quoted", "text": life["says"]}]:
        yield f"  {message['role']:<10} {message['text']}"
    for edit in life["history"]:
        change = f" ({edit['before']} → {edit['after']})" if edit["before"] or edit["after"] else ""
        yield f"  edit       {edit['rule']}: {edit['reason']}{change}"
    for stand in life["stands_in"]:
        why = f": {stand['rule']}, {stand['reason']}" if stand["rule"] else ""
        gone = f" (erased since: {', '.join(stand['erased'])})" if stand["erased"] else ""
        yield f"  {stand['kind']:<10} {stand['digest'][:12]} {stand['side']}{why}{gone}"
    for adapter in life["adapters"]:
        yield f"  adapter    {adapter['digest'][:12]} ({adapter['side']})"
    for version in life["versions"]:
        yield f"  version    {version['version']} ({version['status']}): {version['how']}"
    if life["children"]:
        yield f"  children   {', '.join(life['children'])}"


def _version_lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{found['version']}  {found['status']}"
    yield from (f"  ! {warning}" for warning in found["warnings"])
    yield from terms_lines(found)
    for kind, erasures in found["erased"].items():
        yield f"  {kind} was erased (erasure {', '.join(erasures)}); what is shown are its papers"


def terms_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """On what terms all that taught and measured a version stands."""
    for how in ("taught", "measured"):
        for side, counts in found[how].items():
            made = f", {counts['augmented']:,} of them made from others" if counts["augmented"] else ""
            yield f"  {how} by {side}: {counts['records']:,} records{made}"
            for name in ("source", "licence", "consent", "rights_holder", "language"):
                shown = [f"{value} {count:,}" for value, count in list(counts[name].items())[:SHOWN]]
                more = len(counts[name]) - SHOWN
                yield f"    {name.replace('_', ' '):<14} {', '.join(shown)}{f', … {more:,} more' if more > 0 else ''}"
