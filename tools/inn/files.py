"""Lay rows into the three raw files and write them, byte for byte the same every time."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import random
import re
import zipfile
from typing import Any

from openpyxl import Workbook

from inn.rows import CHAT, CSV, XLSX, Row
from inn.tables import SURNAMES_EN, SURNAMES_JA, SYSTEM

SHARE = {"ja": {CSV: 0.54, CHAT: 0.25, XLSX: 0.21}, "en": {CSV: 0.25, CHAT: 0.54, XLSX: 0.21}}
CSV_HEAD = ("受付番号", "受付日時", "言語", "お客様名", "問い合わせ内容", "回答", "利用許諾")
XLSX_HEAD = {"ja": ("質問", "回答", "利用許諾"), "en": ("question", "answer", "licence")}
STAMP = (2025, 4, 1, 9, 0, 0)

Laid = dict[str, list[Row]]
BROKEN: tuple[tuple[str, str], ...] = (
    (
        "cut_off",
        '{"id": "chat-09001", "licence": "CC-BY-4.0", "messages": [{"role": "user", "content": "Is the family bath op',
    ),
    (
        "no_conversation",
        '{"id": "chat-09002", "licence": "CC-BY-4.0", "event": "session_timeout", "seconds": 1800}',
    ),
)
"""Lines at the end of the chat logs that are no records, as a full disk and a chatty program leave them."""


def lay(rows: list[Row], rng: random.Random) -> Laid:
    """Return file (or file and sheet) -> rows in their final order."""
    laid: Laid = {CSV: [], CHAT: [], f"{XLSX}:ja": [], f"{XLSX}:en": []}
    for row in rows:
        names = (CHAT,) if len(row.turns) > 1 else row.only
        name = rng.choices(names, [SHARE[row.language][n] for n in names])[0]
        laid[f"{XLSX}:{row.language}" if name == XLSX else name].append(row)
    for part in laid.values():
        rng.shuffle(part)
    return laid


def truth(laid: Laid) -> bytes:
    """Return the planted faults, one line each, in file order."""
    lines = []
    for name, rows in laid.items():
        file, _, sheet = name.partition(":")
        for number, row in enumerate(rows, 1):
            place: dict[str, Any] = {"file": file} | ({"sheet": sheet} if sheet else {}) | {"row": number}
            lines += [place | fault for fault in row.faults]
        if name == CHAT:
            for number, (kind, _) in enumerate(BROKEN, len(rows) + 1):
                lines.append({"file": CHAT, "row": number, "fault": "broken", "detail": {"kind": kind}})
    return jsonl(lines)


def jsonl(records: list[dict[str, Any]]) -> bytes:
    """Return records as UTF-8 JSON lines."""
    return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records).encode()


def desk_export(rows: list[Row], rng: random.Random) -> bytes:
    """Return the export of the desk: CP932, CRLF, as a Japanese spreadsheet program saves it."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(CSV_HEAD)
    moment = dt.datetime(2024, 4, 1, 8, 12, tzinfo=dt.UTC)
    for number, row in enumerate(rows, 1):
        moment += dt.timedelta(minutes=rng.randrange(40, 840))
        when = f"{moment:%Y/%m/%d} {moment.hour}:{moment:%M}"
        name = rng.choice(SURNAMES_JA if row.language == "ja" else SURNAMES_EN)
        question, answer = row.turns[0]
        writer.writerow((f"D{number:05}", when, row.language, name, question, answer, row.licence))
    return out.getvalue().encode("cp932")


def chat_logs(rows: list[Row], rng: random.Random) -> bytes:
    """Return the chat logs of two systems in one file: OpenAI and ShareGPT messages."""
    records: list[dict[str, Any]] = []
    for number, row in enumerate(rows, 1):
        said = [(who, text) for turn in row.turns for who, text in zip(("user", "assistant"), turn, strict=True)]
        if rng.random() < 0.2:
            said.insert(0, ("system", SYSTEM[row.language]))
        record: dict[str, Any] = {"id": f"chat-{number:05}", "licence": row.licence}
        if rng.random() < 0.6:
            record["messages"] = [{"role": who, "content": text} for who, text in said]
        else:
            names = {"user": "human", "assistant": "gpt", "system": "system"}
            record["conversations"] = [{"from": names[who], "value": text} for who, text in said]
        records.append(record)
    return jsonl(records) + "".join(f"{line}\n" for _, line in BROKEN).encode()


def faq_staff(laid: Laid) -> bytes:
    """Return the workbook of the staff with fixed dates inside and stored, not compressed, parts."""
    book = Workbook()
    for sheet in (book.active, book.create_sheet()):
        language = "ja" if sheet is book.active else "en"
        sheet.title = language
        sheet.append(XLSX_HEAD[language])
        for row in laid[f"{XLSX}:{language}"]:
            sheet.append((*row.turns[0], row.licence))
    book.properties.creator = "Suzukake Inn"
    book.properties.created = dt.datetime(*STAMP)  # noqa: DTZ001 - openpyxl takes naive UTC
    first, out = io.BytesIO(), io.BytesIO()
    book.save(first)
    stamp = dt.datetime(*STAMP, tzinfo=dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    with zipfile.ZipFile(first) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "docProps/core.xml":
                data = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>" + stamp, data)
            new.writestr(zipfile.ZipInfo(name, STAMP), data)
    return out.getvalue()
