"""What is said in other words is flagged (or goes), stays on one side of the split, and is the same for any cut."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.desk import Desk, dropped, kept, side
from data.small.endpoint import Fake, serving

from kitae.core.data_settings import DataSettings
from kitae.core.files import read_json
from kitae.data import meaning, shards
from kitae.data.meaning import SAME_MEANING
from kitae.data.meaning.letters import learn_letters, letter_vectors, same_words
from kitae.errors import InputError

OTHERS = [
    "朝食は何時に始まりますか。", "犬を連れて泊まれますか。", "温泉はどこにありますか。", "カードは使えますか。",
    "Where is the large bath?", "Is there a shuttle bus?", "May I bring my bicycle in?", "Can I pay by card?",
    "最寄りの駅から歩けますか。", "荷物を先に送れますか。", "Who do I call at night?", "Is the garden open?",
]  # fmt: skip
SAME = ("駐車場の料金はいくらですか。", "いくらですか、駐車場の料金は。")


def answer(question: str, number: int) -> str:
    return f"Answer {number}." if question.isascii() else f"答えは{number}番です。"


def rows(*extra: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"question": q, "answer": a} for q, a in [*((q, answer(q, n)) for n, q in enumerate(OTHERS)), *extra]]


PAIR = [(SAME[0], "一泊千円です。"), (SAME[1], "一泊千円です。")]


def flagged(desk: Desk, **settings: Any) -> list[Any]:
    dataset = desk.prepare(duplicates={"near": None, "meaning": {"alike": 0.7, **settings}})
    return [(r, e) for r in kept(dataset) for e in r.history if e.rule == SAME_MEANING]


def test_off_unless_asked_for(desk: Desk) -> None:
    desk.rows("faq.jsonl", rows(*PAIR))
    dataset = desk.prepare()
    assert len(kept(dataset)) == len(OTHERS) + 2
    assert dataset.json("report.json")["meanings"] is None


def test_it_flags_for_the_better_one_and_shows_the_pair(desk: Desk) -> None:
    desk.rows("faq.jsonl", rows(*PAIR))
    [(record, edit)] = flagged(desk)
    best, other = (r for r in kept(desk.prepare()) if r.question in SAME)
    longer, shorter = (best, other) if len(best.question) >= len(other.question) else (other, best)
    assert (record.id, edit.detail["like"]) == (shorter.id, longer.id)
    assert edit.reason.startswith(f"seems to say in other words what {longer.origin} says (similarity 0.")
    dataset = desk.prepare(duplicates={"near": None, "meaning": {"alike": 0.7}})
    found = dataset.json("report.json")["meanings"]
    assert (found["compared"], found["found"], found["by"]) == (len(OTHERS) + 2, 1, "letters")
    [pair] = found["examples"]
    assert {pair["one"]["question"], pair["other"]["question"]} == set(SAME)
    page = dataset.file("report.html").read_text("utf-8")
    assert "言い換えの疑い" in page
    assert SAME[1] in page
    assert any("said in other words: 1 of" in line for line in dataset.summary["lines"])


def test_one_word_that_differs_is_enough(tmp_path: Path) -> None:
    assert same_words("和食を部屋で食べられますか。", "部屋で、和食を食べられますか。")
    assert not same_words("和食を部屋で食べられますか。", "洋食を部屋で食べられますか。")
    assert not same_words("大人一人と子供一人で泊まれますか。", "大人二人と子供一人で泊まれますか。")
    assert same_words("When will the card be delivered?", "Will the card be delivered when?")
    assert not same_words("Where is the parking garage?", "Where is the parking meter?")


@pytest.mark.parametrize(
    ("question", "answer"),
    [(SAME[1], "無料でお使いいただけます、どうぞ。"), ("いくらですか、2台分の駐車場の料金は。", "一泊千円です。")],
)
def test_another_answer_or_number_is_another_meaning(desk: Desk, question: str, answer: str) -> None:
    desk.rows("faq.jsonl", rows(PAIR[0], (question, answer)))
    assert flagged(desk, alike=0.5) == []


def test_dropped_ones_add_up_and_name_who_stays_in_the_end(desk: Desk) -> None:
    longest = "教えてください。いくらですか、駐車場の料金は。"
    desk.rows("faq.jsonl", rows(*PAIR, PAIR[1], (longest, "一泊千円です。")))
    dataset = desk.prepare(duplicates={"near": None, "meaning": {"alike": 0.6, "action": "drop"}})
    gone = dropped(dataset)
    [best] = [r for r in kept(dataset) if "駐車場" in r.question]
    assert best.question == longest
    assert {rule: len(records) for rule, records in gone.items()} == {SAME_MEANING: 2, "exact_duplicate": 1}
    assert {r.history[-1].detail["kept"] for records in gone.values() for r in records} == {best.id}
    report = dataset.json("report.json")
    assert report["read"] == report["kept"] + report["dropped"]


def test_what_is_contested_is_compared_as_well(desk: Desk) -> None:
    desk.rows("faq.jsonl", rows(*PAIR, (SAME[0], "無料でお使いいただけます。")))
    settings = {"near": None, "conflicts": "keep", "meaning": {"alike": 0.7}}
    records = [r for r in kept(desk.prepare(duplicates=settings)) if r.question in SAME]
    rules = sorted(sorted(edit.rule for edit in r.history) for r in records)
    assert rules == [[], ["conflicting_answers"], ["conflicting_answers", SAME_MEANING]]


def test_no_split_parts_a_pair(desk: Desk) -> None:
    pairs = [(f"あの、{q[:-1]}ね。" if q[-1] == "。" else f"So, {q}", answer(q, n)) for n, q in enumerate(OTHERS)]
    desk.rows("faq.jsonl", rows(*pairs))
    dataset = desk.prepare(duplicates={"near": None, "meaning": {"alike": 0.6}})
    like = {r.id: e.detail["like"] for r in kept(dataset) for e in r.history if e.rule == SAME_MEANING}
    assert len(like) >= 8
    split = desk.split(dataset, train=0.5, validation=0.25, test=0.25)
    where = {r.id: name for name in ("train", "validation", "test") for r in side(split, name)}
    assert all(where[one] == where[other] for one, other in like.items())
    assert len(set(where.values())) == 3
    assert split.json("report.json")["proof"]["families_in_two_splits"] == 0


def test_a_test_row_is_never_flagged_and_training_beside_it_is(desk: Desk) -> None:
    desk.rows("faq.jsonl", rows(PAIR[0]))
    desk.rows("test.jsonl", [{"question": SAME[1], "answer": "一泊千円です。"}], use="test")
    [(record, _)] = flagged(desk)
    assert (record.use, record.question) == ("", SAME[0])


@pytest.mark.parametrize("task", ["classify", "pretrain"])
def test_labels_and_documents(desk: Desk, task: str) -> None:
    texts = [(q, "x") for q in OTHERS] + [(SAME[0], "fee"), (SAME[1], "fee"), (f"{SAME[1]}えっ", "bus")]
    given = [{"text": q, "label": label} if task == "classify" else {"text": q} for q, label in texts]
    desk.rows("rows.jsonl", given)
    settings = {
        "clean": {"short_document": False, "suspected_typo": False},
        "duplicates": {"near": None, "meaning": {}},
    }
    settings["duplicates"]["meaning"]["alike"] = 0.7  # type: ignore[index]
    records = kept(desk.prepare(task=task, **settings))
    like = [r for r in records if any(e.rule == SAME_MEANING for e in r.history)]
    assert len(like) == (1 if task == "classify" else 2)


def test_the_same_for_any_cut_into_shards_and_any_workers(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.rows("faq.jsonl", rows(*PAIR))
    one = desk.prepare(duplicates={"meaning": {"alike": 0.7}}).digest
    monkeypatch.setattr("kitae.data.preparing.SHARD_ROWS", 3)
    again = Desk(tmp_path / "again")
    again.folder.mkdir()
    again.rows("faq.jsonl", rows(*PAIR))
    assert again.prepare(duplicates={"meaning": {"alike": 0.7}}, executor={"workers": 1}).digest == one


def test_letters_are_the_same_for_a_text_whatever_stands_beside_it(tmp_path: Path) -> None:
    model = tmp_path / "m.npz"
    learn_letters([*OTHERS, *SAME], model)
    together = letter_vectors([*OTHERS, *SAME], model)
    assert np.array_equal(together[-1], letter_vectors([SAME[1]], model)[0])
    learn_letters(["", " "], tmp_path / "empty.npz")
    assert letter_vectors(["", "あ"], tmp_path / "empty.npz").shape == (2, 1)


def test_settings_say_what_is_meant() -> None:
    from pydantic import ValidationError

    with pytest.raises(ValidationError, match="alik"):
        DataSettings.model_validate({"sources": [{"path": "a"}], "duplicates": {"meaning": {"alik": 0.9}}})


class Embedder(Fake):
    """Vectors whose nearness is known: questions about the fee are one, all others differ."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self.base_url = base_url
        self.texts: list[str] = []
        self.refuse = 0

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.refuse:
            return self.refuse, {"error": {"message": "no"}}
        self.texts += body["input"]
        data = [{"index": n, "embedding": self.vector(text)} for n, text in enumerate(body["input"])]
        return 200, {"data": data[::-1], "usage": {"prompt_tokens": 10 * len(data)}}

    def vector(self, text: str) -> list[float]:
        if "駐車場" in text:
            return [1.0] + [0.0] * 15
        return np.random.default_rng(list(text.encode())).normal(size=16).tolist()


@pytest.fixture
def embedder() -> Iterator[Embedder]:
    with serving() as fake:
        made = Embedder(fake.base_url)
        fake.answer = made.answer  # type: ignore[method-assign]
        made.headers = fake.headers
        yield made


FEE = [("駐車場はいくらかかりますか。", "千円です。"), ("車を置くと何円ですか、駐車場で。", "千円です。")]


def test_an_endpoint_knows_synonyms_is_asked_once_and_gets_no_private_data(desk: Desk, embedder: Embedder) -> None:
    desk.rows("faq.jsonl", rows(*FEE, ("Is 090-1234-5678 your number?", "It is ours.")))
    endpoint = {"base_url": embedder.base_url, "model": "e", "price_in": 1.0}
    [(record, _)] = flagged(desk, endpoint=endpoint)
    assert record.question in {question for question, _ in FEE}
    asked = list(embedder.texts)
    assert len(asked) == len(set(asked)) == len(OTHERS) * 2 + 2 + 1 + 2
    assert not any("090-1234-5678" in text for text in asked)
    assert flagged(desk, endpoint=endpoint, alike=0.85)[0][0].id == record.id
    assert embedder.texts == asked  # another threshold is another dataset, and nothing is asked again
    dataset = desk.prepare(duplicates={"near": None, "meaning": {"alike": 0.75, "endpoint": endpoint}})
    found = dataset.json("report.json")["meanings"]
    assert (found["cost"], found["by"], found["stopped"]) == (round(10 * len(asked) / 1e6, 6), "e", False)


def test_kept_vectors_name_the_records_so_that_an_erasure_finds_them(desk: Desk, embedder: Embedder) -> None:
    desk.rows("faq.jsonl", rows(*FEE))
    flagged(desk, endpoint={"base_url": embedder.base_url, "model": "e"})
    files = list((desk.workspace.home / "answers").rglob("*.json"))
    named = {one for file in files for one in read_json(file)["record"]}
    assert named == {record.id for record in kept(desk.prepare())}


def test_the_cap_on_cost_stops_it_and_the_report_says_so(desk: Desk, embedder: Embedder) -> None:
    desk.rows("faq.jsonl", rows(*FEE))
    endpoint = {"base_url": embedder.base_url, "model": "e", "price_in": 1.0, "most_cost": 0.000001}
    assert flagged(desk, endpoint=endpoint) == []
    assert embedder.texts == []
    dataset = desk.prepare(duplicates={"near": None, "meaning": {"alike": 0.7, "endpoint": endpoint}})
    found = dataset.json("report.json")["meanings"]
    assert (found["compared"], found["uncompared"], found["stopped"]) == (0, len(OTHERS) + 2, True)
    assert any("not compared" in line for line in dataset.summary["lines"])


def test_what_is_no_endpoint_for_embeddings_is_an_error(desk: Desk, embedder: Embedder) -> None:
    desk.rows("faq.jsonl", rows(*FEE))
    endpoint = {"base_url": embedder.base_url, "model": "e", "attempts": 1}
    embedder.refuse = 404
    with pytest.raises(InputError, match=r"HTTP 404.*data\.duplicates\.meaning\.endpoint"):
        flagged(desk, endpoint=endpoint)
    embedder.refuse = 0
    embedder.vector = lambda text: [float("nan")] if "?" in text else [1.0, 2.0]  # type: ignore[method-assign]
    with pytest.raises(InputError, match="does not answer with embeddings"):
        flagged(desk, endpoint=endpoint)


def test_private_data_that_stays_is_warned_of(desk: Desk, embedder: Embedder) -> None:
    desk.rows("faq.jsonl", rows(*FEE))
    warned: list[str] = []
    desk.workspace.events.listen(lambda e: warned.append(json.dumps(e)) if e["event"] == "warning" else None)
    endpoint = {"base_url": embedder.base_url, "model": "e"}
    desk.prepare(privacy={"mode": "off"}, duplicates={"meaning": {"endpoint": endpoint}})
    assert any("private data in them" in line for line in warned)


def test_names_are_public() -> None:
    assert {"SAME_MEANING", "find_meanings"} <= set(meaning.__all__)
    assert shards.SHARD_ROWS
