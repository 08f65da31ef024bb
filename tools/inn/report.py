"""Count what was generated, and check that planted and clean rows are what they claim."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter, defaultdict

from openpyxl import load_workbook

from inn.files import BROKEN, Laid
from inn.questions import LANGUAGES, LIKENESS_CEILING, cores
from inn.rows import CHAT, CSV, XLSX, Row
from inn.text import Accepted, normalise


def show(out: dict[str, bytes], laid: Laid) -> None:
    """Print counts by file, language, class and intent, and the results of the checks."""
    rows = [row for part in laid.values() for row in part]
    print("rows", len(rows), {name: len(part) for name, part in laid.items()})
    print("languages", dict(Counter(row.language for row in rows)))
    by_file = {name: dict(Counter(row.language for row in part)) for name, part in laid.items()}
    print("languages by file", by_file)
    chats = laid[CHAT]
    print(f"chats of two turns {sum(len(r.turns) > 1 for r in chats) / len(chats):.1%}")
    lines = [json.loads(line) for line in out["truth.jsonl"].splitlines()]
    print("truth lines", len(lines), "on rows", sum(bool(row.faults) for row in rows))
    for name, count in sorted(Counter(line["fault"] for line in lines).items()):
        planted = sum(line["fault"] == name and not line["detail"].get("original", False) for line in lines)
        print(f"  {name}: {count} lines, {planted} planted")
    print("  private kinds", dict(Counter(line["detail"]["kind"] for line in lines if line["fault"] == "private")))
    clean = [row for row in rows if not row.faults]
    print("clean rows", len(clean), dict(Counter(row.language for row in clean)))
    _intents(rows)
    _likeness(clean)
    _read_back(out, laid)
    if "wild.jsonl" in out:
        _wild(out["wild.jsonl"], rows)


def _right(row: Row) -> bool:
    """Return whether the row is clean or the first of a cluster of repeats."""
    return all(fault["detail"].get("original", False) for fault in row.faults)


def _intents(rows: list[Row]) -> None:
    turns, used = Counter(), defaultdict(set)
    for row in rows:
        if _right(row):
            for intent, core in zip(row.intents, row.cores, strict=True):
                turns[intent, row.language] += 1
                used[intent, row.language].add(core)
    for language in LANGUAGES:
        counts = {intent: turns[intent, language] for intent, lang in turns if lang == language}
        whole = cores(language)
        share = sum(len(used[i, language]) for i in whole) / sum(map(len, whole.values()))
        cores_each = [len(lines) for lines in whole.values()]
        print(f"{language}: good questions per intent {min(counts.values())} to {max(counts.values())};")
        print(f"    cores per intent {min(cores_each)} to {max(cores_each)}, used in good rows {share:.1%}", counts)


def _likeness(clean: list[Row]) -> None:
    questions = [(q, row.language) for row in clean for q, _ in row.turns]
    print("clean questions", len(questions), "distinct", len({normalise(q) for q, _ in questions}))
    for language in LANGUAGES:
        seen, top = Accepted(ceiling=2.0), 0.0
        for text in (q for q, lang in questions if lang == language):
            top = max(top, seen.nearest(text, language))
            assert seen.add(text, language), text
        print(f"    {language}: most alike pair {top:.3f} (ceiling {LIKENESS_CEILING})")


def _read_back(out: dict[str, bytes], laid: Laid) -> None:
    """Read the three raw files with ordinary readers and compare every cell."""
    table = list(csv.reader(io.StringIO(out[CSV].decode("cp932"), newline="")))[1:]
    assert [(r[4], r[5], r[6]) for r in table] == [(*r.turns[0], r.licence or "") for r in laid[CSV]]
    written = out[CHAT].decode().split("\n")[:-1]
    assert written[-len(BROKEN) :] == [line for _, line in BROKEN]
    logs = [json.loads(line) for line in written[: -len(BROKEN)]]
    said = [[m.get("content", m.get("value")) for m in r.get("messages", r.get("conversations"))] for r in logs]
    for texts, row in zip(said, laid[CHAT], strict=True):
        assert texts[-2 * len(row.turns) :] == [text for turn in row.turns for text in turn]
    book = load_workbook(io.BytesIO(out[XLSX]))
    for language in LANGUAGES:
        cells = list(book[language].iter_rows(min_row=2, values_only=True))
        for cell, row in zip(cells, laid[f"{XLSX}:{language}"], strict=True):
            assert cell[0] == row.turns[0][0], (cell, row)
            assert (cell[1] or "") == row.turns[0][1], (cell, row)
    for part in laid.values():
        for row in part:
            for fault in row.faults:
                text = fault["detail"].get("text")
                assert text is None or any(text in side for turn in row.turns for side in turn), (text, row)
    print("read back: every cell equal, every planted text in its row")


def _wild(data: bytes, rows: list[Row]) -> None:
    """Print how close the other writer's questions come to ours; numbers only."""
    wild = [json.loads(line) for line in data.splitlines()]
    for language in LANGUAGES:
        ours = Accepted(ceiling=2.0)
        for row in rows:
            for question, _ in row.turns if row.language == language else ():
                ours.add(question, language)
        mine = [w["question"] for w in wild if w["language"] == language]
        best = [ours.nearest(w, language) for w in mine]
        line = {limit: sum(b >= limit for b in best) for limit in (0.5, 0.75, 0.85, 1.0)}
        print(f"wild {language}: {len(mine)} questions, nearest raw question at or above {line}")
