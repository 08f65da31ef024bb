"""Asking for an erasure and carrying it out.

The request comes first: marks of what may not return, in one transaction with its row of the audit trail. From then on
the erasure stands, whatever happens to the process; carrying it out in a workspace ends with a receipt, and as long as
there is none, the next run or erasure there begins by going on with it. Several workspaces may share a store: each
carries out every erasure of it.
"""

from collections.abc import Iterable, Mapping
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from kitae.core.events import Stage
from kitae.core.papers import all_papers
from kitae.core.records import Record
from kitae.core.settings import digest_of
from kitae.core.store import Store, has_store, open_store
from kitae.core.text import normalise
from kitae.core.workspace import Workspace
from kitae.data.custody.erased import Erased, Handle, mark_of
from kitae.data.custody.nearness import near_handles
from kitae.errors import DamagedArtifact, InputError, UnknownName
from kitae.registry import audit
from kitae.registry.erasure.findings import Findings, nearly, survey
from kitae.registry.erasure.holdings import Match, finished, holdings, matches, named
from kitae.registry.erasure.keys import KEY_VARIABLE, erasure_key, key_name
from kitae.registry.erasure.receipts import (
    Receipt,
    read_receipt,
    receipt_digest,
    receipts,
    remember,
    summary,
    write_receipt,
)
from kitae.registry.erasure.sweeping import sweep
from kitae.registry.erasure.trail import CARRIED_OUT, LOOKED, REQUESTED, Request
from kitae.registry.tables import (
    AuditRow,
    ErasedArtifactRow,
    ErasureRow,
    SawErasedRow,
    TombstoneRow,
    VersionRow,
)

MOST_NEAR = 20_000
"""Of an erasure of more records only equal texts are known again: each takes sixteen more marks."""
LOOKING_ONLY = b"no key is needed to look"
SHOWN = 20


def erased(out: Workspace) -> Erased:
    """See `kitae.registry.erased`."""
    return _standing(out, carry_out=True)


def standing(out: Workspace) -> Erased:
    """What was erased, for looking only: an erasure that was cut off stays so."""
    return _standing(out, carry_out=False)


def _standing(out: Workspace, *, carry_out: bool) -> Erased:
    if not has_store(out):
        _check_known(out, set())
        return Erased()
    with open_store(out) as store:
        with store.read() as session:
            rows = session.scalars(select(ErasureRow).order_by(ErasureRow.requested_at, ErasureRow.id))
            requests = [Request.of(row) for row in rows]
        _check_known(out, {request.erasure for request in requests})
        if not requests:
            return Erased()
        key = _known_key(out, requests)
        for request in _pending(out, store, requests) if carry_out else ():
            name = request.erasure
            Stage(out.events, "erasure").note(f"erasure {name} is carried out here first", erasure=name)
            _carry_out(out, store, request, key)
        return _value(store, key)


def erase(out: Workspace, asked: Mapping[str, str], *, reason: str, dry_run: bool) -> Receipt:
    """See `kitae.registry.erase`; `asked` maps `rights_holder` or `record` to which."""
    before = erased(out)
    key = before.key or erasure_key(out, make=not dry_run) or LOOKING_ONLY
    handle, stated = _handle_of(out, asked, before, key)
    known = before.first([handle]) if before.marks else None
    if known is not None:
        receipt = read_receipt(out, known[1])
        assert receipt is not None, "every erasure that stands was carried out above"
        return receipt
    marks = _closure(out, key, handle)
    going = Erased.of(key, dict.fromkeys(marks, ""))
    looked = survey(out, going)
    found = looked.findings
    if not found.records:
        raise _nobody(out, asked)
    request = _request(stated, reason, key, marks)
    with open_store(out) as store:
        if dry_run:
            found.nearly = nearly(looked, going)
            values = {"by": next(iter(stated)), "records": len(found.records)}
            store.change(lambda session: audit.append(session, LOOKED, request.erasure, values))
            return Receipt({**request.as_dict(), **summary(found, _versions_of(out, store, found))})
        store.change(lambda session: _stand(session, request, marks))
        return _carry_out(out, store, request, key)


def _request(asked: dict[str, str], reason: str, key: bytes, marks: Iterable[bytes]) -> Request:
    """A request that is made now; its name follows from all of it."""
    moment, who = audit.now(), audit.actor()
    name = digest_of([asked, reason, moment, who, sorted(mark.hex() for mark in marks)])[:12]
    return Request(name, asked, reason, key_name(key), moment, who)


def _closure(out: Workspace, key: bytes, handle: Handle) -> set[bytes]:
    """The marks of everything that goes with a handle.

    Those are the records it leads to, what was made from them and what says the same. Each adds its own ways to be
    known again, until there are no more.
    """
    marks = {mark_of(key, *handle)}
    held = holdings(out)
    while True:
        found = list(matches(held, Erased.of(key, dict.fromkeys(marks, "looked"))))
        more = {mark_of(key, *one) for match in found for one in match.handles} - marks
        if not more:
            return marks | _near_marks(key, found)
        marks |= more


def _near_marks(key: bytes, found: Iterable[Match]) -> set[bytes]:
    """Marks by which what says nearly the same is known, unless there are too many to keep."""
    records = {match.what.id: match.what for match in found if isinstance(match.what, Record) and match.what.messages}
    if len(records) > MOST_NEAR:
        return set()
    return {mark_of(key, *one) for handles in near_handles(list(records.values())) for one in handles}


def _stand(session: Session, request: Request, marks: Iterable[bytes]) -> None:
    """The request, its marks and its audit row."""
    there = set(session.scalars(select(TombstoneRow.mark)))
    new = sorted({mark.hex() for mark in marks} - there)
    session.add(request.row())
    session.flush()
    session.add_all(TombstoneRow(mark=mark, erasure=request.erasure) for mark in new)
    values = {"tombstones": digest_of(new), "number": len(new), "request": request.digest, "key": request.key}
    audit.append(session, REQUESTED, request.erasure, values)


def _carry_out(out: Workspace, store: Store, request: Request, key: bytes) -> Receipt:
    """Remove from this workspace what an erasure names, mark what saw it, and write the receipt."""
    with store.read() as session:
        texts = list(session.scalars(select(TombstoneRow.mark).where(TombstoneRow.erasure == request.erasure)))
    going = Erased.of(key, {bytes.fromhex(text): request.erasure for text in texts})
    looked = survey(out, going)
    receipt = read_receipt(out, request.erasure)
    if receipt is None:
        looked.findings.nearly = nearly(looked, going)
    found = remember(out, request.erasure, looked.findings)
    if receipt is None or found.artifacts.keys() & {artifact.digest for artifact in finished(out)}:
        sweep(out, looked, found, request.erasure)
        done = {"carried_out_at": audit.now(), "carried_out_by": audit.actor()}
        receipt = write_receipt(out, {**request.as_dict(), **done}, found, _versions_of(out, store, found))
    digest, here = receipt_digest(receipt), _digests_here(out)
    values = {"receipt": digest, "records": len(found.records), "versions": list(receipt.values["versions"])}

    def record(session: Session) -> None:
        """What saw erased records, which artifacts went, and the audit row with the receipt's digest."""
        saw = {**_adapters_of_lost_splits(session, found, here), **found.adapters, **found.verdicts}
        for artifact, records in saw.items():
            session.merge(SawErasedRow(artifact=artifact, erasure=request.erasure, records=records))
        for gone, entry in found.artifacts.items():
            row = ErasedArtifactRow(digest=gone, erasure=request.erasure, kind=entry["kind"], source=entry["source"])
            session.merge(row)
        audit.append(session, CARRIED_OUT, request.erasure, values)

    store.change(record)
    return receipt


def _digests_here(out: Workspace) -> set[str]:
    """Digests of artifacts in this workspace, or of what papers are left of."""
    return {artifact.digest for artifact in finished(out)} | {papers.digest for papers in all_papers(out.home)}


def _adapters_of_lost_splits(session: Session, found: Findings, here: set[str]) -> dict[str, int]:
    """Adapters whose dataset held erased records and whose split is not here any more: they may have learnt them."""
    kept = {digest: entry.get("kept", 0) for digest, entry in found.artifacts.items()}
    return {
        row.adapter: kept[row.lineage["dataset"]]
        for row in session.scalars(select(VersionRow))
        if kept.get(row.lineage.get("dataset", "")) and row.lineage.get("split") not in here
    }


def _versions_of(out: Workspace, store: Store, found: Findings) -> list[str]:
    """The versions whose adapter learnt from erased records."""
    with store.read() as session:
        adapters = {**_adapters_of_lost_splits(session, found, _digests_here(out)), **found.adapters}
        rows = session.scalars(select(VersionRow).order_by(VersionRow.id))
        return [f"{row.name}:{row.number}" for row in rows if row.adapter in adapters]


def _pending(out: Workspace, store: Store, requests: Iterable[Request]) -> list[Request]:
    """Erasures that were not carried out here to their end, or whose artifacts are back, from a backup perhaps."""
    with store.read() as session:
        said = select(AuditRow).where(AuditRow.action == CARRIED_OUT)
        done = {(entry.subject, entry.values["receipt"]) for entry in session.scalars(said)}
        went: dict[str, set[str]] = {}
        for one in session.scalars(select(ErasedArtifactRow)):
            went.setdefault(one.erasure, set()).add(one.digest)
    here = {artifact.digest for artifact in finished(out)}
    pending = []
    for request in requests:
        receipt = read_receipt(out, request.erasure)
        carried_out = receipt is not None and (request.erasure, receipt_digest(receipt)) in done
        if not carried_out or went.get(request.erasure, set()) & here:
            pending.append(request)
    return pending


def _value(store: Store, key: bytes) -> Erased:
    with store.read() as session:
        marks = {bytes.fromhex(row.mark): row.erasure for row in session.scalars(select(TombstoneRow))}
        sources: dict[str, list[str]] = {}
        for row in session.scalars(select(ErasedArtifactRow).where(ErasedArtifactRow.source != "")):
            sources.setdefault(row.source, []).append(row.erasure)
    return Erased.of(key, marks, {source: digest_of(sorted(set(names))) for source, names in sources.items()})


def _known_key(out: Workspace, requests: Iterable[Request]) -> bytes:
    """The key of the marks. Raises `InputError` when it is not at hand: what was erased would come back unseen."""
    key = erasure_key(out)
    wanted = sorted({request.key for request in requests})
    if key is None or [key_name(key)] != wanted:
        raise InputError(
            "this store knows of erasures whose key is not at hand, so what was erased could not be kept out",
            got="no key" if key is None else f"the key {key_name(key)}",
            known=wanted,
            hint=f"Put back the file erasure.key of the workspace, or set {KEY_VARIABLE} to what it was",
        )
    return key


def _check_known(out: Workspace, known: set[str]) -> None:
    """Raise `DamagedArtifact` when this workspace has receipts of erasures that the store has forgotten."""
    forgotten = sorted(receipt.erasure for receipt in receipts(out) if receipt.erasure not in known)
    if forgotten:
        raise DamagedArtifact(
            "the store does not know erasures that were carried out here, so what was erased would come back",
            got=", ".join(forgotten),
            hint="Restore the store from a backup, or set KITAE_DATABASE_URL to the one that was used",
        )


def _handle_of(out: Workspace, asked: Mapping[str, str], before: Erased, key: bytes) -> tuple[Handle, dict[str, str]]:
    """The handle of what is asked for, and how a receipt says it: a record only by its mark.

    Raises `UnknownName`, or `InputError` for the beginning of several ids.
    """
    if "rights_holder" in asked:
        name = asked["rights_holder"].strip()
        return ("rights_holder", normalise(name)), {"rights_holder": name}
    wanted = asked["record"].strip()
    found = {one: what for what, handles in named(holdings(out), wanted) for one in islice(handles, 1)}
    if len(found) > 1:
        names = sorted(f"{getattr(what, 'id', 'a row of quarantine')} ({what.origin})" for what in found.values())
        raise InputError(f"'{wanted}' fits several records", known=names[:SHOWN], hint="Give more of the id")
    handle = next(iter(found), ("record", wanted))
    if not found and not (before.marks and before.first([handle])):
        hint = '`kitae data trace --text "…"` finds a record by what it says'
        raise UnknownName("record", got=wanted, known=(), hint=hint)
    return handle, {"record": mark_of(key, *handle).hex()}


def _nobody(out: Workspace, asked: Mapping[str, str]) -> UnknownName:
    """The error about a rights holder who has no record here."""
    records = (
        record for holding in holdings(out) for path in holding.record_files() for record in holding.records(path)
    )
    names = sorted({record.terms.rights_holder for record in records} - {""})
    return UnknownName("rights holder", got=asked.get("rights_holder", ""), known=names[:SHOWN])
