"""The columns of a record: what stands in them, and which records belong together by one."""

import json
from collections.abc import Mapping
from typing import Any

from kitae.core.records import Record
from kitae.core.text import compact

MISSING = object()
"""What stands where nothing is."""


def at_path(values: Mapping[str, Any], path: str) -> Any:
    """The value at a column name or dotted path (`utterances.0.text`), or `MISSING`."""
    if path in values:
        return values[path]
    node = values
    for part in path.split(".") if "." in path else ():
        if isinstance(node, dict) and part in node:
            node = node[part]
        elif isinstance(node, list) and part.isdecimal() and int(part) < len(node):
            node = node[int(part)]
        else:
            return MISSING
    return node if node is not values else MISSING


def values_of(record: Record, column: str) -> list[str]:
    """The values that a record has in a column, each once; a list has several."""
    if column == "language":
        return [record.language] if record.language else []
    if column == "label":
        # What stood in a list is joined in `label`, and kept as it was among the other columns.
        several = record.meta.get("labels")
        whole = isinstance(several, list) and ", ".join(map(str, several)) == record.label
        found = several if whole else record.label
    else:
        found = at_path(record.meta, column)
    items = found if isinstance(found, list) else [found]
    return list(dict.fromkeys(str(item) for item in items if isinstance(item, (str, int, float)) and str(item)))


def group_of(record: Record, column: str) -> str:
    """What keeps a record together with others: its value in a column, or "" without one.

    Where private data was taken out of the column, the stand-ins of two people may be equal, as masks are, and those of
    one person that was written in two ways may not. The keyed digests in the history tell people apart and name nobody.
    """
    values = values_of(record, column)
    taken = sorted({edit.detail["digest"] for edit in record.history if _took_out(edit.detail, column)})
    if taken and values:
        return json.dumps([[compact(value) for value in values], taken], ensure_ascii=False)
    return values[0] if len(values) == 1 else json.dumps(values) if values else ""


def _took_out(detail: Mapping[str, Any], column: str) -> bool:
    """Whether an edit put something else in place of private data in this column."""
    # Places name no item of a list: those of `utterances.0.text` stand under `utterances.text`.
    named = ".".join(part for part in column.split(".") if not part.isdecimal())
    here = detail.get("place") in {f"column {column}", f"column {named}"}
    return here and "digest" in detail and detail.get("action") != "found"
