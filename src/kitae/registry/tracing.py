"""Tracing: from a record to the versions it taught, and from a version to the terms of all that taught it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from kitae.core.artifacts import Adapter, Plan, Verdict
from kitae.core.records import Edit, Record, content_digest
from kitae.core.store import open_store
from kitae.core.text import normalise
from kitae.core.workspace import Workspace
from kitae.data.custody.erased import mark_of
from kitae.data.custody.licences import KNOWN, read_licence
from kitae.data.privacy.redaction import masked
from kitae.errors import InputError
from kitae.registry import audit
from kitae.registry.cards import VersionCard
from kitae.registry.erasure.holdings import ID_PREFIX, Holding, QuotedRow, finished, holdings
from kitae.registry.erasure.keys import erasure_key
from kitae.registry.erasure.receipts import receipts
from kitae.registry.erasure.requests import standing
from kitae.registry.versions import list_versions, show_version

TRACED = "data.traced"
SHOWN = 20
EXCERPT = 160
FATES = {"records.jsonl": "kept", "dropped.jsonl": "dropped", "quarantine.jsonl": "quarantined"}
"""What the files of a dataset say of a record; those of a split are its sides."""
TAUGHT = ("train", "validation")
TERMS = ("source", "licence", "consent", "rights_holder", "language")


@dataclass(frozen=True)
class Sighting:
    """A record, or a row of quarantine, in a file of a holding."""

    holding: Holding
    path: Path
    what: Record | QuotedRow

    @property
    def side(self) -> str:
        """kept, dropped or quarantined in a dataset; train, validation or test in a split."""
        return FATES.get(self.path.name, self.path.stem)


@dataclass
class Lives:
    """What was found, by record id (or place, for rows that are no records), and who was made from whom."""

    sightings: dict[str, list[Sighting]] = field(default_factory=lambda: defaultdict(list))
    children: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def trace_record(out: Workspace, wanted: str, *, text: str = "") -> dict[str, Any]:
    """See `kitae.registry.trace_record`."""
    erased = standing(out)
    found = _search(holdings(out), _asks_for(wanted, text))
    people = _Descendants(out)
    records = [people.life(name, found) for name in list(found.sightings)[:SHOWN]]
    gone = _erased_at(out, wanted)
    known = erased.first([("record", wanted)]) if erased.marks and not text else None
    if known is not None and known[1] not in {entry["erasure"] for entry in gone}:
        gone.append(_told(out, known[1]))
    if not records and not gone:
        raise InputError(
            "no record was found" if text else f"there is no record '{wanted}' in this workspace",
            got=text or wanted,
            hint='Name an id, its beginning, or a place such as faq.csv:17; `--text "…"` looks for what it says',
        )
    _remember(out, "text" if text else "record", found.sightings)
    return {"found": len(found.sightings), "records": records, "erased": gone}


def trace_version(out: Workspace, wanted: str) -> dict[str, Any]:
    """See `kitae.registry.trace_version`."""
    card = show_version(out, wanted)
    terms = version_terms(out, card)
    if terms["taught"] is None:
        raise InputError(
            f"the split of {card.reference} is not in this workspace any more",
            got=card.lineage.get("split", "")[:12],
            hint="`kitae run RECIPE` makes it again from the raw files",
        )
    _remember(out, "version", [card.reference])
    return {
        "version": card.reference,
        "status": card.status,
        "warnings": card.warnings,
        "lineage": card.lineage,
        "erased": {kind: list(names) for kind, names in card.erased.items()},
        **terms,
    }


def version_terms(out: Workspace, card: VersionCard) -> dict[str, Any]:
    """See `kitae.registry.version_terms`."""
    held = {holding.digest: holding for holding in holdings(out)}
    split = held.get(card.lineage.get("split", ""))
    sides = {} if split is None else {path.stem: _summary(split.records(path)) for path in split.record_files()}
    taught = {side: sides[side] for side in TAUGHT if side in sides}
    measured = {side: sides[side] for side in sides if side not in {*TAUGHT, "dropped"}}
    return {
        "base": {"name": card.base, "licence": _base_licence(card)},
        "taught": None if split is None else taught,
        "measured": None if split is None else measured,
    }


def _base_licence(card: VersionCard) -> str:
    """The licence that the base stated when it was planned with; "" when it stated none, or nobody wrote it down."""
    folder = next((step.folder for step in card.steps if step.kind == Plan.kind), None)
    base = {} if folder is None else Plan.load(folder).summary.get("base", {})
    return str(base.get("licence", ""))


def _asks_for(wanted: str, text: str) -> Callable[[Record | QuotedRow], bool]:
    if text:
        sought = normalise(text)
        return lambda what: isinstance(what, Record) and any(sought in normalise(m.content) for m in what.messages)
    if ID_PREFIX.match(wanted):
        return lambda what: isinstance(what, Record) and what.id.startswith(wanted)
    return lambda what: str(what.origin) == wanted


def _search(held: Iterable[Holding], fits: Callable[[Record | QuotedRow], bool]) -> Lives:
    lives = Lives()
    for holding in held:
        for path in holding.record_files():
            for record in holding.records(path):
                if record.parent:
                    lives.children[record.parent].add(record.id)
                if fits(record):
                    lives.sightings[record.id].append(Sighting(holding, path, record))
        for row in holding.rows():
            if fits(row):
                lives.sightings[str(row.origin)].append(Sighting(holding, holding.folder / "quarantine.jsonl", row))
    return lives


class _Descendants:
    """Which adapters and versions a file of records taught, or a verdict was measured on."""

    def __init__(self, out: Workspace) -> None:
        self._adapters = [artifact for artifact in finished(out) if isinstance(artifact, Adapter)]
        self._verdicts = [artifact for artifact in finished(out) if isinstance(artifact, Verdict)]
        self._cards = list_versions(out)
        self._content = cache(content_digest)

    def life(self, name: str, found: Lives) -> dict[str, Any]:
        """Everything that is known of a record, without private data."""
        seen = found.sightings[name]
        # The fullest sighting speaks for the record: papers have no text, and a dropped record has the longest history.
        best = max(seen, key=lambda one: (one.holding.papers is None, len(getattr(one.what, "history", ()))))
        adapters, versions = self._descend(seen)
        return {
            **_portrait(best.what),
            "stands_in": [_stand(one) for one in seen],
            "adapters": adapters,
            "versions": versions,
            "children": sorted(found.children.get(name, ())),
        }

    def _descend(self, seen: Iterable[Sighting]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
        adapters: dict[str, str] = {}
        versions: dict[str, dict[str, str]] = {}
        for one in seen:
            content = self._content_of(one)
            how = "taught" if one.side in TAUGHT else "measured"
            if how == "taught":
                adapters |= {a.digest: one.side for a in self._adapters if content in dict(a.parents).values()}
            for card in self._cards:
                if self._concerns(card, one, content, how, adapters):
                    versions.setdefault(card.reference, {"version": card.reference, "status": card.status, "how": how})
        return [{"digest": digest, "side": side} for digest, side in adapters.items()], list(versions.values())

    def _concerns(self, card: VersionCard, one: Sighting, content: str, how: str, adapters: Mapping[str, str]) -> bool:
        if one.side in {"dropped", "quarantined"}:
            return False
        if how == "taught":
            return card.lineage.get("split") == one.holding.digest or card.lineage.get("adapter") in adapters
        verdict = next((v for v in self._verdicts if v.digest == card.lineage.get("verdict")), None)
        measured = verdict is not None and content in dict(verdict.parents).values()
        return measured or card.lineage.get("split") == one.holding.digest

    def _content_of(self, one: Sighting) -> str:
        if one.holding.papers is not None:
            return one.holding.papers.contents.get(one.path.name, "?")
        return "?" if one.side in {"dropped", "quarantined"} else self._content(one.path)


def _portrait(what: Record | QuotedRow) -> dict[str, Any]:
    origin = {"file": what.origin.file, "row": what.origin.row, "sheet": what.origin.sheet}
    if isinstance(what, QuotedRow):
        return {"id": "", "origin": origin, "says": masked(what.excerpt)[:EXCERPT], "history": [],
                "terms": {}, "reason": masked(what.reason)}  # fmt: skip
    terms = {"licence": what.terms.licence, "consent": what.terms.consent, "rights_holder": what.terms.rights_holder}
    return {
        "id": what.id,
        "origin": origin,
        "terms": {**terms, "allows": _allows(what.terms.licence)},
        "language": what.language,
        "label": what.label,
        "use": what.use,
        "parent": what.parent,
        "weight": what.weight,
        "says": [{"role": message.role, "text": _excerpt(message.content)} for message in what.messages],
        "history": [_edit(edit) for edit in what.history],
    }


def _allows(licence: str) -> dict[str, bool | str] | None:
    """What is known of the terms of a single licence."""
    ways = read_licence(licence).ways
    names = {name for way in ways for name in way}
    facts = KNOWN.get(next(iter(names))) if len(names) == 1 else None
    return None if facts is None else vars(facts)


def _edit(edit: Edit) -> dict[str, str]:
    """An edit with what stood there before and after, as far as the record says, private data masked."""
    detail = edit.detail
    before, after = detail.get("before", ""), detail.get("after", "")
    if edit.rule == "privacy" and detail:
        before, after = f"[{detail['kind']}]", str(detail["action"])
    return {"rule": edit.rule, "reason": masked(edit.reason), "before": _excerpt(str(before)),
            "after": _excerpt(str(after)), "place": str(detail.get("place", detail.get("turn", "")))}  # fmt: skip


def _excerpt(text: str) -> str:
    text = masked(text)
    return text if len(text) <= EXCERPT else text[:EXCERPT] + "…"


def _stand(one: Sighting) -> dict[str, Any]:
    """Where a sighting is, and why it is not among what was kept, if it is not."""
    rule, reason = "", ""
    if isinstance(one.what, QuotedRow):
        rule, reason = "quarantine", one.what.reason
    elif one.side == "dropped" and one.what.history:
        rule, reason = one.what.history[-1].rule, one.what.history[-1].reason
    return {
        "kind": one.holding.kind,
        "digest": one.holding.digest,
        "side": one.side,
        "rule": rule,
        "reason": masked(reason),
        "erased": [] if one.holding.papers is None else one.holding.papers.erasures,
    }


def _erased_at(out: Workspace, wanted: str) -> list[dict[str, Any]]:
    """Erasures that took what stood in a place."""
    found = []
    for receipt in receipts(out):
        places = {f"{r['file']}[{r['sheet']}]:{r['row']}" if r["sheet"] else f"{r['file']}:{r['row']}"
                  for r in receipt.values["raw_rows"]}  # fmt: skip
        if wanted in places:
            found.append(_told(out, receipt.erasure))
    return found


def _told(out: Workspace, erasure: str) -> dict[str, Any]:
    receipt = next(receipt for receipt in receipts(out) if receipt.erasure == erasure)
    values = receipt.values
    return {
        "erasure": erasure,
        "receipt": str(receipt.folder),
        "carried_out_at": values["carried_out_at"],
        "requested_by": values["requested_by"],
        "reason": values["reason"],
        "versions": values["versions"],
    }


def _summary(records: Iterator[Record]) -> dict[str, Any]:
    """Counts of records by source, licence, consent, rights holder and language."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in TERMS}
    total = made = 0
    for record in records:
        total += 1
        made += bool(record.parent)
        values = (record.origin.file, record.terms.licence, record.terms.consent, record.terms.rights_holder,
                  record.language)  # fmt: skip
        for name, value in zip(TERMS, values, strict=True):
            counts[name][value or "?"] += 1
    by = {name: dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))) for name, found in counts.items()}
    return {"records": total, "augmented": made, **by}


def _remember(out: Workspace, by: str, names: Iterable[str]) -> None:
    """Write who looked at what into the audit trail; records only by their marks, since the trail is never changed."""
    every = list(names)
    key = erasure_key(out, make=True)
    assert key is not None
    shown = every[:SHOWN] if by == "version" else [mark_of(key, "record", name).hex() for name in every[:SHOWN]]
    subject = shown[0] if len(shown) == 1 else by
    with open_store(out) as store:
        store.change(
            lambda session: audit.append(session, TRACED, subject, {"by": by, "number": len(every), "of": shown})
        )
