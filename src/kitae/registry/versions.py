"""Submitting, listing and finding versions.

What is judged becomes an artifact first (the card, byte for byte the same wherever it is made), then a row with the
next number. A process killed between the two leaves an artifact without a row; submitting again finds the artifact
and adds the row. The number is therefore no part of the artifact.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kitae.core.artifacts import Adapter, Artifact, Verdict, Version
from kitae.core.events import Stage
from kitae.core.files import write_json
from kitae.core.recipe import Recipe
from kitae.core.settings import digest_of
from kitae.core.store import has_store, open_store
from kitae.core.workspace import Draft, Workspace
from kitae.errors import InputError, UnknownName
from kitae.registry import audit
from kitae.registry.cards import CANDIDATE, REFUSED, Step, VersionCard
from kitae.registry.gates import judge
from kitae.registry.tables import ErasedArtifactRow, SawErasedRow, VersionRow

CARD = "card.json"
ORDER = ("source", "dataset", "split", "plan", "recipe", "base", "adapter", "verdict")
"""Lineage as people walk it: from raw files to verdict; anything else comes after."""
DIGEST_PREFIX = re.compile(r"^[0-9a-f]{6,64}$")


def submit(
    adapter: Adapter, verdict: Verdict, *, recipe: Recipe, lineage: Mapping[str, str], out: Workspace
) -> Version:
    """See `kitae.registry.submit`."""
    results = judge(recipe.gates, verdict.summary)
    status = CANDIDATE if all(result.passed for result in results) else REFUSED
    ours = {"recipe": digest_of(recipe.plain()), "adapter": adapter.digest, "verdict": verdict.digest}
    made_from = {**lineage, **ours}

    def build(draft: Draft) -> None:
        """Say what each gate decided and write the card."""
        sentence = str(verdict.summary.get("sentence", ""))
        lines = [f"{'passed' if result.passed else 'REFUSED'}: {result.reason}" for result in results]
        for line, result in zip(lines, results, strict=True):
            draft.stage.note(line, gate=result.as_dict())
        write_json(
            draft.file(CARD),
            {
                "name": recipe.name,
                "base": recipe.base,
                "status": status,
                "sentence": sentence,
                "gates": [result.as_dict() for result in results],
                "figures": verdict.summary.get("sets", {}),
                "lineage": made_from,
            },
        )
        draft.summary({"name": recipe.name, "status": status, "sentence": sentence, "lines": lines})

    version = out.make(
        Version,
        parents={"adapter": adapter.digest, "verdict": verdict.digest, "split": lineage["split"]},
        settings={"name": recipe.name, "gates": recipe.gates.plain()},
        build=build,
    )
    row = _register(version, out)
    Stage(out.events, Version.kind).note(
        f"{row.name}:{row.number} is registered as {row.status}", version=f"{row.name}:{row.number}", status=row.status
    )
    return version


def list_versions(out: Workspace) -> list[VersionCard]:
    """See `kitae.registry.list_versions`."""
    if not has_store(out):
        return []
    here = {artifact.digest: artifact for artifact in out.artifacts()}
    with open_store(out) as store, store.read() as session:
        rows = session.scalars(select(VersionRow).order_by(VersionRow.id.desc()))
        past = _past(session)
        return [_card(row, here, past) for row in rows]


def show_version(out: Workspace, wanted: str) -> VersionCard:
    """See `kitae.registry.show_version`."""
    cards = list_versions(out)
    named = [card for card in cards if card.name == wanted]
    found = (
        [card for card in cards if card.reference == wanted]
        or [card for card in named if card.status != REFUSED][:1]
        or ([] if named else _by_digest(cards, wanted))
    )
    if len(found) == 1:
        return found[0]
    if named:
        raise InputError(
            f"every version of {wanted} was refused",
            known=[card.reference for card in named],
            hint="Name one with its number to use it all the same",
        )
    if found:
        raise InputError(
            f"the digest {wanted} fits several versions", known=[f"{c.reference} ({c.digest[:12]})" for c in found]
        )
    raise UnknownName(
        "version",
        got=wanted,
        known=_nearby(cards, wanted),
        hint="`kitae models list` shows them all" if cards else "There are none yet: begin with `kitae demo`",
    )


def _register(version: Version, out: Workspace) -> VersionRow:
    """The row of a version artifact: found, or added with the next number and an audit row in one transaction."""
    card = version.json(CARD)

    def work(session: Session) -> VersionRow:
        """Find the row, or add it and its audit row."""
        mine = select(VersionRow).where(VersionRow.name == card["name"], VersionRow.digest == version.digest)
        found = session.scalars(mine).first()
        if found is not None:
            return found
        highest = session.scalar(select(func.max(VersionRow.number)).where(VersionRow.name == card["name"])) or 0
        row = VersionRow(
            name=card["name"],
            number=highest + 1,
            digest=version.digest,
            status=card["status"],
            base=card["base"],
            adapter=card["lineage"]["adapter"],
            verdict=card["lineage"]["verdict"],
            lineage=card["lineage"],
            card=card,
            created_at=audit.now(),
        )
        session.add(row)
        audit.append(
            session,
            "version.registered",
            f"{row.name}:{row.number}",
            {"digest": row.digest, "status": row.status, "adapter": row.adapter, "verdict": row.verdict},
        )
        return row

    with open_store(out) as store:
        return store.change(work)


@dataclass(frozen=True)
class _Past:
    """What erasures did: artifact to the erasures that made it go, and to how many erased records it saw."""

    erasures: Mapping[str, tuple[str, ...]]
    saw: Mapping[str, int]


def _past(session: Session) -> _Past:
    erasures: dict[str, tuple[str, ...]] = {}
    for gone in session.scalars(select(ErasedArtifactRow).order_by(ErasedArtifactRow.erasure)):
        erasures[gone.digest] = (*erasures.get(gone.digest, ()), gone.erasure)
    saw: Counter[str] = Counter()
    for mark in session.scalars(select(SawErasedRow)):
        saw[mark.artifact] += mark.records
    return _Past(erasures, saw)


def _card(row: VersionRow, here: Mapping[str, Artifact], past: _Past) -> VersionCard:
    card: dict[str, Any] = row.card

    def step(kind: str, digest: str) -> Step:
        """A step as far as this workspace has it."""
        found, erasures = here.get(digest), past.erasures.get(digest, ())
        return (
            Step(kind, digest, erasures=erasures)
            if found is None
            else Step(kind, digest, found.folder, erasures, dict(found.parents))
        )

    kinds = sorted(row.lineage, key=lambda kind: (ORDER.index(kind) if kind in ORDER else len(ORDER), kind))
    return VersionCard(
        name=row.name,
        number=row.number,
        status=row.status,
        base=row.base,
        digest=row.digest,
        sentence=card["sentence"],
        gates=tuple(card["gates"]),
        figures=card["figures"],
        steps=tuple(step(kind, row.lineage[kind]) for kind in kinds),
        created_at=row.created_at,
        saw_erased=past.saw.get(row.adapter, 0),
        measured_on_erased=past.saw.get(row.verdict, 0),
    )


def _by_digest(cards: Iterable[VersionCard], wanted: str) -> list[VersionCard]:
    return [card for card in cards if DIGEST_PREFIX.match(wanted) and card.digest.startswith(wanted)]


def _nearby(cards: Iterable[VersionCard], wanted: str) -> list[str]:
    """The known references to offer: those of the same name when the name is known, else all names and references."""
    name = wanted.partition(":")[0]
    same = [card.reference for card in cards if card.name == name]
    return same or sorted({known for card in cards for known in (card.name, card.reference)})
