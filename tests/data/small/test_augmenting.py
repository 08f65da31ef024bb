"""Variants stay on the side of their row, keep its answer, never ask what is held out, and are counted when refused."""

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from data.desk import Desk, side
from data.small.endpoint import TOKENS_IN, TOKENS_OUT, Fake, serving
from data.small.test_balancing import HELD_OUT, enlarged

from kitae import data
from kitae.core.artifacts import Split
from kitae.core.data_settings import DataSettings
from kitae.core.records import Record
from kitae.data.small.apart import grams_of, jaccard
from kitae.errors import InputError, RecipeError, UnknownName

TESTS = Path(__file__).parents[2]
LOCAL = [{"kind": kind, "copies": 3, "strength": 0.2} for kind in ("characters", "words", "templates", "swaps")]
SUBJECTS = ("駐車場", "朝食", "温泉", "送迎バス", "チェックイン", "荷物", "会議室", "自転車", "売店", "喫煙所")
ASKS = ("はどこにありますか。", "について父に教えてください。", "の料金は東京と同じですか。", "をサービスで使えますか")
ENGLISH = ("Where is the {} of the hotel?", "Does my mother have to pay for the {}?", "Is the {} in Tokyo open?")
THINGS = ("parking", "breakfast", "garden", "shuttle", "museum", "towel", "library", "river", "tower", "kitchen")


@pytest.fixture
def drawn(desk: Desk) -> Split:
    """A split of short questions in both languages, many of them alike."""
    texts = [f"{s}{a}" for s in SUBJECTS for a in ASKS] + [a.format(t) for t in THINGS for a in ENGLISH]
    desk.rows(
        "faq.jsonl",
        [
            {"question": t, "answer": f"It is number {n}." if t.isascii() else f"答え {n} です。"}
            for n, t in enumerate(texts)
        ],
    )
    return desk.split(desk.prepare(duplicates={"near": None}), train=0.6, validation=0.2, test=0.2)


def added(split: Split) -> list[Record]:
    return [record for record in side(split, "train") if record.parent]


def outcomes(split: Split) -> Counter[str]:
    total: Counter[str] = Counter()
    for figures in split.json("report.json")["small"]["augment"].values():
        total.update(figures if isinstance(figures, dict) else {})
    return total


def test_every_variant_has_its_parent_in_training_and_says_the_same_answer(desk: Desk, drawn: Split) -> None:
    made = enlarged(desk, drawn, augment={"methods": LOCAL, "most": 10})
    train = {record.id: record for record in side(drawn, "train")}
    assert [r for r in side(made, "train") if not r.parent] == list(train.values())
    variants = added(made)
    assert {record.meta["augmented"] for record in variants} == {"characters", "words", "templates", "swaps"}
    for record in variants:
        parent = train[record.parent]
        assert (record.answer, record.label, record.terms, record.origin) == (
            parent.answer, parent.label, parent.terms, parent.origin,
        )  # fmt: skip
        assert record.question not in {"", parent.question}
        assert record.history[-1].rule == "augmented"
        assert record.history[-1].detail["method"] == record.meta["augmented"]
    assert max(Counter(record.parent for record in variants).values()) <= 10
    assert outcomes(made)["added"] == len(variants) == made.json("report.json")["small"]["added"]
    for name in HELD_OUT:
        assert made.file(name).read_bytes() == drawn.file(name).read_bytes()


def test_nothing_added_asks_what_is_held_out_or_nearly_that(desk: Desk, drawn: Split) -> None:
    """With a low bound, so that there is something to refuse: swaps and endings lead from one row to another."""
    held = [grams_of(record.question) for name in ("validation", "test") for record in side(drawn, name)]
    for near in (0.5, 0.8):
        made = enlarged(desk, drawn, augment={"methods": LOCAL, "most": 9}, duplicates={"near": near})
        assert max(jaccard(grams_of(r.question), other) for r in added(made) for other in held) < near
        assert near > 0.5 or outcomes(made)["a held-out row asks it"] > 0


def test_the_same_seed_gives_the_same_bytes(desk: Desk, drawn: Split, tmp_path_factory: pytest.TempPathFactory) -> None:
    one = enlarged(desk, drawn, augment={"methods": LOCAL})
    elsewhere = Desk(tmp_path_factory.mktemp("there"))
    elsewhere.sources = desk.sources
    again = enlarged(elsewhere, drawn, augment={"methods": LOCAL})
    other = enlarged(desk, drawn, augment={"methods": LOCAL}, seed=8)
    assert one.digest == again.digest != other.digest


def test_share_and_copies(desk: Desk, drawn: Split) -> None:
    rows = len(side(drawn, "train"))
    made = enlarged(desk, drawn, augment={"methods": [{"kind": "templates", "share": 0.5, "copies": 2}]})
    parents = Counter(record.parent for record in added(made))
    assert rows * 0.3 < len(parents) < rows * 0.7
    assert max(parents.values()) == 2


def test_only_small_classes_are_filled_and_not_beyond(desk: Desk) -> None:
    rows = [{"text": f"{s}{a}", "label": "rare" if s == "朝食" else "often"} for s in SUBJECTS for a in ASKS]
    desk.rows("rows.jsonl", rows)
    drawn = desk.split(desk.prepare(task="classify", duplicates={"near": None}), stratify_by="label")
    methods = [{"kind": "templates", "copies": 9}, {"kind": "characters", "copies": 9}]
    made = enlarged(desk, drawn, augment={"methods": methods, "most": 18, "smaller_than": 9})
    assert {record.label for record in added(made)} == {"rare"}
    assert Counter(record.label for record in side(made, "train"))["rare"] == 9


def test_a_swap_that_the_answer_contradicts_is_refused(desk: Desk) -> None:
    rows = [
        {
            "question": f"{s}は父も使えますか。",
            "answer": ("はい、使えます。", "父君も使えます。")[n % 2],
        }
        for n, s in enumerate(SUBJECTS)
    ]
    desk.rows("faq.jsonl", rows)
    drawn = desk.split(desk.prepare(duplicates={"near": None, "conflicts": "keep"}))
    made = enlarged(desk, drawn, augment={"methods": [{"kind": "swaps"}]}, duplicates={"near": 1.0})
    assert {record.answer for record in added(made)} == {"はい、使えます。"}
    assert all("母" in record.question for record in added(made))
    assert outcomes(made)["the rest of the conversation speaks of the exchanged term"] > 0


def test_templates_and_terms_of_ones_own(desk: Desk, drawn: Split) -> None:
    own = '[ja]\ntemplates = ["拝啓。{text}"]\n[en]\nthings = [["parking", "garage"], ["garden", "yard"]]\n'
    (desk.folder / "own.toml").write_text(own, "utf-8")
    methods = [{"kind": k, "copies": 9, "file": "own.toml"} for k in ("templates", "swaps")]
    made = enlarged(desk, drawn, augment={"methods": methods, "most": 18})
    assert any(record.question.startswith("拝啓。") for record in added(made))
    assert any("garage" in record.question or "yard" in record.question for record in added(made))


@pytest.mark.parametrize(
    "text", ["[ja", '[fr]\ntemplates = ["{text}"]', '[ja]\ntemplates = ["no place"]', '[en]\nx = [["alone"]]', "ja = 1"]
)
def test_a_file_that_is_built_differently_is_refused(desk: Desk, drawn: Split, text: str) -> None:
    (desk.folder / "own.toml").write_text(text, "utf-8")
    with pytest.raises(RecipeError, match=r"own\.toml"):
        enlarged(desk, drawn, augment={"methods": [{"kind": "templates", "file": "own.toml"}]})


def shouted(record: Record, _tools: object, _draw: object) -> str:
    return record.question.upper() + "!"


def test_a_method_of_ones_own(desk: Desk, drawn: Split) -> None:
    made = enlarged(desk, drawn, augment={"methods": [{"kind": f"{__name__}:shouted"}]})
    assert {record.question[-1] for record in added(made)} == {"!"}


@pytest.mark.parametrize(
    ("method", "error"), [("wrods", UnknownName), ("no_module:x", UnknownName), ("paraphrase", RecipeError)]
)
def test_what_cannot_work_is_refused_before_a_file_is_read(method: str, error: type[Exception]) -> None:
    settings = {"sources": [{"path": "absent.csv"}], "augment": {"methods": [{"kind": method}]}}
    with pytest.raises(error):
        data.check(DataSettings.model_validate(settings))


@pytest.fixture
def fake() -> Iterator[Fake]:
    with serving() as endpoint:
        yield endpoint


def through(fake: Fake, kind: str = "paraphrase", **endpoint: Any) -> dict[str, Any]:
    values = {"base_url": fake.base_url, "model": "any", "price_in": 10_000, "price_out": 10_000, **endpoint}
    return {"methods": [{"kind": kind}], "endpoint": {"most_cost": 1e9, "max_tokens": 100, **values}}


def test_paraphrases_come_from_the_endpoint(
    desk: Desk, drawn: Split, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REWRITER_KEY", "k-123")
    made = enlarged(desk, drawn, augment=through(fake, key_from="REWRITER_KEY"))
    train = {record.id: record for record in side(drawn, "train")}
    assert len(added(made)) > 20
    assert all(record.question == f"So, {train[record.parent].question}" for record in added(made))
    assert {headers["Authorization"] for headers in fake.headers} == {"Bearer k-123"}
    cost = made.json("report.json")["small"]["augment"]["cost"]
    assert cost == pytest.approx(len(fake.prompts) * (TOKENS_IN + TOKENS_OUT) * 0.01)
    assert not any("k-123" in path.read_text("utf-8") for path in desk.workspace.home.rglob("*.json*"))


def test_back_translation_goes_there_and_back(desk: Desk, drawn: Split, fake: Fake) -> None:
    made = enlarged(desk, drawn, augment=through(fake, "back_translation"))
    train = {record.id: record for record in side(drawn, "train")}
    assert all(record.question == f"So, So, {train[record.parent].question}" for record in added(made))
    asked = Counter(prompt.split(" into ")[1].split(".")[0] for prompt in fake.prompts)
    assert set(asked) == {"Japanese", "English"}
    assert len(set(asked.values())) == 1


def test_the_key_must_be_there(desk: Desk, drawn: Split, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REWRITER_KEY", raising=False)
    with pytest.raises(InputError, match="REWRITER_KEY is not set"):
        enlarged(desk, drawn, augment=through(fake, key_from="REWRITER_KEY"))
    assert fake.prompts == []


def test_the_cap_is_never_crossed_and_is_said(desk: Desk, drawn: Split, fake: Fake) -> None:
    heard: list[str] = []
    desk.workspace.events.listen(lambda e: heard.append(e["text"]) if e["event"] == "warning" else None)
    made = enlarged(desk, drawn, augment=through(fake, most_cost=20))
    cost = made.json("report.json")["small"]["augment"]["cost"]
    assert 0 < cost <= 20
    assert 0 < len(added(made)) < len(side(drawn, "train"))
    assert ["most_cost (20)" in text for text in heard] == [True]
    assert any("most_cost (20)" in line for line in made.summary["lines"])


def test_what_was_paid_for_is_not_paid_for_again(
    desk: Desk, drawn: Split, fake: Fake, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Refused in the middle, the run goes on with what it has; the rows are those of a run that was not cut off."""
    fake.before = lambda number: 401 if number == 9 else 0
    with pytest.raises(InputError, match="HTTP 401"):
        enlarged(desk, drawn, augment=through(fake))
    assert len(fake.prompts) == 9
    fake.before = lambda _number: 0
    made = enlarged(desk, drawn, augment=through(fake))
    assert len(fake.prompts) == len(set(fake.prompts)) > 20
    total = len(fake.prompts)
    enlarged(desk, drawn, augment=through(fake) | {"most": 3})
    assert len(fake.prompts) == total, "another recipe that asks the same is free"
    elsewhere = Desk(tmp_path_factory.mktemp("there"))
    elsewhere.sources = desk.sources
    assert (
        enlarged(elsewhere, drawn, augment=through(fake)).file("train.jsonl").read_bytes()
        == made.file("train.jsonl").read_bytes()
    )
    assert len(fake.prompts) == 2 * total


def test_killed_it_goes_on_without_paying_again(desk: Desk, drawn: Split, fake: Fake, tmp_path: Path) -> None:
    settings = DataSettings.model_validate({"sources": desk.sources, "augment": through(fake)})
    home = tmp_path / "killed"
    command = [sys.executable, "-m", "data.small.apart_process", str(drawn.folder), str(home)]

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*command, settings.model_dump_json()], cwd=TESTS, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    process = start()

    def kill_at_nine(number: int) -> int:
        if number == 9:
            process.kill()
        return 500 if number == 9 else 0

    fake.before = kill_at_nine
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert len(fake.prompts) == 9
    fake.before = lambda _number: 0
    again = start()
    digest, problem = again.communicate()
    assert again.returncode == 0, problem
    assert len(fake.prompts) == len(set(fake.prompts)) > 20
    assert digest == enlarged(desk, drawn, augment=through(fake)).digest


@pytest.mark.parametrize("reply", ["no json", '{"text": 3}', '{"text": " "}', "[1]", "{" * 5000, '{"texts": "x"}', ""])
def test_malformed_answers_are_counted_and_dropped(desk: Desk, drawn: Split, fake: Fake, reply: str) -> None:
    good = fake.reply
    fake.reply = lambda prompt: reply if len(fake.prompts) % 2 else good(prompt)
    made = enlarged(desk, drawn, augment=through(fake))
    counts = outcomes(made)
    assert counts["malformed answer"] > 5
    assert counts["added"] == len(added(made)) > 5
    assert counts["malformed answer"] + counts["added"] == len(side(drawn, "train"))


def test_answers_that_lead_away_are_refused(desk: Desk, drawn: Split, fake: Fake) -> None:
    held = side(drawn, "test")[0].question
    replies = ['{"text": "完全に別の話です"}', '{"text": "…"}', f'{{"text": "{held}"}}']
    fake.reply = lambda _prompt: replies[len(fake.prompts) % 3]
    counts = outcomes(enlarged(desk, drawn, augment=through(fake) | {"methods": [{"kind": "paraphrase"}]}))
    assert counts["too far from the row"] > 0
    assert counts["no letters left"] > 0
    fake.reply = lambda _prompt: replies[2]
    methods = [{"kind": "paraphrase", "least_alike": 0.0}]
    counts = outcomes(enlarged(desk, drawn, augment=through(fake, model="other") | {"methods": methods}))
    assert set(counts) == {"a held-out row asks it"}
