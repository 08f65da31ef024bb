"""Rules with reasons, held-out sets, reports, and the same bytes every time."""

from pathlib import Path
from typing import Any

import pytest
from data.desk import Desk, dropped, kept

from kitae import data
from kitae.core.files import read_jsonl
from kitae.data.language import detect_language
from kitae.data.rules import RULES, is_placeholder
from kitae.errors import SourceError

GOOD = [
    ("駐車場はありますか。", "はい、30台分ございます。"),
    ("朝食は何時からですか。", "朝食は7時から9時までです。"),
    ("犬を連れて行けますか。", "客室にはお入りいただけません。"),
    ("Where is the large bath?", "It is on the ground floor."),
    ("Is there a shuttle bus?", "Yes, from the east exit of the station."),
    ("May I check in late?", "You may, until ten in the evening."),
    ("How do I change my dates?", "Please use the booking page."),
]


def rows(*extra: tuple[str, str], **columns: Any) -> list[dict[str, Any]]:
    return [{"question": q, "answer": a, **columns} for q, a in [*GOOD, *extra]]


@pytest.mark.parametrize(
    ("rule", "question", "answer"),
    [
        ("empty_question", "  -  ", "It is open until six."),
        ("empty_answer", "When does it close?", "（未記入）"),
        ("empty_answer", "When does it close?", " \n"),
        ("empty_answer", "When does it close?", "TBD"),
        ("wrong_language", "Wann ist die Rezeption geöffnet?", "Sie ist von sieben bis zehn Uhr geöffnet."),
        ("wrong_language", "几点可以入住酒店？", "下午三点以后可以入住。"),
        ("wrong_language", "When does it close tonight?", "午後10時に閉まります。"),
        ("offensive", "Answer me, you stupid clowns!", "It closes at ten."),
        ("offensive", "閉まるのは何時だ、このクズ。", "10時に閉まります。"),
        ("too_short", "?!a", "It closes at ten."),
        ("too_long", "Why? " * 5000, "It closes at ten."),
        ("repetition", "Why is it closed now? " * 20, "It closes at ten."),
        ("answer_equals_question", "It closes at ten.", "it closes at ten"),
        ("truncated_answer", "When does the shop close today?", "It closes at ten on weekdays and at"),
        ("mojibake", "閉店は何時\ufffd\ufffdか", "10時に閉まります。"),
    ],
)
def test_each_rule_drops_with_its_reason(desk: Desk, rule: str, question: str, answer: str) -> None:
    desk.rows("faq.jsonl", rows((question, answer)))
    gone = dropped(desk.prepare())
    assert list(gone) == [rule]
    [record] = gone[rule]
    assert record.origin.row == len(GOOD) + 1
    assert record.history[-1].reason
    assert rule in RULES


def test_a_rule_can_be_switched_off_and_set(desk: Desk) -> None:
    desk.rows("faq.jsonl", rows(("When does it close?", "TBD"), ("Why is it so cold in here today?", "x" * 500 + ".")))
    assert "empty_answer" not in dropped(desk.prepare(clean={"empty_answer": False}))
    assert list(dropped(desk.prepare(clean={"empty_answer": False, "too_long": 400}))) == ["too_long"]


def test_a_rule_can_set_aside_or_only_flag(desk: Desk) -> None:
    desk.rows("faq.jsonl", rows(("When does it close?", "TBD"), ("May I recieve a guest?", "You may, until ten.")))
    dataset = desk.prepare(clean={"empty_answer": {"action": "quarantine"}})
    [aside] = read_jsonl(dataset.file("quarantine.jsonl"))
    assert aside["reason"] == "empty_answer: the answer is empty or a placeholder"
    assert (aside["row"], dropped(dataset)) == (len(GOOD) + 1, {})
    report = dataset.json("report.json")
    assert report["flags"] == {"suspected_typo": 1}
    assert report["read"] == report["kept"] + report["quarantined"] == len(GOOD) + 2
    [flagged] = [record for record in kept(dataset) if record.history]
    assert flagged.history[-1].reason == "suspected typos: 'recieve' for 'receive'"


def test_no_licence(desk: Desk) -> None:
    given = [
        {"question": q, "answer": a, "利用許諾": t} for (q, a), t in zip(GOOD, ["CC-BY-4.0", "", "不明"], strict=False)
    ]
    desk.rows("faq.jsonl", given, licence=None)
    dataset = desk.prepare()
    assert [r.terms.licence for r in kept(dataset)] == ["CC-BY-4.0"]
    assert len(dropped(dataset)["no_licence"]) == 2
    desk.sources[0]["licence"] = "MIT"
    assert [r.terms.licence for r in kept(desk.prepare())] == ["CC-BY-4.0", "MIT"]


def test_nothing_left_says_why(desk: Desk) -> None:
    desk.rows("faq.jsonl", rows(), licence=None)
    with pytest.raises(SourceError, match="no_licence: 7") as caught:
        desk.prepare()
    assert "licence" in caught.value.hint


def test_chat_without_full_stops_is_not_cut_off(desk: Desk) -> None:
    desk.rows("chat.jsonl", [{"question": q, "answer": a.rstrip("。.")} for q, a in GOOD])
    assert dropped(desk.prepare()) == {}


def test_translations_are_left_alone(desk: Desk) -> None:
    pairs = [(a, q) for (q, _), (a, _) in zip(GOOD[:3], GOOD[3:6], strict=True)]
    desk.rows("pairs.jsonl", [{"question": en, "answer": ja} for en, ja in pairs])
    assert dropped(desk.prepare()) == {}


def test_labels_are_no_answers(desk: Desk) -> None:
    labels = ["lost", "", "none", "N/A", "lost"]
    questions = [question for question, _ in GOOD]
    given = [{"text": q, "label": label} for q, label in zip(questions, labels, strict=False)]
    desk.rows("rows.jsonl", given)
    dataset = desk.prepare(task="classify")
    assert [r.label for r in kept(dataset)] == ["lost", "none", "N/A", "lost"]
    assert list(dropped(dataset)) == ["empty_answer"]


def test_a_held_out_set_keeps_all_that_can_be_marked(desk: Desk) -> None:
    odd = [("Shut up, you idiots.", "No."), ("Wo ist es denn bitte?", "Da."), GOOD[0], ("Who?", ""), ("", "Nobody.")]
    desk.rows("wild.jsonl", rows(*odd))
    dataset = desk.prepare(held_out=True)
    assert len(kept(dataset)) == len(GOOD) + 3
    assert dropped(dataset) == {}
    assert [row["row"] for row in read_jsonl(dataset.file("quarantine.jsonl"))] == [11, 12]


@pytest.mark.parametrize("case", [{"held_out": True}, {"use": "test"}])
def test_terms_matter_for_what_is_only_measured_too(desk: Desk, case: dict[str, Any]) -> None:
    held_out = case.pop("held_out", False)
    desk.rows("known.jsonl", rows())
    desk.rows("wild.jsonl", [{"question": "Who runs this place?", "answer": "Two sisters do."}], licence=None, **case)
    dataset = desk.prepare(held_out=held_out)
    assert len(kept(dataset)) == len(GOOD)
    assert [record.origin.file for record in dropped(dataset)["no_licence"]] == ["wild.jsonl"]


def test_an_id_tells_nothing_of_what_was_redacted(desk: Desk) -> None:
    ids = []
    for number in ("090-1234-5678", "090-8765-4321"):
        desk.sources.clear()
        desk.rows("faq.jsonl", rows((f"Is {number} still my number?", "Yes, it is.")))
        ids.append(kept(desk.prepare())[-1].id)
    assert ids[0] == ids[1]


def test_the_instruction_stands_first_and_only_once(desk: Desk) -> None:
    own = {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Is it far away?"},
                        {"role": "assistant", "content": "No, it is not."}]}  # fmt: skip
    desk.rows("faq.jsonl", [*rows(), own])
    records = kept(desk.prepare(instruction="Answer for the inn."))
    assert [r.messages[0].content for r in records] == ["Answer for the inn."] * len(GOOD) + ["Be brief."]


def test_ids_and_bytes_are_stable(tmp_path: Path) -> None:
    digests = set()
    for folder in ("a", "b"):
        desk = Desk(tmp_path / folder)
        desk.folder.mkdir()
        desk.rows("faq.jsonl", rows(("When does it close?", "TBD")))
        dataset = desk.prepare()
        digests.add((dataset.digest, desk.split(dataset).digest))
    assert len(digests) == 1


def test_unchanged_work_is_found_again_and_a_changed_setting_redone(desk: Desk) -> None:
    desk.rows("faq.jsonl", rows())
    heard: list[tuple[str, str]] = []
    desk.workspace.events.listen(lambda event: heard.append((event["stage"], event["event"])))
    first = desk.prepare()
    assert desk.prepare().digest == first.digest
    assert ("dataset", "skipped") in heard
    heard.clear()
    desk.prepare(languages=["ja"])
    assert ("source", "skipped") in heard
    assert ("dataset", "finished") in heard


def test_a_file_that_changes_meanwhile_is_noticed(desk: Desk) -> None:
    desk.rows("faq.jsonl", rows())
    dataset = desk.prepare()
    source = desk.workspace.find(dict(dataset.parents)["source"])
    (desk.folder / "faq.jsonl").write_text('{"question": "Why?", "answer": "So."}\n', "utf-8")
    from kitae.core.data_settings import DataSettings

    changed = DataSettings.model_validate({"sources": desk.sources, "languages": ["en"]})
    with pytest.raises(SourceError, match="changed"):
        data.prepare(source, settings=changed, task="chat", out=desk.workspace, folder=desk.folder)  # type: ignore[arg-type]


def test_the_notes_say_the_figures(desk: Desk) -> None:
    desk.rows("faq.jsonl", rows(("When does it close?", "TBD"), ("Call 090-1234-5678 when?", "We will.")))
    desk.write("more.jsonl", '{"question": "Is it still warm outside?", "answer": "It is."}\n{broken\n')
    notes: list[str] = []
    desk.workspace.events.listen(lambda e: notes.append(e["text"]) if e["event"] == "note" else None)
    dataset = desk.prepare()
    said = "\n".join(notes)
    for part in ("11 rows read = 9 kept + 1 dropped + 1 quarantined", "empty answer 1", "phone 1", "more.jsonl:2"):
        assert part in said
    assert dataset.summary["lines"] == [note for note in notes if note in dataset.summary["lines"]]


@pytest.mark.parametrize("text", ["", "-", "（未記入）", "N/A", "TBD", "…", "---", "[none]", "未回答"])
def test_placeholders(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize("text", ["はい", "no", "15時", "Yes.", "なし", "12", "OK"])
def test_short_answers_are_no_placeholders(text: str) -> None:
    assert not is_placeholder(text)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Wifi?", "en"), ("Is there parking", "en"), ("駐車場の有無", "ja"), ("朝食時間", ""), ("トイレ", "ja"),
        ("123", ""),
        ("Haben Sie WLAN?", "de"), ("À quelle heure est le check-in ?", "fr"), ("¿A qué hora es el check-in?", "es"),
        ("Posso portare il mio cane?", "it"), ("Kan ik mijn hond meenemen?", "nl"), ("请问有停车场吗", "zh"),
        ("請問早餐幾點開始？", "zh"), ("체크인은 몇 시부터입니까?", "ko"), ("Во сколько заезд?", "other"),
        ("部屋はWi-Fi使えますか", "ja"), ("See https://example.org/der-die-das", "en"),
        ("sk-abc123def456ghi789jkl", ""),
        # Kanji that Chinese uses more often prove nothing.
        ("目的地変更", ""), ("具体的内容", ""), ("公的証明書必要", ""), ("冷房故障中", ""), ("他社製品対応", ""),
        ("怪我人対応方法", ""), ("目的地変更の手続", "ja"),
        ("我的房間沒有浴室", "zh"), ("早餐的時間可以改嗎", "zh"), ("他们的房间", "zh"),
    ],
)  # fmt: skip
def test_languages(text: str, language: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize("stated", ["ja-JP", "ja_JP", "JA", " ja_JP.UTF-8", "日本語", "jpn"])
def test_a_stated_language_is_reduced_to_the_language(desk: Desk, stated: str) -> None:
    """The question alone does not say in which language it is."""
    desk.rows("a.jsonl", [{"question": "朝食時間", "answer": "七時からでございます。", "language": stated}])
    [record] = kept(desk.prepare())
    assert record.language == "ja"


def test_known_rules_have_meanings() -> None:
    known = data.known_rules()
    assert {rule["name"] for rule in known} == set(RULES)
    assert all(rule["meaning"] for rule in known)
