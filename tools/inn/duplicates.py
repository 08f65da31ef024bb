"""Plant repeated rows: exact, nearly exact, and with another answer."""

from __future__ import annotations

import csv
import random
import re
import unicodedata
from dataclasses import replace

from inn.questions import HERE
from inn.rows import CHAT, CSV, XLSX, Row
from inn.text import GRAM, jaccard, normalise

NEAR_FLOOR = 0.85
NARROW = {unicodedata.normalize("NFKC", chr(c)): chr(c) for c in range(0xFF66, 0xFF9E)}
NARROW |= {unicodedata.normalize("NFKC", base + mark): base + mark for base in list(NARROW.values()) for mark in "ﾞﾟ"}


def _copy(row: Row, question: str | None = None) -> Row:
    text, answer = row.turns[0]
    return replace(row, turns=[(question if question is not None else text, answer)], faults=[])


def _wide(text: str) -> str:
    """Latin letters and digits to full width."""
    return "".join(chr(ord(c) + 0xFEE0) if c.isascii() and c.isalnum() else c for c in text)


def _narrow(text: str) -> str:
    """Katakana to half width."""
    return "".join(NARROW.get(c, c) for c in text)


def _spaced(text: str, rng: random.Random) -> str:
    padded = text.replace(" ", "  ", 1) if " " in text else text
    return rng.choice((" ", "", "　")) + padded + rng.choice((" ", "\n", "  "))


def same(text: str, rng: random.Random) -> tuple[str, str]:
    """Return the text in another shape that normalises to the same, and the name of the change."""
    changes = {
        "identical": text,
        "whitespace": _spaced(text, rng),
        "width": _wide(text),
        "half_width_kana": _narrow(text),
        "case": text.upper() if rng.random() < 0.5 else text.lower(),
    }
    kind = rng.choice([k for k, v in changes.items() if k == "identical" or v != text])
    assert normalise(changes[kind]) == normalise(text)
    return changes[kind], kind


def near(text: str, language: str, rng: random.Random) -> tuple[str, str] | None:
    """Return the text with one small edit (similarity at least 0.85), and the edit's name."""
    options: list[tuple[str, str]] = []
    if text[-1] in "。？?.!！":
        options += [(text[:-1], "end_dropped"), (text[:-1] + ("！" if language == "ja" else "!"), "end_changed")]
    else:
        options.append((text + ("。" if language == "ja" else "."), "end_added"))
    if language == "ja":
        for particle in "はがをにも":
            options += [
                (text[: m.start()] + text[m.end() :], "particle")
                for m in re.finditer(f"(?<=[一-龥ァ-ヶー]){particle}", text)
            ]
        options += [(text.replace("ください", "下さい"), "spelling"), (text.replace("、", "", 1), "comma")]
    else:
        for m in re.finditer(r"[a-z]{5,}", text):
            options.append((text[: m.start() + 2] + text[m.start() + 3 :], "letter_dropped"))
            options.append((text[: m.start() + 2] + text[m.start() + 1] + text[m.start() + 2 :], "letter_doubled"))
    rng.shuffle(options)
    # Mostly a change inside the sentence, where the longer texts allow it, comes first.
    if rng.random() < 0.7:
        options.sort(key=lambda option: option[1].startswith("end"))
    for changed, kind in options:
        if normalise(changed) != normalise(text) and jaccard(changed, text, GRAM[language]) >= NEAR_FLOOR:
            return changed, kind
    return None


def _originals(clean: list[Row], count: int, rng: random.Random) -> list[Row]:
    """Choose clean single-turn rows, half of each language, that carry no fault yet."""
    chosen: list[Row] = []
    for language in ("ja", "en"):
        free = [row for row in clean if row.language == language and not row.faults and len(row.turns[0][0]) >= 12]
        chosen += rng.sample(free, count // 2)
    return chosen


def plant_exact(clean: list[Row], rng: random.Random) -> list[Row]:
    """Repeat 32 clean rows, some of them twice."""
    copies: list[Row] = []
    for number, row in enumerate(_originals(clean, 32, rng), 1):
        row.fault("exact_duplicate", f"ed-{number:03}", original=True)
        for _ in range(2 if number % 8 == 0 else 1):
            text, kind = same(row.turns[0][0], rng)
            copies.append(_copy(row, text).fault("exact_duplicate", f"ed-{number:03}", original=False, change=kind))
    return copies


def plant_near(clean: list[Row], rng: random.Random) -> list[Row]:
    """Repeat 36 clean rows with one small edit of the question."""
    copies: list[Row] = []
    free = [row for row in clean if not row.faults and len(normalise(row.turns[0][0])) >= 20]
    rng.shuffle(free)
    wanted = {"ja": 18, "en": 18}
    for row in free:
        changed = near(row.turns[0][0], row.language, rng) if wanted[row.language] else None
        if changed is None:
            continue
        wanted[row.language] -= 1
        cluster = f"nd-{37 - sum(wanted.values()) - 1:03}"
        row.fault("near_duplicate", cluster, original=True)
        likeness = round(jaccard(changed[0], row.turns[0][0], GRAM[row.language]), 3)
        copy = _copy(row, changed[0])
        copies.append(copy.fault("near_duplicate", cluster, original=False, change=changed[1], jaccard=likeness))
    return copies


def plant_conflicts(clean: list[Row], answers: dict[str, dict[str, str]], rng: random.Random) -> list[Row]:
    """For 34 questions: two rows with the right answer, one with a wrong one."""
    with (HERE / "wrong_facts.tsv").open(encoding="utf-8", newline="") as file:
        facts = list(csv.DictReader(file, delimiter="\t"))
    plans = [
        (f["intent"], f["language"], answers[f["intent"]][f["language"]].replace(f["right"], f["wrong"])) for f in facts
    ]
    others = [("dinner", "breakfast"), ("shop_delivery_time", "shop_shipping_fee"), ("pets", "smoking")]
    plans += [(intent, language, answers[wrong][language]) for intent, wrong in others for language in ("ja", "en")]
    added: list[Row] = []
    for number, (intent, language, wrong) in enumerate(plans, 1):
        assert wrong != answers[intent][language], (intent, language)
        fits = [r for r in clean if r.intents == (intent,) and r.language == language and not r.faults]
        row, cluster = rng.choice(fits), f"ca-{number:03}"
        text, _ = same(row.turns[0][0], rng)
        twin, rival = _copy(row, text), _copy(row)
        rival.turns = [(row.turns[0][0], wrong)]
        # The two right rows lie in different files, so the majority is visible only over all of them.
        row.only, twin.only = rng.choice((((CSV,), (CHAT, XLSX)), ((CHAT,), (CSV, XLSX)), ((XLSX,), (CSV, CHAT))))
        row.fault("conflicting_answers", cluster, original=True)
        added.append(twin.fault("conflicting_answers", cluster, original=True))
        kind = "other_intent" if wrong in {a[language] for a in answers.values()} else "other_fact"
        added.append(rival.fault("conflicting_answers", cluster, original=False, kind=kind))
    return added
