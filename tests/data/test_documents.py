"""Raw texts for continued pre-training come through the whole stage; the bad ones go, each with its reason."""

import random

import pytest
from data.desk import Desk, dropped, kept
from data.talks import talk

from kitae.data.rules import RULES, Norms, chosen_rules, judge

PLACES = ["garden", "harbour", "station", "library", "bridge", "market", "tower", "temple", "orchard", "mill"]
TIMES = ["spring", "summer", "autumn", "winter"]
KINDS = ["ships", "lanterns", "bicycles", "letters", "kites", "umbrellas", "clocks", "drums", "maps"]
NORMS = Norms("pretrain", ("ja", "en"))


def english(number: int) -> str:
    place, time, kind = (words[number % len(words)] for words in (PLACES, TIMES, KINDS))
    return (
        f"The old {place} was built in {1700 + number}, and in {time} people came from far away to see its {kind}. "
        f"Nobody remembers who drew the first plan of the {place}. A merchant paid for the roof, and the {kind} were "
        f"brought by {number + 3} carts over the northern road."
    )


def japanese(number: int) -> str:
    return (
        f"この町の{number + 2}番目の橋は{1600 + number}年に架けられました。春には川沿いの桜が咲き、多くの人が訪れます。"
        f"橋のたもとには{number + 3}軒の茶店が並び、旅人は団子を食べながら舟を待ったと伝えられています。"
    )


def prose(lines: int) -> list[str]:
    """Lines of words in no order, which hardly repeat a piece."""
    chance = random.Random(3)
    words = [*PLACES, *TIMES, *KINDS, "and", "the", "under", "behind", "with", "seldom", "quickly", "old", "green"]
    return [" ".join(chance.sample(words, 12)) + "." for _ in range(lines)]


GOOD = [*map(english, range(8)), *map(japanese, range(8))]
BAD = {
    "empty_document": " -- \n *** ",
    "short_document": "Chapter 3",
    "repetition": "Read it now and never again. " * 40,
    "repeated_lines": "\n".join(prose(40) * 2),
    "symbols": "The night of the harvest " + "★☆-=#=-◆◇/|" * 6,
    "links": "See https://a.example/one https://a.example/two https://a.example/three today",
    "wrong_language": "Das alte Haus an der Brücke wurde vor vielen Jahren gebaut, und niemand weiß heute, wer es war.",
    "boilerplate": "This website uses cookies to improve your experience. © 2023 Inn. All rights reserved.",
    "leftover_template": "Dear {{guest_name}}, thank you for your stay at our old house by the river.",
    "offensive": "Shut up, you stupid clown. You are an idiot and everybody in the village knows it.",
    "mojibake": "閉店は10時\ufffd\ufffdです。川沿いの桜が咲き、多くの人が訪れます。",
}


@pytest.mark.parametrize("name", ["folder", "lines"])
def test_good_documents_are_kept_and_bad_ones_go_with_their_reason(desk: Desk, name: str) -> None:
    texts = [*GOOD, *BAD.values()]
    if name == "folder":
        for number, text in enumerate(texts):
            desk.write(f"texts/{number:02}.txt", text)
        desk.sources = [{"path": "texts", "licence": "CC0-1.0"}]
    else:
        desk.rows("texts.jsonl", [{"text": text} for text in texts])
    dataset = desk.prepare(task="pretrain", duplicates={"near": None, "boilerplate": "off"})
    assert [record.messages[0].content for record in kept(dataset)] == GOOD
    gone = {rule: [record.messages[0].content for record in records] for rule, records in dropped(dataset).items()}
    assert {rule: len(texts) for rule, texts in gone.items()} == dict.fromkeys(BAD, 1)
    assert all(record.history[-1].reason for records in dropped(dataset).values() for record in records)
    report = dataset.json("report.json")
    assert report["read"] == len(texts) == report["kept"] + report["dropped"] + report["quarantined"]


def test_duplicates_and_private_data_of_documents(desk: Desk) -> None:
    near = english(0).replace("merchant", "trader")
    private = english(3) + " Write to taro.yamada@example.co.jp about it."
    desk.rows("texts.jsonl", [{"text": text} for text in (*GOOD[:8], GOOD[1], near, private)])
    dataset = desk.prepare(task="pretrain")
    assert {rule: len(found) for rule, found in dropped(dataset).items()} == {"exact_duplicate": 1, "near_duplicate": 2}
    assert all("taro.yamada" not in record.messages[0].content for record in kept(dataset))


BOOK = "\n\n".join(f"{english(n)}\n{japanese(n)}" for n in range(150))


@pytest.mark.parametrize(
    "planted",
    [
        "© 2023 Suzukake Inn. All rights reserved.",
        "Dear {{guest_name}}, it closes at ten.",
        "Shut up, you stupid clown.",
        "One letter \ufffd is lost.",
        "I recieve guests.",
    ],
)
def test_one_fault_is_no_reason_to_lose_a_book(planted: str) -> None:
    rules = chosen_rules({})
    assert judge(talk(("document", BOOK)), NORMS, rules) is None
    assert judge(talk(("document", f"{BOOK}\n{planted}")), NORMS, rules) is None
    assert judge(talk(("document", f"{planted} {planted}")), NORMS, rules) or "recieve" in planted


def test_lengths_of_documents_have_thresholds_of_their_own() -> None:
    book = talk(("document", BOOK))
    assert len(BOOK) > float(RULES["too_long"].default)
    assert judge(book, NORMS, chosen_rules({"long_document": 30_000})) == ("long_document", f"{len(BOOK)} characters")
    line = talk(("document", "Chapter 3"))
    assert judge(line, NORMS, chosen_rules({})) == ("short_document", "the document has 8 letters or digits")
    assert judge(line, NORMS, chosen_rules({"short_document": 8})) is None


def test_every_rule_says_what_it_looks_at() -> None:
    for name, rule in RULES.items():
        assert rule.looks_at, name
        assert ("document" in rule.about) == bool({"document", "terms"} & set(rule.looks_at)), name
