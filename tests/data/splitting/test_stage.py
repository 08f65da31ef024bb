"""The stage: what is tied together stays together, rare labels are named, folds and time hold, and it is repeatable."""

import json
import random
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from data.desk import Desk, kept, side
from hypothesis import given, settings
from hypothesis import strategies as st

from kitae import data
from kitae.core.artifacts import Dataset, Split
from kitae.core.data_settings import DataSettings, SplitSettings
from kitae.core.files import read_jsonl, write_json, write_jsonl
from kitae.core.records import Message, Origin, Record, read_records
from kitae.core.workspace import Workspace
from kitae.data.shards import shard_path
from kitae.data.splitting import columns
from kitae.errors import RecipeError

SIDES = ("train", "validation", "test")
WORDS = [f"{a}{b}{c}" for a in "kstnhmyrw" for b in "aiueo" for c in ("ma", "ri", "to", "ke", "sun", "bo")]


def record(number: int, *, question: str = "", label: str = "", parent: str = "", **meta: Any) -> Record:
    draw = random.Random(number)
    asked = question or " ".join(draw.choices(WORDS, k=9)) + "?"
    said = (Message("user", asked), Message("assistant", label or " ".join(draw.choices(WORDS, k=5))))
    return Record(f"{number:016x}", said, Origin("a.jsonl", number + 1), label=label, parent=parent, meta=meta)


def dataset_of(records: list[Record], out: Workspace, *, task: str = "chat", near: float | None = 0.8) -> Dataset:
    def build(draft: Any) -> None:
        write_jsonl(draft.file("records.jsonl"), (one.as_dict() for one in records))
        write_json(draft.file("report.json"), {"task": task, "near": near})

    rows = [one.as_dict() for one in records]
    return out.make(Dataset, parents={}, settings={"rows": rows, "task": task}, build=build)


def drawn(records: list[Record], out: Workspace, *, task: str = "chat", seed: int = 7, **chosen: Any) -> Split:
    return data.split(dataset_of(records, out, task=task), settings=SplitSettings(**chosen), seed=seed, out=out)


def where(split: Split) -> dict[str, str]:
    return {one.id: name for name in SIDES for one in side(split, name)}


def test_lines_are_copied_as_they_stand(workspace: Workspace) -> None:
    records = [record(number, customer=f"c{number % 9}", note="彼は〜") for number in range(60)]
    dataset = dataset_of(records, workspace)
    split = data.split(dataset, settings=SplitSettings(), seed=7, out=workspace)
    lines = sorted(line for name in SIDES for line in split.file(f"{name}.jsonl").read_bytes().splitlines())
    assert lines == sorted(dataset.file("records.jsonl").read_bytes().splitlines())
    order = {one.id: place for place, one in enumerate(records)}
    assert all(order[a.id] < order[b.id] for name in SIDES for a, b in pairwise(side(split, name)))


def test_made_records_stay_with_what_they_were_made_from(workspace: Workspace) -> None:
    parents = [record(number) for number in range(30)]
    children = [record(100 + number, parent=parents[number % 30].id) for number in range(45)]
    orphans = [record(200 + number, parent="gone") for number in range(4)]
    split = drawn([*parents, *children, *orphans], workspace)
    found = where(split)
    assert all(found[child.id] == found[child.parent] for child in children)
    assert len({found[orphan.id] for orphan in orphans}) == 1
    assert split.json("report.json")["proof"]["families_in_two_splits"] == 0


@pytest.mark.parametrize(
    "options", [{}, {"group_by": "who"}, {"stratify_by": "kind"}, {"by_time": "day"}, {"folds": 3}]
)
def test_the_order_of_the_rows_does_not_matter(workspace: Workspace, options: dict[str, Any]) -> None:
    records = [
        record(number, who=f"w{number % 13}", kind=f"k{number % 4}", day=f"2024-05-{number % 28 + 1:02}")
        for number in range(80)
    ]
    shuffled = random.Random(1).sample(records, len(records))
    assert where(drawn(records, workspace, **options)) == where(drawn(shuffled, workspace, **options))


def test_a_record_that_is_erased_moves_few_others(workspace: Workspace) -> None:
    records = [record(number) for number in range(200)]
    before, after = where(drawn(records, workspace)), where(drawn(records[1:], workspace))
    assert sum(before[one.id] != after[one.id] for one in records[1:]) <= 3


def test_labels_that_are_learnt_are_shared_alike_by_themselves(workspace: Workspace) -> None:
    records = [record(number, label=f"l{number % 5}") for number in range(200)]
    for task, chosen in (("classify", {}), ("chat", {"stratify_by": "label"})):
        split = drawn(records, workspace, task=task, **chosen)
        counts = Counter(one.label for one in side(split, "test"))
        assert counts == {f"l{number}": 4 for number in range(5)}
    free = Counter(one.label for one in side(drawn(records, workspace, task="classify", stratify_by=None), "test"))
    assert free.total() == 20
    assert set(free.values()) != {4}


def test_rare_labels_stay_in_training_and_are_named(workspace: Workspace) -> None:
    records = [record(number, label="common" if number > 4 else f"rare{number // 2}") for number in range(60)]
    heard: list[str] = []
    workspace.events.listen(lambda event: heard.append(event["text"]) if event["event"] == "warning" else None)
    split = drawn(records, workspace, task="classify")
    report = split.json("report.json")
    assert report["rare"] == {"over": "label", "only_trained": True, "rows": {"rare0": 2, "rare1": 2, "rare2": 1}}
    assert {where(split)[one.id] for one in records if one.label.startswith("rare")} == {"train"}
    assert report["rows"] == {"train": 48, "validation": 6, "test": 6}
    assert any("rare0 (2), rare1 (2), rare2 (1)" in text for text in heard)
    assert any("rare0 (2)" in line for line in split.summary["lines"])


def test_lists_of_labels(desk: Desk) -> None:
    draw = random.Random(3)
    rows = []
    for number in range(300):
        labels = [name for name, odds in (("bath", 0.5), ("food", 0.4), ("pets", 0.1)) if draw.random() < odds]
        text = " ".join(draw.choices(WORDS, k=9))
        rows.append({"text": f"{text} {number}?", "labels": labels or ["other"]})
    desk.rows("rows.jsonl", rows)
    split = desk.split(desk.prepare(task="classify"))
    report = split.json("report.json")
    names = ("bath", "food", "pets", "other")
    shares = {name: report["labels"]["test"][name] / sum(report["labels"][s][name] for s in SIDES) for name in names}
    assert set(report["labels"]["train"]) == set(names)
    assert all(share == pytest.approx(0.1, abs=0.04) for share in shares.values()), shares
    assert report["skew"]["over"] == "labels"
    assert report["skew"]["p_value"] > 0.5


def test_a_column_of_lists(workspace: Workspace) -> None:
    records = [record(number, topics=["a", "b"] if number % 2 else ["c"]) for number in range(100)]
    report = drawn(records, workspace, stratify_by="topics").json("report.json")
    assert report["skew"]["over"] == "topics"
    assert report["skew"]["p_value"] > 0.9


def test_the_oldest_train_and_the_newest_test(workspace: Workspace) -> None:
    forms = ("2024-{m:02}-{d:02}", "2024/{m}/{d}", "2024年{m}月{d}日", "R6.{m}.{d}")
    days = [(m, d) for m in range(1, 7) for d in range(1, 21)]
    records = [record(n, day=forms[n % 4].format(m=m, d=d)) for n, (m, d) in enumerate(days)]
    records += [record(500), record(501, day="soon"), record(502, day=None)]
    split = drawn(random.Random(2).sample(records, len(records)), workspace, by_time="day")
    found = where(split)
    sides_in_time = [SIDES.index(found[record(n).id]) for n in range(len(days))]
    assert sides_in_time == sorted(sides_in_time)
    assert {found[record(n).id] for n in (500, 501, 502)} == {"train"}
    report = split.json("report.json")
    assert report["rows"] == {"train": 98, "validation": 13, "test": 12}
    time = report["time"]
    assert (time["missing"], time["unreadable"], time["examples"]) == (2, 1, ["soon"])
    assert time["spans"]["test"][1] == "2024-06-20"
    assert any("3 rows have no date in day" in line for line in split.summary["lines"])


def test_what_belongs_together_is_as_old_as_its_newest(workspace: Workspace) -> None:
    records = [record(number, day=f"2024-{number // 28 + 1:02}-{number % 28 + 1:02}") for number in range(100)]
    old = record(999, question=records[-1].question, day="2001-01-01")
    split = drawn([*records, old], workspace, by_time="day")
    assert where(split)[old.id] == where(split)[records[-1].id] == "test"
    assert split.json("report.json")["time"]["older_than_training"] == 1
    assert any("older" in line for line in split.summary["lines"])


def test_ties_at_an_edge_are_said(workspace: Workspace) -> None:
    split = drawn([record(number, day="2024-05-01") for number in range(50)], workspace, by_time="day")
    report = split.json("report.json")
    assert report["rows"] == {"train": 40, "validation": 5, "test": 5}
    assert report["time"]["ties"] == {"2024-05-01": 50}
    assert any("chance decided" in line for line in split.summary["lines"])


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"by_time": "day", "stratify_by": "label"}, "by_time and stratify_by"),
        ({"by_time": "day", "folds": 5}, "by_time and folds"),
        ({"folds": 5, "fold": 6}, "no such fold"),
    ],
)
def test_contradictions_are_refused_before_anything_is_read(
    workspace: Workspace, chosen: dict[str, Any], says: str
) -> None:
    with pytest.raises(RecipeError, match=says):
        drawn([record(number, day="2024-05-01") for number in range(9)], workspace, **chosen)
    with pytest.raises(RecipeError, match=says):
        data.check(DataSettings.model_validate({"sources": [{"path": "x.csv"}], "split": chosen}))


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"by_time": "date"}, "date"),
        ({"by_time": "who"}, "a date in 'who'"),
        ({"group_by": "whom"}, "whom"),
        ({"stratify_by": "kind"}, "kind"),
        ({"folds": 20}, "fewer groups"),
    ],
)
def test_what_the_data_does_not_have(workspace: Workspace, chosen: dict[str, Any], says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        drawn([record(number, who="x") for number in range(9)], workspace, **chosen)


def test_folds(workspace: Workspace) -> None:
    records = [record(number, label=f"l{number % 4}", who=f"w{number // 3}") for number in range(90)]
    records.append(record(900, label="once", who="alone"))
    splits = [drawn(records, workspace, task="classify", folds=5, fold=fold, group_by="who") for fold in range(1, 6)]
    listed = [{row["id"]: row["fold"] for row in read_jsonl(split.file("folds.jsonl"))} for split in splits]
    assert all(folds == listed[0] for folds in listed)
    assert set(listed[0].values()) == {None, 1, 2, 3, 4, 5}
    assert [one_id for one_id, fold in listed[0].items() if fold is None] == [record(900).id]
    tested: Counter[str] = Counter()
    for fold, split in enumerate(splits, start=1):
        found = where(split)
        tested.update(one_id for one_id, name in found.items() if name == "test")
        assert {one_id for one_id, name in found.items() if name == "test"} == {
            one_id for one_id, mine in listed[0].items() if mine == fold
        }
        assert len(found) == len(records)
        assert 6 <= sum(name == "validation" for name in found.values()) <= 12
        report = split.json("report.json")
        assert report["folds"]["tested"] == fold
        assert report["folds"]["never_tested"] == 1
        assert len(report["proof"]) == 7
        assert not any(report["proof"].values())
        groups: dict[str, set[str]] = {}
        for one in (one for name in SIDES for one in side(split, name)):
            groups.setdefault(one.meta["who"], set()).add(found[one.id])
        assert all(len(names) == 1 for names in groups.values())
    assert set(tested.values()) == {1}
    assert len(tested) == 90


def test_folds_leave_stated_splits_alone(workspace: Workspace) -> None:
    stated = [Record(**{**vars(record(number)), "use": "test" if number < 5 else ""}) for number in range(20)]
    with pytest.raises(RecipeError, match="states its own splits"):
        drawn(stated, workspace, folds=4)


def test_a_split_that_was_cut_off_goes_on(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "SHARD_ROWS", 10)
    records = [record(number) for number in range(45)]
    whole = drawn(records, Workspace(workspace.home / "other"))
    made = columns.fingerprint_table
    calls: list[int] = []

    def failing(rows: Any, **options: Any) -> Any:
        calls.append(len(rows))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return made(rows, **options)

    monkeypatch.setattr(columns, "fingerprint_table", failing)
    with pytest.raises(KeyboardInterrupt):
        drawn(records, workspace)
    prints = next(workspace.home.glob("partial/split-*/scratch/prints"))
    shard_path(prints, 0).write_bytes(b"ARROW1 cut off")
    assert drawn(records, workspace).digest == whole.digest
    assert calls == [10, 10, 10, 10, 10, 10, 5]


@settings(max_examples=30)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 6), st.sampled_from("abc"), st.integers(0, 40), st.booleans()), min_size=3, max_size=40
    ),
    chosen=st.sampled_from(
        [{}, {"group_by": "who"}, {"stratify_by": "label", "group_by": "who"}, {"by_time": "day", "group_by": "who"}]
    ),
    seed=st.integers(0, 9),
)
def test_counts_add_up_and_nothing_crosses(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], chosen: dict[str, Any], seed: int
) -> None:
    out = Workspace(tmp_path_factory.mktemp("split"))
    records = [
        record(
            number,
            question=f"What is the matter with number {words} of the whole row?" if asked else "",
            label=label,
            who=f"w{who}",
            day=f"2024-01-{words % 28 + 1:02}",
        )
        for number, (who, label, words, asked) in enumerate(rows)
    ]
    split = drawn(records, out, seed=seed, **chosen)
    found = where(split)
    assert sorted(found) == sorted(one.id for one in records)
    ties: dict[str, set[str]] = {}
    for one in records:
        ties.setdefault(one.question, set()).add(found[one.id])
        if "group_by" in chosen:
            ties.setdefault(one.meta["who"], set()).add(found[one.id])
    assert all(len(names) == 1 for names in ties.values())


def test_the_command(desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from kitae.cli.main import answer

    rows = [
        {"question": f"{' '.join(random.Random(n).choices(WORDS, k=9))}?", "answer": f"It is {n}."} for n in range(40)
    ]
    desk.rows("faq.jsonl", rows)
    (desk.folder / "recipe.yaml").write_text(
        json.dumps({"name": "x", "data": {"sources": desk.sources}, "base": "kitae-nano"}), encoding="utf-8"
    )
    arguments = ["data", "split", str(desk.folder / "recipe.yaml"), "--home", str(tmp_path / "home"), "--json"]
    assert answer(arguments) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["rows"] == {"train": 32, "validation": 4, "test": 4}
    assert not any(printed["proof"].values())
    assert len(list(read_records(Path(printed["folder"]) / "train.jsonl"))) == 32
    assert answer(arguments[:-1]) == 0
    assert "none stands in two splits" in capsys.readouterr().out
    assert len(kept(desk.prepare())) == 40
