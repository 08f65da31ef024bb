"""The report's page: offline, in two languages, with nothing that users wrote let loose, and fit for a telephone."""

import json
from collections import Counter
from dataclasses import replace
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from browser import check, needs_chromium
from data.desk import Desk
from data.talks import pair
from data.test_rules import ANSWERS, NORMS, reason

from kitae.core.data_settings import DataSettings
from kitae.core.files import read_jsonl
from kitae.core.records import Edit, Message, Origin, Terms
from kitae.data.contamination.checking import RULE
from kitae.data.custody.erased import REASONS as REASONS_OF_ERASURES
from kitae.data.duplicates import REASONS
from kitae.data.intake import FileCount, Quarantined
from kitae.data.privacy.recognisers import KINDS, ON_REQUEST
from kitae.data.report import dataset_report, mended_samples, report_page, tally_of
from kitae.data.report.rendering import name_of, names, said
from kitae.data.report.rendering import reason as reason_of
from kitae.data.review.decisions import REVIEW
from kitae.data.rules import RULES
from kitae.data.rules.attributes import attribute_words
from kitae.data.rules.lexicon import word_list
from kitae.data.shapes import SHAPES

ATTACK = "<script>alert('x')</script>"
HOSTILE = (
    ATTACK,
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }} {% raw %}",
    "\u202egnp.exe\u202c \u2066x",
    "&lt;b&gt;",
    "a\x00b",
    "'",
)
SETTINGS = DataSettings.model_validate({"sources": [{"path": "a.jsonl"}]})


def hostile_report(text: str) -> dict[str, Any]:
    """A report in which a text stands wherever users can put one."""
    record = replace(
        pair(text, text, label=text, language=text),
        origin=Origin(text, 1, text),
        terms=Terms(text, text, text),
        history=(Edit("mojibake", text, {"turn": 1}), Edit(text, text, {"action": "flag"})),
    )
    gone = replace(record, history=(Edit(text, text, {"kept": text}),))
    tally = tally_of([record], [gone, gone], [Quarantined(Origin(text, 2), text, text, text)])
    count = FileCount(text, "utf-8", 4, 1, Counter({text: 3}))
    count.mended = mended_samples([(record, lambda: (Message("user", text + "x"), Message("assistant", text)))])
    return dataset_report(tally, [count], settings=SETTINGS, task="chat")


class Elements(HTMLParser):
    """What a browser would make of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parsed(page: str) -> Elements:
    elements = Elements()
    elements.feed(page)
    elements.close()
    return elements


@pytest.mark.parametrize("text", HOSTILE)
def test_what_users_wrote_is_text_and_nothing_else(text: str) -> None:
    plain, hostile = parsed(report_page(hostile_report("plain"))), parsed(report_page(hostile_report(text)))
    assert hostile.tags == plain.tags
    assert hostile.attributes == plain.attributes
    assert hostile.tags["script"] == 1
    assert not {name for name in hostile.attributes if name.startswith("on")}
    shown = unescape(str(said(text))).removeprefix("<bdi>").removesuffix("</bdi>")
    assert sum(shown in part for part in hostile.text) >= 10


def test_what_cannot_be_seen_is_written_out() -> None:
    page = report_page(hostile_report("\u202eevil\u2066\u200b"))
    assert "\\u202eevil\\u2066\\u200b" in page
    assert not set("\u202e\u2066\u200b") & set(page)


def test_the_page_is_one_file_that_loads_nothing() -> None:
    page = report_page(hostile_report("plain"))
    elements = parsed(page)
    assert "://" not in page
    assert not elements.attributes & {"src", "href", "srcset", "data", "style"}
    assert not elements.tags.keys() & {"link", "img", "iframe", "object", "base", "form"}
    assert "default-src 'none'" in unescape(page)


def test_the_same_report_is_the_same_page() -> None:
    assert report_page(hostile_report("x")) == report_page(json.loads(json.dumps(hostile_report("x"))))


def test_everything_has_a_name_in_both_languages() -> None:
    wanted = {
        "rules": {*RULES, *(rule for rule, _ in REASONS.values()), "privacy", "normalise", RULE, REVIEW},
        "kinds": {*KINDS, *ON_REQUEST},
        "attributes": {*word_list("attributes"), *(one for group in word_list("attributes").values() for one in group)},
        "shapes": set(SHAPES),
        "uses": {"split", "train", "validation", "test"},
        "languages": {"ja", "en", "other"},
    }
    assert {group: known - names()[group].keys() for group, known in wanted.items()} == {
        group: set() for group in wanted
    }
    assert all(english and japanese for group in names().values() for english, japanese in group.values())
    assert str(name_of("labels", "my_label")) == "<bdi>my_label</bdi>"
    assert attribute_words()


@pytest.mark.parametrize(("rule", "answer"), [(rule, answer) for rule, some in ANSWERS.items() for answer in some])
def test_reasons_are_given_in_japanese_too(rule: str, answer: str) -> None:
    given = reason(pair("When does the bath close?", answer), rule, NORMS)
    assert given
    assert 'lang="ja"' in str(reason_of(given)), given


@pytest.mark.parametrize("given", [text for _, text in REASONS.values()])
def test_reasons_of_duplicates_are_given_in_japanese_too(given: str) -> None:
    assert 'lang="ja"' in str(reason_of(given.format(camps=2, origin="a.jsonl:3", similarity=0.91)))


def test_reasons_of_rows_that_could_not_be_read_are_given_in_japanese_too(desk: Desk) -> None:
    good = {"question": "Is it far?", "answer": "It is not far."}
    rows = [
        good,
        {"question": None, "answer": None},
        {"colour": "red"},
        {"messages": []},
        {"messages": [{"role": "wizard", "content": "x"}]},
        {"messages": [{"role": "user"}]},
        {"question": {"a": 1}, "answer": "A."},
        {"question": "Is it \ud800 far?", "answer": "No."},
        {"text": "The inn lies by the river."},
        ["no", "object"],
    ]
    lines = [json.dumps(row) for row in rows]
    desk.write("rows.jsonl", "\n".join([*lines, "{broken", '{"question": "x"', "[" * 100_000]))
    desk.write("list.json", json.dumps([good, good])[:-30] + "oops")
    desk.write("table.csv", b"question,answer\nIs it open?,It is.\none,two,three\nIs \xff it?,It is.\n")
    aside = list(read_jsonl(desk.prepare().file("quarantine.jsonl")))
    assert len(aside) >= len(rows) + 3
    unknown = [row["reason"] for row in aside if 'lang="ja"' not in str(reason_of(row["reason"]))]
    assert unknown == []


@pytest.mark.parametrize("given", REASONS_OF_ERASURES.values())
def test_reasons_of_erasures_are_given_in_japanese_too(given: str) -> None:
    assert 'lang="ja"' in str(reason_of(f"{given} (erasure abc)"))


@pytest.mark.parametrize(
    ("given", "japanese"),
    [
        ("empty_answer: the answer is empty or a placeholder", "回答が空：回答が空か、仮置きの語です"),
        ("states no licence; names no rights holder", "ライセンスが書かれていません、権利者が書かれていません"),
    ],
)
def test_reasons_that_are_put_together_are_given_in_japanese_too(given: str, japanese: str) -> None:
    assert japanese in str(reason_of(given))


def test_a_reason_that_nobody_knows_stands_as_it_is() -> None:
    assert str(reason_of("line 3 <is> odd")) == f"<bdi>{escape('line 3 <is> odd')}</bdi>"


def test_a_report_of_nothing_but_kept_rows_has_no_empty_sections() -> None:
    tally = tally_of([pair("Is it far?", "No, it is not far.")])
    report = dataset_report(tally, [FileCount("a.jsonl", "utf-8", 1)], settings=SETTINGS, task="chat")
    page = report_page(report)
    for absent in ("What left and why", "Set aside:", "Duplicates", "Flags:", "Labels"):
        assert absent not in page
    assert "Of 1 rows, 1 stay" in page


def test_a_mended_place_is_shown_before_and_after_unless_it_is_private() -> None:
    edit = Edit("mojibake", "put right", {"turn": 1})
    clean = replace(pair("It’s far, isn’t it?", "No."), history=(edit,))
    private = replace(pair("Call 090-1234-5678, it’s me.", "No."), history=(edit,))
    samples = mended_samples(
        [
            (clean, lambda: (Message("user", "Itâ€™s far, isnâ€™t it?"),)),
            (private, lambda: (Message("user", "Call â€™"),)),
        ]
    )
    first, second = samples["mojibake"]
    assert (first["before"], first["after"]) == ("Itâ€™s far, isnâ€™t it?", "It’s far, isn’t it?")
    assert (second["before"], second["after"]) == ("", "Call [phone], it’s me.")


def test_many_names_are_folded_and_none_is_lost() -> None:
    records = [
        pair("Is it far?", f"class {number:03}", label=f"class {number:03}", row=number) for number in range(300)
    ]
    report = dataset_report(tally_of(records), [FileCount("a.jsonl", "utf-8", 300)], settings=SETTINGS, task="classify")
    page = report_page(report)
    assert len(report["labels"]) == 300
    assert "class 023" in page
    assert "class 223" in page
    assert "class 224" not in page
    assert "All of them are in report.json." in page


@pytest.fixture
def page(desk: Desk) -> Path:
    long = "a_very_long_word_without_any_space_" * 6
    rows = [{"question": f"Is it number {n} then, or not?", "answer": f"It is {n}, said {long}."} for n in range(30)]
    rows += [
        {"question": "駐車場をを使えますか", "answer": "はい、ございます。", "label": long},
        {"question": "Who?", "answer": "TBD"},
    ]
    desk.rows("a_file_with_a_rather_long_name_of_an_export_2024-04-01.jsonl", rows)
    desk.write("b.jsonl", '{"question": "When does it close?", "answer": "At ten."}\n{"broken\n')
    return desk.prepare().file("report.html")


@pytest.mark.slow
@needs_chromium
def test_a_browser_shows_it_from_disk_in_either_language_on_a_telephone(page: Path, tmp_path: Path) -> None:
    assert check(page, tmp_path) > 0
