"""What happens to every row at the door: its terms are read, its content gets an id, and what was erased stays out.

It happens before private data is replaced: what is known again must not depend on the stand-ins of the day.
"""

from dataclasses import replace

from kitae.core.records import Record
from kitae.data.custody.erased import ERASED, Erased, content_id, gone, gone_edit
from kitae.data.custody.policy import with_read_terms
from kitae.data.intake import Quarantined


def admit(record: Record, erased: Erased) -> Record:
    """The record with its terms read and its content known, or without any text when it was erased (`is_gone`)."""
    record = with_read_terms(record)
    record = replace(record, content_id=content_id(record))
    why = erased.why(record)
    return record if why is None else gone(record, *why)


def admit_row(row: Quarantined, erased: Erased, rights_holder: str | None) -> Quarantined:
    """A row that is no record, without its quote when it was erased; `rights_holder` is its source's."""
    why = erased.why_row(row.origin, row.masked_excerpt, rights_holder)
    return row if why is None else Quarantined(row.origin, gone_edit(*why).reason, "", "")


def is_gone(record: Record) -> bool:
    """Whether a record is only the place of one that was erased."""
    return bool(record.history) and record.history[-1].rule == ERASED
