"""What a record holds of a benchmark is found, whole or in part; what merely resembles it is not."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kitae.core.records import Message, Origin, Record
from kitae.data.contamination import contamination_edits, open_index, save_index
from kitae.data.contamination.building import TEMPLATE_ROWS, build_index
from kitae.data.contamination.index import Index, Item, Limits
from kitae.data.contamination.matching import Hit, check, turns_of
from kitae.data.contamination.showing import common_marks, pieces, quote
from kitae.data.contamination.words import Hashed, grams, places, wide, words

ASKED = "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. How many?"
ANSWERED = "Natalia sold 48 / 2 = 24 clips in May, which makes 48 + 24 = 72 clips altogether in April and May."
ASKED_JA = (
    "縁側に面した六畳間で、祖母は毎朝七時きっかりに麦茶を沸かし、庭の朝顔へ水をやりました。麦茶は何時に沸きますか。"
)
ALPHABET = st.sampled_from("abcあい漢1 -")


def talk(*turns: str, use: str = "", system: str = "") -> Record:
    roles = ("user", "assistant") * len(turns)
    said = [Message(role, text) for role, text in zip(roles, turns, strict=False)]
    head = [Message("system", system)] if system else []
    return Record(f"{abs(hash(turns)):x}", (*head, *said), Origin("train.jsonl", 1), use=use)


def index_of(*rows: tuple[str, str], **limits: float | None) -> Index:
    items = [Item("exam", f"exam.jsonl:{n}", tuple(words(q)), tuple(words(a))) for n, (q, a) in enumerate(rows, 1)]
    return build_index(items, Limits(**limits))  # type: ignore[arg-type]


def worst(record: Record, *rows: tuple[str, str], **limits: float | None) -> Hit | None:
    return next(iter(check([record], index_of(*rows, **limits))[0]), None)


def told(record: Record, *rows: tuple[str, str], **limits: float | None) -> tuple[str, str] | None:
    hit = worst(record, *rows, **limits)
    return None if hit is None else (hit.kind, hit.how)


EXAM = (ASKED, ANSWERED)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (talk(ASKED, ANSWERED), ("both", "exact")),
        (talk(ASKED.upper().replace(" ", "　"), "Certainly."), ("question", "exact")),
        (talk("Who sold what?", ANSWERED), ("answer", "exact")),
        (talk(f"Please solve this:\n\n{ASKED}\n\nThink step by step.", ANSWERED), ("both", "spans")),
        (talk(ASKED.replace("April", "March"), "It is 72."), ("question", "spans")),
        (talk(ASKED.replace("How many?", "So?"), "It is 72."), ("question", "near")),
        (talk("Thank you.", "You are welcome.", ASKED, "So it is 72."), ("question", "exact")),
        (talk("Continue.", f"{ASKED} {ANSWERED}"), ("both", "spans")),
        (talk("What sells well?", "Clips do.", system=f"Example: {ASKED}"), ("question", "near")),
        (talk("How many clips did her friends buy?", "She sold half as many clips in May."), None),
        (talk("", ""), None),
    ],
)
def test_kinds_and_ways(record: Record, expected: tuple[str, str] | None) -> None:
    assert told(record, EXAM) == expected


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("72", "both"), ("#### 72", "both"), ("So she sold 72.", "both"), ("73", "question"), ("72 or 73", "question")],
)
def test_a_short_answer_counts_where_the_question_is_asked(answer: str, kind: str) -> None:
    assert told(talk(ASKED, answer), (ASKED, "72")) == (kind, "exact")
    assert told(talk("What is 70 + 2?", answer), (ASKED, "72")) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ASKED_JA, "exact"),
        ("　" + ASKED_JA.replace("、", "，").replace("。", "．"), "exact"),
        (f"次の文を読んで答えてください。{ASKED_JA}理由も書いてください。", "spans"),
        (ASKED_JA.replace("麦茶", "緑茶"), "spans"),
        (ASKED_JA.replace("庭の", ""), "near"),
        (ASKED_JA[:28], None),
        ("祖母は庭の朝顔が好きでした。何時に起きますか。", None),
    ],
)
def test_japanese_is_compared_by_characters(text: str, expected: str | None) -> None:
    hit = worst(talk(text, "七時です。"), (ASKED_JA, "七時です。"))
    assert (hit and hit.how) == expected


@pytest.mark.parametrize(("coverage", "found"), [(0.5, True), (0.6, True), (0.7, False)])
def test_a_part_of_a_question_counts_from_a_share(coverage: float, found: bool) -> None:
    said = words(ASKED)
    part = f"{' '.join(said[:14])} whatever else there may be to say about things of such a sort"
    hit = worst(talk(part, "?"), EXAM, coverage=coverage)
    assert (hit is not None) == found
    assert hit is None or hit.question == pytest.approx(14 / len(said), abs=1e-3)
    assert told(talk(" ".join(said[:12]), "?"), EXAM, coverage=0.1) is None


def test_a_short_question_must_be_there_as_a_whole() -> None:
    asked = "What do I do if my card is lost?"
    assert told(talk(f"Hello! {asked} Please help, I am in a hurry and far from home."), (asked, "")) is not None
    assert told(talk("Hello! What do I do if my card is stolen? I am far from home."), (asked, "")) is None


def test_what_many_rows_share_is_template() -> None:
    rule = (
        "Answer the following question about the inn with exactly one of the labels parking, breakfast, bath or none."
    )
    rows = [(f"{rule} {text}", "none") for text in map(str, range(TEMPLATE_ROWS + 1))]
    asked = f"{rule} May I bring my own old dog along to the garden in the evening, or is that not allowed here?"
    assert told(talk(asked, "none"), *rows) is None
    assert told(talk(asked, "none"), (asked, "none"), *rows) == ("both", "exact")
    own = f"{rule} May I bring my own old dog along to the garden in the evening, or is that not allowed at this inn?"
    hit = worst(talk(own, "none"), (asked, "none"), *rows, near=None)
    assert hit is not None
    assert hit.question == pytest.approx(19 / 20, abs=0.08)
    few = rows[:TEMPLATE_ROWS]
    assert told(talk(asked, "none"), *few) is not None


def test_small_talk_and_labels_are_no_questions() -> None:
    rows = [("Pending transfer?", "pending_transfer"), ("Thanks!", "You are welcome.")]
    assert told(talk("My money has not come.", "pending_transfer"), *rows) is None
    assert told(talk("Where is the bath?", "Downstairs.", "thanks", "You are welcome."), *rows) is None
    assert told(talk("thanks", "You are welcome."), *rows) == ("both", "exact")


def test_a_conversation_is_asked_as_a_whole() -> None:
    first = ("Is there a bath?", "Yes, on the ground floor.")
    question = Item(
        "exam", "1", (*words(first[0]), "\n", *words(first[1]), "\n", *words("And when?")), ("until", "ten")
    )
    index = build_index([question], Limits())
    assert [hit.kind for hit in check([talk(*first, "And when?", "Until ten.")], index)[0]] == ["both"]
    assert check([talk("And when?", "Until ten.")], index) == [()]


def test_rows_drawn_for_testing_contaminate_nothing() -> None:
    index = index_of(EXAM)
    edits = contamination_edits([talk(*EXAM, use=use) for use in ("", "train", "validation", "test")], index)
    assert [edit is not None for edit in edits] == [True, True, False, False]


def test_an_edit_names_the_row_and_masks_what_it_quotes() -> None:
    asked = f"{ASKED} Mail taro.yamada@example.com or call 090-1234-5678 by card 4111 1111 1111 1111 today, please."
    edit = contamination_edits([talk(asked, ANSWERED)], index_of((ASKED, ""), (asked, ANSWERED)))[0]
    assert edit is not None
    assert edit.rule == "contaminated"
    assert "exam.jsonl:2" in edit.reason
    assert [row["row"] for row in edit.detail["rows"]] == ["exam.jsonl:2", "exam.jsonl:1"]
    assert "Natalia sold clips" in edit.detail["spans"][0]
    assert "taro" not in str(edit)
    assert "1234" not in str(edit)
    assert "4111" not in str(edit)


@given(st.lists(st.text(ALPHABET, max_size=40), min_size=1, max_size=8), st.text(ALPHABET, max_size=40))
def test_near_questions_are_those_that_brute_force_finds(questions: list[str], asked: str) -> None:
    def alike(one: str, other: str, size: int) -> float:
        a, b = (set(grams("".join(words(text)), size).tolist()) for text in (one, other))
        return len(a & b) / len(a | b) if a | b else 0.0

    index = index_of(*((question, "") for question in questions), near=0.6, coverage=1.0)
    found = {hit.item for hit in check([talk(asked)], index)[0]}
    truth = set()
    for number, question in enumerate(questions):
        size = 3 if index.japanese[2 * number] else 5
        long_enough = len("".join(words(asked))) >= size
        if (long_enough and alike(question, asked, size) >= 0.6) or (words(question) == words(asked) != []):
            truth.add(number)
    assert truth <= found
    contained = {n for n, q in enumerate(questions) if words(q) and " ".join(words(q)) in " ".join(words(asked))}
    assert found <= truth | contained


BLOCKS = [[f"{letter}{n}" for n in range(5)] for letter in "pqr"]


@given(st.lists(st.integers(0, 2), max_size=9), st.lists(st.integers(0, 2), max_size=12), st.integers(8, 30))
def test_spans_are_what_brute_force_counts(question: list[int], asked: list[int], least: int) -> None:
    said, theirs = ([word for block in blocks for word in BLOCKS[block]] for blocks in (asked, question))
    windows = {tuple(said[n : n + 8]) for n in range(len(said) - 7)}
    covered: set[int] = set()
    for start in range(len(theirs) - 7):
        if tuple(theirs[start : start + 8]) in windows:
            covered.update(range(start, start + 8))
    index = index_of((" ".join(theirs), ""), words=least, near=None)
    hits = check([talk(" ".join(said))], index)[0]
    enough = len(covered) >= min(len(theirs), max(least, len(theirs) / 2)) > 0
    assert [hit.how for hit in hits] == (["exact"] if said == theirs != [] else ["spans"] if enough else [])
    if enough:
        assert hits[0].question == pytest.approx(len(covered) / len(theirs), abs=1e-3)


@given(st.lists(st.text(ALPHABET, max_size=60), max_size=6), st.data())
def test_a_batch_is_its_records(texts: list[str], data: st.DataObject) -> None:
    rows = [(text, text[::-1]) for text in texts]
    pool = st.lists(st.sampled_from([*texts, "a b c a b c 1 漢漢"]), min_size=1, max_size=3)
    records = [talk(*data.draw(pool)) for _ in range(4)]
    index = index_of(*rows)
    assert check(records, index) == [check([record], index)[0] for record in records]


def test_the_index_on_disk_is_the_index(tmp_path: Path) -> None:
    rows = [EXAM, (ASKED_JA, "七時です。"), ("short one", ""), ("", "")]
    for number, limits in enumerate(({}, {"near": None})):
        index = index_of(*rows, **limits)
        save_index(index, tmp_path / str(number))
        again = open_index(tmp_path / str(number))
        records = [talk(*EXAM), talk(ASKED_JA), talk("short one"), talk(ASKED.replace("May", "June"))]
        assert check(records, again) == check(records, index)
        assert any(check(records, again))


def test_without_benchmarks_nothing_is_found() -> None:
    assert check([talk(*EXAM)] * 3, index_of()) == [(), (), ()]


def test_hostile_repetition_is_no_trap() -> None:
    chant = "ha " * 3_000
    hits = check([talk(chant, chant)], index_of((chant[:900], chant[:900]), EXAM))[0]
    assert [hit.kind for hit in hits] == ["both"]


@given(st.text(max_size=80))
def test_places_are_those_of_the_words(text: str) -> None:
    found = [wide(text)[start:end].casefold() for start, end in places(text)]
    assert found == words(text)


@given(st.lists(st.sampled_from(["a", "b", "漢"]), max_size=40), st.integers(1, 6))
def test_equal_windows_have_equal_hashes_wherever_they_stand(said: list[str], size: int) -> None:
    hashes = Hashed.of_words(said).windows(size).tolist()
    seen: dict[tuple[str, ...], int] = {}
    assert len(hashes) == max(len(said) - size + 1, 0)
    for start, number in enumerate(hashes):
        window = tuple(said[start : start + size])
        assert seen.setdefault(window, number) == number
    assert len(set(seen.values())) == len(seen)


def test_pieces_are_the_text_and_quotes_are_masked() -> None:
    text = "Call 090-1234-5678 at noon, then ring ０９０－８７６５－４３２１ again."
    assert "".join(piece for piece, _ in pieces(text, [(1, 3)])).count("[phone]") == 2
    assert quote(text, 5, 9) == "noon, then ring [phone]"
    assert quote("ab cd ef", 1, 2) == "cd"


def test_common_runs_are_marked() -> None:
    marks = common_marks("I say: one two three four five, and no more", ["six one two three four five seven"])
    assert marks == [(2, 7)]
    assert common_marks("", ["x"]) == []


def test_spans_lie_in_turns() -> None:
    record = talk("Continue.", f"{ASKED} {ANSWERED}", system="Be brief.")
    hit = check([record], index_of(EXAM))[0][0]
    turns = turns_of(record)
    assert [turn.role for turn in turns] == ["user", "assistant", "system"]
    assert all(0 <= start < end <= len(words(turns[turn].content)) for turn, start, end in hit.spans)


def drawn(count: int, seed: int) -> Sequence[str]:
    draw = random.Random(seed)
    vocabulary = [f"w{n}" for n in range(2_000)]
    return [" ".join(draw.choices(vocabulary, k=20)) for _ in range(count)]


def test_unrelated_texts_are_clean() -> None:
    index = index_of(*((text, text[::-1]) for text in drawn(300, 1)))
    assert not any(check([talk(text, "no") for text in drawn(1_000, 2)], index))
