"""The policy of a recipe: which terms a record must have, asked of each record by itself.

Held-out sets and splits somebody else drew are asked as well: measuring is a use, too.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import islice

from kitae.core.artifacts import Dataset
from kitae.core.data_settings import PolicySettings
from kitae.core.files import read_jsonl, write_jsonl
from kitae.core.records import Edit, Record, Terms, read_records
from kitae.core.text import normalise
from kitae.core.workspace import Workspace
from kitae.data.custody.licences import KNOWN, Facts, consent_basis, read_licence
from kitae.errors import PolicyRefused

POLICY = "policy"
"""The rule by which a record goes that breaches the policy."""
UNKNOWN_LICENCE = "unknown_licence"
SHOWN = 20
"""Offenders that a refusal names itself; all of them stand in its listing."""
REASONS_SHOWN = 5
LISTING = "policy-offenders.jsonl"
NOTHING = Facts(commercial=False, derivatives=False, share_alike=False, attribution=False, training="ask")


def with_read_terms(record: Record) -> Record:
    """The record with its licence and consent basis as SPDX and the recipe write them, each change in its history.

    A licence of which nothing is known stays as it is and is flagged.
    """
    terms, edits = _read_terms(record.terms)
    return replace(record, terms=terms, history=(*record.history, *edits)) if edits else record


def breach(record: Record, settings: PolicySettings) -> str | None:
    """What the terms of a record lack under the policy, or None. Pure, so that any worker may ask."""
    return _breach(record.terms, settings)


def enforce(dataset: Dataset, settings: PolicySettings, *, out: Workspace) -> None:
    """Refuse to go on with a dataset out of which the policy took records, unless the policy is to drop them.

    Raises `PolicyRefused`; the list of all offenders is written into the folder of the run.
    """
    if settings.on_breach == "refuse" and dataset.summary["rules_count"].get(POLICY):
        raise refusal(read_records(dataset.file("dropped.jsonl")), out=out)


def refusal(dropped: Iterable[Record], *, out: Workspace) -> PolicyRefused:
    """The error about those of the dropped records that breach the policy."""
    offenders = (_offender(record) for record in dropped if record.history[-1].rule == POLICY)
    listing = (out.run_folder or out.home) / LISTING
    total = write_jsonl(listing, offenders)
    rows = list(read_jsonl(listing))
    lacks = Counter(row["lacks"] for row in rows)
    lines = [f"{row['source']} ({row['id']}): {row['lacks']}" for row in islice(rows, SHOWN)]
    return PolicyRefused(
        f"the terms of {total:,} records breach the policy of the recipe; "
        + "; ".join(f"{times:,} x {reason}" for reason, times in lacks.most_common(REASONS_SHOWN))
        + "".join(f"\n  {line}" for line in lines)
        + (f"\n  … and {total - SHOWN:,} more" if total > SHOWN else ""),
        offenders=rows[:SHOWN],
        listing=str(listing),
        hint=f"All of them: {listing}. Correct the terms of the data, widen data.policy, or leave such records out "
        "with data.policy.on_breach: drop",
    )


def _offender(record: Record) -> dict[str, object]:
    """An offender as it is listed: no word of what it says."""
    return {
        "source": str(record.origin),
        "file": record.origin.file,
        "row": record.origin.row,
        "sheet": record.origin.sheet,
        "id": record.id,
        "licence": record.terms.licence,
        "consent": record.terms.consent,
        "rights_holder": record.terms.rights_holder,
        "lacks": record.history[-1].reason,
    }


@lru_cache(maxsize=4096)
def _read_terms(terms: Terms) -> tuple[Terms, tuple[Edit, ...]]:
    licence, basis = read_licence(terms.licence), consent_basis(terms.consent)
    edits = []
    if terms.licence and licence.unknown:
        named = ", ".join(licence.unknown)
        edits.append(Edit(UNKNOWN_LICENCE, f"nothing is known of the licence {named}", {"action": "flag"}))
    if licence.text != terms.licence:
        edits.append(_reading("licence", terms.licence, licence.text))
    if basis != terms.consent:
        edits.append(_reading("consent", terms.consent, basis))
    return Terms(licence.text, basis, terms.rights_holder), tuple(edits)


def _reading(name: str, before: str, after: str) -> Edit:
    return Edit(name, f"'{before}' is written {after}", {"before": before, "after": after})


@lru_cache(maxsize=4096)
def _breach(terms: Terms, settings: PolicySettings) -> str | None:
    found = [reason for check in CHECKS if (reason := check(terms, settings)) is not None]
    return "; ".join(found) or None


def _licence(terms: Terms, settings: PolicySettings) -> str | None:
    if not terms.licence:
        return "states no licence" if _asks_licence(settings) else None
    refusals = [_refusal(way, settings) for way in read_licence(terms.licence).ways]
    return None if None in refusals else f"licence {terms.licence}: {refusals[0]}"


def _consent(terms: Terms, settings: PolicySettings) -> str | None:
    if not settings.consent:
        return None
    wanted = {consent_basis(basis) for basis in settings.consent}
    if consent_basis(terms.consent) in wanted:
        return None
    stated = f"consent basis {terms.consent}" if terms.consent else "states no consent basis"
    return f"{stated}; wanted {' or '.join(sorted(wanted))}"


def _rights_holder(terms: Terms, settings: PolicySettings) -> str | None:
    if not settings.rights_holders:
        return None
    if not terms.rights_holder.strip():
        return "names no rights holder"
    named = normalise(terms.rights_holder)
    if any(fnmatchcase(named, normalise(pattern)) for pattern in settings.rights_holders):
        return None
    return f"rights holder {terms.rights_holder} is not among the allowed"


CHECKS: tuple[Callable[[Terms, PolicySettings], str | None], ...] = (_licence, _consent, _rights_holder)
"""In the order in which their reasons are told."""


def _asks_licence(settings: PolicySettings) -> bool:
    return bool(settings.licences) or settings.commercial or settings.derivatives or settings.training


def _refusal(way: Iterable[str], settings: PolicySettings) -> str | None:
    """Why a way of an expression is not open, or None when the policy allows all of its licences."""
    return next((reason for name in sorted(way) if (reason := _refused(name, settings)) is not None), None)


def _refused(name: str, settings: PolicySettings) -> str | None:
    """Why the policy refuses a licence, or None.

    Of one that nobody knows, the recipe's owner answers for the terms by naming it outright.
    """
    outright = {read_licence(pattern).text for pattern in settings.licences}
    patterns = {pattern.casefold() for pattern in settings.licences}
    if settings.licences and name not in outright and not any(fnmatchcase(name.casefold(), p) for p in patterns):
        return f"{name} is not among the allowed"
    if name not in KNOWN and name in outright:
        return None
    facts = KNOWN.get(name, NOTHING)
    lacking = [
        word
        for wanted, given, word in (
            (settings.commercial, facts.commercial, "commercial use"),
            (settings.derivatives, facts.derivatives, "adapted material"),
            (settings.training, facts.training == "yes", "training"),
        )
        if wanted and not given
    ]
    if not lacking:
        return None
    known = "does not plainly allow" if name in KNOWN else "is not known to allow"
    return f"{name} {known} {' and '.join(lacking)}"
