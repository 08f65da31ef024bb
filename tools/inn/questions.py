"""From hand-written cores to many different questions."""

from __future__ import annotations

import csv
import random
import re
from dataclasses import dataclass
from pathlib import Path

from inn.tables import AFTER_STAY, NEUTRAL, SLIPS_JA, SLOTS
from inn.text import Accepted

HERE = Path(__file__).parent
LANGUAGES = ("ja", "en")
LIKENESS_CEILING = 0.72
"""Honest questions stay below this; planted near duplicates lie at 0.85 and above."""


@dataclass(frozen=True)
class Question:
    """One question as a guest typed it, and the number of the core that it came from."""

    text: str
    intent: str
    language: str
    core: int


def intents() -> dict[str, str]:
    """Return intent -> what the guest wants to know, in file order."""
    with (HERE / "intents.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    return {row[0]: row[1] for row in rows[1:]}


def canonical() -> dict[str, dict[str, str]]:
    """Return intent -> language -> the one right answer."""
    with (HERE / "canonical.tsv").open(encoding="utf-8", newline="") as file:
        return {row["intent"]: {"ja": row["ja"], "en": row["en"]} for row in csv.DictReader(file, delimiter="\t")}


def wild() -> list[dict[str, str]]:
    """Return the questions of the other writer, from no template: question, intent, language."""
    with (HERE / "wild.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def sections(*names: str) -> dict[str, list[str]]:
    """Read files of `# heading` lines followed by one entry a line."""
    found: dict[str, list[str]] = {}
    for name in names:
        heading = ""
        for line in (HERE / name).read_text(encoding="utf-8").splitlines():
            if line.startswith("# "):
                heading = line[2:].strip()
                found[heading] = []
            elif line.strip():
                found[heading].append(line.rstrip())
    return found


def cores(language: str) -> dict[str, list[str]]:
    """Return intent -> hand-written cores of the language."""
    return sections(f"cores_{language}_1.txt", f"cores_{language}_2.txt")


def fill(core: str, rng: random.Random) -> str:
    """Choose one branch of every [a|b] and one word for every {slot}."""
    text = re.sub(r"\[([^\]]*)\]", lambda found: rng.choice(found.group(1).split("|")), core)
    text = re.sub(r"\{(\w+)\}", lambda found: rng.choice(SLOTS[found.group(1)]), text)
    return text.replace("p.m..", "p.m.")


class Writer:
    """Types a core as one of many guests would: greeting, ending, slips."""

    def __init__(self, language: str, rng: random.Random) -> None:
        self.language = language
        self.rng = rng
        self.affixes = sections("affixes.txt")

    def write(self, core: str, intent: str) -> str:
        """Return one filled question; `~` marks keywords, `!` casual speech."""
        mark, body = (core[0], core[1:]) if core[0] in "~!" else ("", core)
        text = fill(body, self.rng).strip()
        if mark == "~":
            return text.replace(" ", "　") if self.language == "ja" and self.rng.random() < 0.3 else text
        text = self.end(text, casual=mark == "!")
        if self.rng.random() < 0.035:
            text = self.slip(text)
        return self.wrap(text, intent, casual=mark == "!")

    def end(self, text: str, *, casual: bool) -> str:
        """Give the sentence the punctuation that this guest uses."""
        if self.language == "en":
            if casual:
                return text + ("?" if text[-1] not in "?!." and self.rng.random() < 0.3 else "")
            return text.lower().rstrip("?.") if self.rng.random() < 0.07 else text
        if text[-1] in "？！。":
            return text
        if text.endswith(("か", "でしょう")):
            return text + self.rng.choices(("？", "。", "", "?"), (40, 42, 13, 5))[0]
        return text + self.rng.choices(("。", "", "！"), (78, 20, 2))[0]

    def slip(self, text: str) -> str:
        """Make one typing mistake."""
        if self.language == "ja":
            fits = [pair for pair in SLIPS_JA if pair[0] in text]
            return text.replace(*self.rng.choice(fits), 1) if fits else text
        words = list(re.finditer(r"[a-z]{5,}", text))
        if not words:
            return text
        word = self.rng.choice(words)
        at = self.rng.randrange(word.start() + 1, word.end() - 2)
        if self.rng.random() < 0.5:
            return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        return text[:at] + text[at + 1 :]

    def wrap(self, text: str, intent: str, *, casual: bool) -> str:
        """Put a greeting or context before and a closing after, or neither."""
        before, after = self.rng.choices(((0, 0), (1, 0), (0, 1), (1, 1)), (46, 27, 17, 10))[0]
        # A newline between sentences is what a mail form leaves behind.
        joint = "\n" if self.rng.random() < 0.05 else ("" if self.language == "ja" else " ")
        if after:
            closing = self.rng.choice(self.affixes[f"{self.language} {'casual ' if casual else ''}close"])
            text = text + ("" if text[-1] in "？！。?!." else "。" if self.language == "ja" else ".")
            text += joint + fill(closing, self.rng)
        if before:
            opening = fill(self.rng.choice(self.openings(intent, casual=casual)), self.rng)
            comma = opening[-1] in "、,"
            text = opening + ((" " if self.language == "en" else "") if comma else joint) + text
        return text

    def openings(self, intent: str, *, casual: bool) -> list[str]:
        """Return the openings that make sense for the intent."""
        if intent.startswith("shop_"):
            topic = "shop"
        elif intent in AFTER_STAY:
            topic = "after"
        else:
            topic = "generic" if intent in NEUTRAL else "stay"
        head = f"{self.language} {'casual ' if casual else ''}"
        return self.affixes[head + topic] + self.affixes[head + "generic"]


def write_all(per_cell: int, rng: random.Random) -> dict[tuple[str, str], list[Question]]:
    """Return (intent, language) -> that many questions, every core in turn, none too like another or a wild one."""
    accepted = Accepted(LIKENESS_CEILING)
    for row in wild():
        # Taken first: a raw row that is too like a wild question would make the second figure too kind.
        accepted.add(row["question"], row["language"])
    cells: dict[tuple[str, str], list[Question]] = {}
    for language in LANGUAGES:
        writer, by_intent = Writer(language, rng), cores(language)
        for intent in intents():
            cells[intent, language] = _cell(by_intent[intent], intent, writer, accepted, per_cell)
    return cells


def _cell(lines: list[str], intent: str, writer: Writer, accepted: Accepted, wanted: int) -> list[Question]:
    taken: list[Question] = []
    for _ in range(60):
        order = list(enumerate(lines))
        writer.rng.shuffle(order)
        for number, core in order:
            for _ in range(4):
                text = writer.write(core, intent)
                if accepted.add(text, writer.language):
                    taken.append(Question(text, intent, writer.language, number))
                    break
            if len(taken) == wanted:
                return taken
    raise ValueError(f"{intent} {writer.language}: {len(taken)} different questions, {wanted} wanted; add cores")
