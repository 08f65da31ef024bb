"""Tallies of shards add up to the tally of the whole: counts, histograms, medians and samples."""

import itertools
import pickle
import statistics
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kitae.core.data_settings import DataSettings
from kitae.core.records import Edit, Message, Origin, Record, Terms
from kitae.data.counting import BoundedCounts
from kitae.data.intake import FileCount, Quarantined
from kitae.data.report import Tally, dataset_report, tally_of
from kitae.data.report.figures import length_figures

SETTINGS = DataSettings.model_validate({"sources": [{"path": "a.jsonl"}]})


def record(row: int, *rules: str, question: str = "Is it far?", label: str = "", flag: str = "") -> Record:
    history = [Edit(rule, f"because of {rule}") for rule in rules]
    history += [Edit(flag, "looks odd", {"action": "flag"})] if flag else []
    return Record(
        f"{row:016x}",
        (Message("user", question), Message("assistant", "No, it is not.")),
        Origin(f"{row % 2}.jsonl", row),
        Terms("CC0-1.0", "contract", "ACME"),
        language="en",
        label=label,
        history=tuple(history),
    )


def set_aside(row: int) -> Quarantined:
    return Quarantined(Origin("0.jsonl", row), "call 090-1234-5678", "raw 090-1234-5678", "raw [phone]")


steps = st.lists(
    st.tuples(st.sampled_from(["keep", "drop", "set_aside"]), st.sampled_from(["", "mojibake", "too_long"]), st.text()),
    max_size=40,
)


def tell(tally: Tally, row: int, step: tuple[str, str, str]) -> None:
    fate, rule, text = step
    if fate == "set_aside":
        tally.set_aside(set_aside(row))
    elif fate == "keep":
        tally.keep(
            record(row, *filter(None, [rule]), question=text, label=text[:1], flag="typos" if "e" in text else "")
        )
    else:
        tally.drop(record(row, rule or "too_short", question=text))


@given(steps, st.lists(st.integers(0, 40), max_size=4))
def test_tallies_of_shards_add_up_to_the_tally_of_the_whole(rows: list[tuple[str, str, str]], cuts: list[int]) -> None:
    whole, merged = Tally(), Tally()
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    for row, step in enumerate(rows):
        tell(whole, row, step)
    for begin, end in itertools.pairwise(edges):
        part = Tally()
        for row in range(begin, end):
            tell(part, row, rows[row])
        merged.merge(pickle.loads(pickle.dumps(part)))
    assert merged == whole
    files = [FileCount(f"{n}.jsonl", "utf-8") for n in range(2)]
    report = dataset_report(merged, files, settings=SETTINGS, task="chat")
    assert report == dataset_report(whole, files, settings=SETTINGS, task="chat")
    assert report["kept"] + report["dropped"] + report["quarantined"] == len(rows)
    assert sum(report["rules_count"].values()) == report["dropped"]
    assert sum(report["before"]["languages"].values()) == report["kept"] + report["dropped"]


def test_feelings_and_clusters_add_up() -> None:
    glad = [record(row, question="I love it here!") for row in range(6)]
    gone = [replace(record(9, "x"), history=(Edit("near_duplicate", "alike", {"kept": kept}),)) for kept in "aab"]
    report = dataset_report(tally_of(glad, gone), [], settings=SETTINGS, task="chat")
    after = report["feelings"]["after"]
    assert {file: (one["records"], sum(one["counts"]), one["positive"]) for file, one in after.items()} == {
        "0.jsonl": (3, 3, 1.0),
        "1.jsonl": (3, 3, 1.0),
    }
    assert sum(one["records"] for one in report["feelings"]["before"].values()) == 9
    assert report["duplicates"] == {"clusters": 2, "sizes": {"2": 1, "3": 1}, "sampled": False}


def test_samples_are_the_first_and_masked() -> None:
    dropped = [record(row, "too_long", question=f"Row {row}: call 090-1234-5678") for row in range(9)]
    tally = tally_of([], dropped, [set_aside(row) for row in range(9)])
    report = dataset_report(tally, [], settings=SETTINGS, task="chat")
    assert [sample["question"] for sample in report["rules"]["too_long"]] == [
        f"Row {r}: call [phone]" for r in range(3)
    ]
    assert [row["row"] for row in report["quarantine"]] == [0, 1, 2]
    assert "090" not in str(report)


def test_flagged_records_are_kept_and_counted_apart_from_edits() -> None:
    tally = tally_of([record(1, "mojibake", "mojibake", flag="suspected_typo"), record(2, flag="suspected_typo")])
    report = dataset_report(tally, [], settings=SETTINGS, task="chat")
    assert report["flags"] == {"suspected_typo": 2}
    assert report["edits"] == {"mojibake": 1}
    assert len(report["flagged"]["suspected_typo"]) == 2
    assert report["rules_count"] == {}


@given(st.lists(st.integers(0, 3000), min_size=1))
def test_length_figures_are_exact(sizes: list[int]) -> None:
    figures = length_figures(Counter(sizes))
    assert sum(figures["classes"].values()) == len(sizes)
    assert figures["least"] == min(sizes)
    assert figures["most"] == max(sizes)
    assert statistics.median_low(sizes) <= figures["median"] <= statistics.median_high(sizes)


@given(st.lists(st.sampled_from("abcdefghijkl")), st.lists(st.integers(0, 60), max_size=4), st.integers(1, 14))
def test_bounded_counts_know_the_same_keys_in_any_order(keys: list[str], cuts: list[int], most: int) -> None:
    whole = BoundedCounts(most)
    whole.add(keys)
    whole.close()
    merged = BoundedCounts(most)
    edges = [0, *sorted(cuts), len(keys)]
    for begin, end in itertools.pairwise(edges):
        part = BoundedCounts(most)
        for key in reversed(keys[begin:end]):
            part.add([key])
        merged.merge(part)
    merged.close()
    assert merged == whole
    assert len(whole.counts) == min(most, len(set(keys)))
    assert whole.others + whole.counts.total() == len(keys)
    assert all(whole.counts[key] == keys.count(key) for key in whole.counts)


def test_more_names_than_can_be_told_apart_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kitae.data.report.profile.MOST_NAMES", 4)
    tally = tally_of([record(row, label=f"class {row}") for row in range(100)])
    labels = dataset_report(tally, [], settings=SETTINGS, task="classify")["labels"]
    assert len(labels) == 5
    assert sum(labels.values()) == 100
