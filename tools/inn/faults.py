"""Plant every other class of fault: each function takes questions from the pool and returns rows."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from itertools import cycle, islice

from inn import private as invented
from inn.questions import HERE, sections
from inn.rows import CHAT, CSV, XLSX, Pool, Row

EMPTY = ("", "   ", "-", "N/A", "（未記入）", "TBD", "　")
CLOSING = "。．.!！?？"


def _add(row: Row, sentence: str, rng: random.Random, *, before: bool | None = None) -> None:
    """Put a sentence before or after the question of a row."""
    text, answer = row.turns[0]
    gap = "" if row.language == "ja" else " "
    stop = "。" if row.language == "ja" else "."
    if before is None:
        before = rng.random() < 0.5
    first, second = (sentence, text) if before else (text, sentence)
    if first[-1] not in CLOSING + "、,":
        first += stop
    row.turns[0] = (first + gap + second, answer)


def _alternate(count: int) -> list[str]:
    return list(islice(cycle(("ja", "en")), count))


def _misread(text: str, wrote: str, read: str) -> str | None:
    """Return the text as a program shows it that reads with the wrong codec; None if bytes get lost."""
    try:
        raw = text.encode(wrote)
        # Programs that read Windows-1252 keep its five undefined bytes as control characters.
        shown = "".join(_sloppy(byte) for byte in raw) if read == "cp1252" else raw.decode(read)
        back = b"".join(_unsloppy(c) for c in shown) if read == "cp1252" else shown.encode(read)
    except UnicodeError:
        return None
    # NEL ends a line in readers that split on all Unicode line ends; not every CP932 codec knows byte 0x80.
    lost = "\x85" in shown or (read == "cp932" and "\x80" in shown)
    return shown if back == raw and shown != text and not lost else None


def _sloppy(byte: int) -> str:
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)


def _unsloppy(char: str) -> bytes:
    try:
        return char.encode("cp1252")
    except UnicodeEncodeError:
        return char.encode("latin-1")


def plant_mojibake(pool: Pool, rng: random.Random) -> list[Row]:
    """Rows whose question, sometimes also the answer, was read with the wrong codec."""
    plans = (
        ("ja", "utf-8", "cp932", (CSV,), 13),
        ("en", "utf-8", "cp932", (CSV,), 6),
        ("ja", "utf-8", "latin-1", (CHAT, XLSX), 6),
        ("ja", "utf-8", "cp1252", (CHAT, XLSX), 7),
        ("en", "utf-8", "cp1252", (CHAT, XLSX), 10),
        ("ja", "euc_jp", "latin-1", (CHAT, XLSX), 5),
        ("ja", "cp932", "latin-1", (CHAT, XLSX), 5),
    )
    rows: list[Row] = []
    for language, wrote, read, only, count in plans:
        for row in _take(pool, language, count, rng, lambda text, w=wrote, r=read: _misread(_curly(text), w, r)):
            question, answer = row.turns[0]
            right = _curly(question)
            shown = _misread(right, wrote, read)
            wrong_answer = _misread(answer, wrote, read) if rng.random() < 0.5 and language == "ja" else None
            row.turns, row.only = [(shown or "", wrong_answer or answer)], only
            detail = {"original_text": right, "written_as": wrote, "read_as": read}
            if wrong_answer:
                detail["original_answer"] = answer
            rows.append(row.fault("mojibake", **detail))
    return rows


def _curly(text: str) -> str:
    """Typographic apostrophes and quotes, which is where English text breaks."""
    return text.replace("'", "’") if text.isascii() else text


def _take(pool: Pool, language: str, count: int, rng: random.Random, works: Callable[[str], str | None]) -> list[Row]:
    """Take questions of the language for which `works` gives a text, from different intents."""
    rows: list[Row] = []
    cells = [key for key in pool.cells if key[1] == language]
    rng.shuffle(cells)
    while len(rows) < count:
        before = len(rows)
        for spare in (pool.cells[key] for key in cells):
            found = next((q for q in spare if len(q.text) > 8 and works(q.text)), None)
            if found is None or len(spare) < 3 or len(rows) == count:
                continue
            spare.remove(found)
            rows.append(pool.row(found))
        if len(rows) == before:
            raise ValueError(f"only {len(rows)} of {count} {language} questions can be misread so; raise PER_CELL")
    return rows


def plant_empty(pool: Pool) -> list[Row]:
    """Rows without an answer."""
    rows = []
    for number, language in enumerate(_alternate(34)):
        row, blank = pool.next(language), EMPTY[number % len(EMPTY)]
        row.turns = [(row.turns[0][0], blank)]
        rows.append(row.fault("empty_answer", answer=blank))
    return rows


def plant_truncated(pool: Pool, rng: random.Random) -> list[Row]:
    """Rows whose answer stops in mid-sentence, at least 30 % too early."""
    rows = []
    for language in _alternate(34):
        row = pool.next(language)
        question, answer = row.turns[0]
        cuts = range(int(len(answer) * 0.35), int(len(answer) * 0.68))
        fits = [at for at in cuts if answer[at - 1] not in CLOSING + "、, " and answer[at] not in CLOSING]
        cut = answer[: rng.choice(fits)]
        row.turns = [(question, cut)]
        rows.append(row.fault("truncated_answer", removed_share=round(1 - len(cut) / len(answer), 3)))
    return rows


def plant_private(pool: Pool, rng: random.Random) -> list[Row]:
    """Rows that give private data away: one kind, two kinds, or in a later message of a chat."""
    rows = []
    for kind, count in invented.PLAN.items():
        for language in _alternate(count):
            row, found = pool.next(language), invented.private(kind, language, rng)
            _add(row, found.sentence, rng)
            rows.append(row.fault("private", kind=kind, text=found.text, turn=1))
    for language in _alternate(12):
        row = pool.next(language)
        kinds = rng.sample(("name", "phone", "email", "postal_code"), 2)
        kinds.sort(key=("name", "postal_code", "phone", "email").index)
        both = [invented.private(kind, language, rng) for kind in kinds]
        gap = "" if language == "ja" else " "
        _add(row, gap.join(p.sentence if p.sentence[-1] in CLOSING else p.sentence + "。" for p in both), rng)
        for planted in both:
            row.fault("private", kind=planted.kind, text=planted.text, turn=1)
        rows.append(row)
    acknowledged = {
        "ja": ("ご連絡ありがとうございます。担当者が確認いたします。", "承りました。確認のうえ折り返しご連絡します。"),
        "en": (
            "Thank you, our staff will look into it and get back to you.",
            "Noted, a colleague will contact you soon.",
        ),
    }
    for number, language in enumerate(_alternate(16)):
        row, kind = pool.next(language), ("name", "phone", "email", "address")[number // 2 % 4]
        found = invented.private(kind, language, rng)
        row.turns.append((found.sentence, rng.choice(acknowledged[language])))
        row.only = (CHAT,)
        rows.append(row.fault("private", kind=kind, text=found.text, turn=2))
    return rows


def plant_secrets(pool: Pool, rng: random.Random) -> list[Row]:
    """Rows with a pasted key, token or password."""
    rows = []
    for number, language in enumerate(_alternate(36)):
        row, form = pool.next(language), invented.SECRET_FORMS[number // 2 % len(invented.SECRET_FORMS)]
        found = invented.secret(form, language, rng)
        _add(row, found.sentence, rng)
        rows.append(row.fault("secret", kind=form, text=found.text))
    return rows


def plant_offensive(pool: Pool, rng: random.Random) -> list[Row]:
    """Rows in which a guest or the desk is insulting."""
    rows, insults = [], sections("insults.txt")
    for language in ("ja", "en"):
        for insult in insults[f"{language} question"]:
            row = pool.next(language)
            _add(row, insult, rng, before=True if insult.endswith(("、", ",")) else None)
            rows.append(row.fault("offensive", where="question", text=insult))
        for insult in insults[f"{language} answer"]:
            row = pool.next(language)
            question, answer = row.turns[0]
            row.turns = [(question, insult + ("" if language == "ja" else " ") + answer)]
            rows.append(row.fault("offensive", where="answer", text=insult))
    return rows


def plant_languages(pool: Pool) -> list[Row]:
    """Rows in a third language, and rows answered in the other one of our two."""
    rows = []
    with (HERE / "foreign.tsv").open(encoding="utf-8", newline="") as file:
        for number, line in enumerate(csv.DictReader(file, delimiter="\t")):
            row = Row([(line["question"], line["answer"])], "ja" if number % 2 else "en", only=(CHAT, XLSX))
            rows.append(row.fault("wrong_language", kind="foreign", language=line["language"]))
    for language in _alternate(30):
        row, other = pool.next(language), "en" if language == "ja" else "ja"
        row.turns = [(row.turns[0][0], pool.answers[row.intents[0]][other])]
        rows.append(row.fault("wrong_language", kind="mismatch", question=language, answer=other))
    return rows


def plant_no_licence(pool: Pool) -> list[Row]:
    """Rows that nobody has released."""
    rows = []
    for number, language in enumerate(_alternate(34)):
        row = pool.next(language)
        row.licence = ("", None, "不明", "unknown")[number // 2 % 4]
        rows.append(row.fault("no_licence", licence=row.licence))
    return rows


def plant_all(pool: Pool, rng: random.Random) -> list[Row]:
    """Every class that needs questions of its own."""
    rows = plant_mojibake(pool, rng)
    rows += plant_empty(pool) + plant_truncated(pool, rng) + plant_private(pool, rng)
    rows += plant_secrets(pool, rng) + plant_offensive(pool, rng)
    return rows + plant_languages(pool) + plant_no_licence(pool)
