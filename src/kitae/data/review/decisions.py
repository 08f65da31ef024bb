"""What people decided on review sheets, by record id."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from kitae.core.records import Edit, Record
from kitae.data.readers import READERS, BadRow, read_rows
from kitae.errors import SourceError

What = Literal["keep", "drop", "correct"]
WRITTEN: dict[str, What] = {
    "keep": "keep", "ok": "keep", "残す": "keep", "維持": "keep", "正しい": "keep",
    "drop": "drop", "delete": "drop", "remove": "drop", "除外": "drop", "削除": "drop",
    "correct": "correct", "relabel": "correct", "fix": "correct", "修正": "correct", "訂正": "correct",
}  # fmt: skip
"""How people write a decision."""
REVIEW = "review"


@dataclass(frozen=True)
class Decision:
    """What is to become of a record, and where somebody said so."""

    what: What
    correction: str
    comment: str
    place: str

    def on(self, record: Record, task: str) -> tuple[Record, bool]:
        """The record after the decision, with the decision in its history, and whether it stays."""
        detail = {"decision": self.what, "sheet": self.place, "comment": self.comment}
        if self.what != "correct":
            said = "a person decided that it stays" if self.what == "keep" else "a person decided that it goes"
            return record.with_edit(Edit(REVIEW, said, detail)), self.what == "keep"
        if record.label and task == "classify":
            edit = Edit(REVIEW, f"the label was '{record.label}', a person corrected it", detail)
            return _answered(record, self.correction, edit, label=self.correction), True
        return _answered(record, self.correction, Edit(REVIEW, "a person corrected the answer", detail)), True


def read_decisions(sheets: Sequence[Path]) -> dict[str, Decision]:
    """Record id to its decision; rows without one are left out. Of two sheets on one record the later one counts.

    Raises `SourceError` for a sheet that cannot be read and for a row that says something unknown.
    """
    found: dict[str, Decision] = {}
    for sheet in sheets:
        if sheet.suffix.lower() not in READERS or not sheet.is_file():
            raise SourceError(
                f"there is no review sheet {sheet.name}",
                got=str(sheet),
                known=sorted(READERS),
                hint="`kitae data review RECIPE --to SHEET` writes one; data.review names it relative to the recipe",
            )
        for raw in read_rows(sheet, "auto"):
            place = f"{sheet.name}:{raw.row}"
            if isinstance(raw, BadRow):
                raise SourceError(f"{place}: a row of the review sheet cannot be read", got=raw.reason)
            values = {key: str(value or "").strip() for key, value in raw.values.items()}
            if values.get("decision"):
                found[_id(values, place)] = _decision(values, place)
    return found


def _id(values: dict[str, str], place: str) -> str:
    if not values.get("id"):
        raise SourceError(f"{place}: a decision without the id of its record", hint="Leave the column id as it was")
    return values["id"].removeprefix("'")


def _decision(values: dict[str, str], place: str) -> Decision:
    what = WRITTEN.get(values["decision"].casefold())
    if what is None:
        raise SourceError(f"{place}: unknown decision", got=values["decision"], known=("keep", "drop", "correct"))
    correction = values.get("correction", "") or values.get("suggestion", "")
    if what == "correct" and not correction:
        raise SourceError(
            f"{place}: the decision is correct, but the column correction is empty",
            hint="Write the right label or answer there",
        )
    return Decision(what, correction, values.get("comment", ""), place)


def _answered(record: Record, answer: str, edit: Edit, **changes: str) -> Record:
    """The record with another last answer."""
    last = len(record.prompt)
    messages = [replace(m, content=answer) if i == last else m for i, m in enumerate(record.messages)]
    return record.with_edit(edit, messages=tuple(messages), **changes)
