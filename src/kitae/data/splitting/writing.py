"""Writing the sides: each line of the records goes, as it stands, to the file of its side."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from kitae.core.files import disk_errors
from kitae.core.records import Record
from kitae.core.workspace import Draft
from kitae.data.splitting.blocks import Blocks
from kitae.data.splitting.drawing import NOWHERE, SPLITS, Drawn

DROPPED = "dropped"
FOLDS = "folds.jsonl"


def write_sides(records: Path, blocks: Blocks, drawn: Drawn, draft: Draft) -> None:
    """Write `train.jsonl`, `validation.jsonl`, `test.jsonl` and `dropped.jsonl`, and `folds.jsonl` where there are any.

    A line of `folds.jsonl` says of one record in which fold it is tested, counted from 1, or null: never. Raises
    `DiskFull`.
    """
    with disk_errors(draft.folder), ExitStack() as stack:
        files = {name: stack.enter_context(draft.file(f"{name}.jsonl").open("wb")) for name in (*SPLITS, DROPPED)}
        folds = stack.enter_context(draft.file(FOLDS).open("wb")) if drawn.folds is not None else None
        for row, line in enumerate(stack.enter_context(records.open("rb"))):
            side = int(drawn.sides[row])
            if side == NOWHERE:
                record = Record.from_dict(json.loads(line)).with_edit(drawn.edit(int(blocks.of[row])))
                files[DROPPED].write(_line(record.as_dict()))
            else:
                files[SPLITS[side]].write(line)
            if folds is not None and drawn.folds is not None:
                fold = int(drawn.folds[row])
                folds.write(_line({"id": json.loads(line)["id"], "fold": None if fold == NOWHERE else fold + 1}))


def _line(row: Mapping[str, object]) -> bytes:
    return (json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n").encode()
