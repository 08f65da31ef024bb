"""Write the raw records of the fictional Suzukake Inn, with planted faults, from hand-written parts.

python tools/make_inn.py            write src/kitae/data/inn/
python tools/make_inn.py --check    regenerate, compare with what is there, print the counts
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from inn import duplicates, faults, files, report
from inn.questions import LANGUAGES, canonical, intents, wild, write_all
from inn.rows import CHAT, CSV, XLSX, Pool, Row

OUT = Path(__file__).parents[1] / "src" / "kitae" / "data" / "inn"
SEED = 20250401
PER_CELL = 150
"""Questions written for each intent and language; mojibake that can be undone needs a choice, so some stay unused."""
CLEAN_SINGLE = 62
TWO_TURNS = 180


def clean_rows(pool: Pool, rng: random.Random) -> tuple[list[Row], list[Row]]:
    """Return clean rows of one question, and clean chats of two questions on two intents."""
    singles = [
        pool.first(intent, language) for intent in intents() for language in LANGUAGES for _ in range(CLEAN_SINGLE)
    ]
    doubles = []
    for number in range(TWO_TURNS):
        # The English chat log is the larger one, so two chats in three are English.
        language = LANGUAGES[number % 3 > 0]
        one, two = pool.next(language), pool.next(language)
        while one.intents == two.intents:
            two = pool.next(language)
        doubles.append(Row(one.turns + two.turns, language, one.intents + two.intents, one.cores + two.cores))
    rng.shuffle(doubles)
    return singles, doubles


def build(seed: int) -> tuple[dict[str, bytes], files.Laid]:
    """Return every output file as bytes, and the rows as they lie in the raw files."""
    rng = random.Random(seed)
    pool = Pool(write_all(PER_CELL, rng), rng)
    singles, doubles = clean_rows(pool, rng)
    planted = faults.plant_all(pool, rng)
    planted += duplicates.plant_conflicts(singles, pool.answers, rng)
    planted += duplicates.plant_exact(singles, rng)
    planted += duplicates.plant_near(singles, rng)
    laid = files.lay(singles + doubles + planted, rng)
    out = {
        CSV: files.desk_export(laid[CSV], rng),
        CHAT: files.chat_logs(laid[CHAT], rng),
        XLSX: files.faq_staff(laid),
        "truth.jsonl": files.truth(laid),
        "canonical.json": _canonical(),
        "wild.jsonl": _wild(),
    }
    return out, laid


def _canonical() -> bytes:
    about, answers = intents(), canonical()
    table = {intent: {"about": about[intent], **answers[intent]} for intent in about}
    return (json.dumps(table, ensure_ascii=False, indent=2) + "\n").encode()


def _wild() -> bytes:
    answers = canonical()
    return files.jsonl(
        [
            {
                "question": row["question"],
                "answer": answers[row["intent"]][row["language"]],
                "intent": row["intent"],
                "language": row["language"],
            }
            for row in wild()
        ]
    )


def main() -> int:
    """Write the files, or check those that are there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--check", action="store_true", help="compare instead of writing, and print the counts")
    given = parser.parse_args()
    out, laid = build(given.seed)
    if not given.check:
        given.out.mkdir(parents=True, exist_ok=True)
        for name, data in out.items():
            (given.out / name).write_bytes(data)
        print(f"{sum(map(len, laid.values()))} raw rows in {given.out}")
        return 0
    wrong = [
        name for name, data in out.items() if not (given.out / name).exists() or (given.out / name).read_bytes() != data
    ]
    report.show(out, laid)
    print(f"differs from {given.out}: {', '.join(wrong)}" if wrong else f"all {len(out)} files are as generated")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
