"""The whole stage over fakes: what a verdict says, what it costs to be cut off, what it may not depend on."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kitae.core.artifacts import Verdict
from kitae.core.records import Record
from kitae.core.workspace import Workspace
from kitae.errors import InputError, UnknownName
from kitae.evaluate import stage

from .desk import (
    Cut,
    FakeAnswerer,
    adapter_in,
    dataset_in,
    desk,
    files_of,
    knows,
    record,
    resolved,
    split_in,
    two_models,
)

TRAIN = desk(frames=slice(0, 2))
VALIDATION = desk(frames=slice(2, 3))
TEST = desk(frames=slice(3, 4), file="test.csv")
# Asked in words that training never saw: only a model that understands could answer.
WILD = [
    record(f"Number {number}: {question}", answer, "en", row=number, file="wild.csv")
    for number, (question, answer) in enumerate(
        [
            ("somewhere to leave my vehicle", "Parking is free."),
            ("can I get online", "Wi-Fi works in every room."),
            ("when do you serve eggs", "Breakfast starts at seven."),
        ]
        * 12
    )
]
HISTORY = [{"step": step, "loss": 4 / step, "rate": 0.1} for step in range(1, 30)] + [
    {"step": 29, "validation_loss": 1}
]


def clueless(_question: str) -> str:
    return "Hm."


def judged(
    out: Workspace,
    *,
    tuned: Any = None,
    base: Any = None,
    wild: Sequence[Record] = WILD,
    test: Sequence[Record] = TEST,
    train: Sequence[Record] = TRAIN,
    **settings: Any,
) -> Verdict:
    tuned = tuned if tuned is not None else FakeAnswerer(knows([*test, *wild]))
    base = base if base is not None else FakeAnswerer(clueless)
    return stage.run(
        adapter_in(out, HISTORY),
        split_in(out, train=train, validation=VALIDATION, test=test),
        {"wild": dataset_in(out, wild)},
        settings=resolved(**settings),
        out=out,
        open_answerer=two_models(tuned, base),
    )


def test_a_good_model_is_said_to_be_better(workspace: Workspace) -> None:
    verdict = judged(workspace, compare_to=["base", "choice"])
    assert verdict.summary["sentence"] == (
        "Tuned beats the base by 100.0 points on `test` (exact match 100.0 % against 0.0 %, "
        "95 % interval 75.1 to 100.0, p < 0.001, n = 18)"
    )
    figures = verdict.summary["sets"]["test"]
    assert (figures["n"], figures["tuned"]["em"], figures["base"]["em"]) == (18, 1.0, 0.0)
    assert figures["tuned"]["low"] < figures["tuned"]["value"] == figures["tuned"]["high"] == 1.0
    assert figures["p_value"] < 0.001
    assert figures["outcomes"] == {"base": "better", "choice": "better"}
    assert 0 < verdict.summary["detectable"] < 1


def test_a_classical_baseline_that_is_better_comes_first(workspace: Workspace) -> None:
    verdict = judged(workspace, tuned=FakeAnswerer(knows([*TEST, *WILD], wrong_every=2)))
    values = verdict.json("verdict.json")
    assert values["standing"] == "needless"
    assert values["sentence"]["en"].startswith("A classical baseline (")
    assert " is better than this fine-tuning on `test`" in values["sentence"]["en"]
    assert "you may not need a language model for this" in values["sentence"]["en"]
    assert "古典的な手法" in values["sentence"]["ja"]
    assert verdict.summary["lines"][0] == verdict.summary["sentence"] == values["sentence"]["en"]


def test_a_classical_baseline_that_is_as_good_comes_first_as_a_tie(workspace: Workspace) -> None:
    verdict = judged(workspace)
    assert " does at least as well as this fine-tuning on `test`" in verdict.summary["sentence"]
    assert "difference +0.0 points" in verdict.summary["sentence"]
    assert verdict.summary["sets"]["wild"]["outcomes"]["baseline"] == "better"


def test_a_model_worse_than_its_base_is_said_to_be_worse(workspace: Workspace) -> None:
    verdict = judged(
        workspace, tuned=FakeAnswerer(clueless), base=FakeAnswerer(knows([*TEST, *WILD])), compare_to=["base"]
    )
    assert verdict.summary["sentence"].startswith("Tuned is worse than the base by 100.0 points on `test`")
    assert "95 % interval 75.1 to 100.0" in verdict.summary["sentence"]


def test_equal_models_are_tied(workspace: Workspace) -> None:
    verdict = judged(workspace, tuned=FakeAnswerer(clueless), compare_to=["base"])
    assert verdict.summary["sentence"].startswith("Tuned and the base are tied on `test`")
    assert verdict.summary["sets"]["test"]["p_value"] == 1.0


def test_counts_add_up_and_every_answer_is_kept(workspace: Workspace) -> None:
    verdict = judged(workspace, tuned=FakeAnswerer(knows([*TEST, *WILD], wrong_every=4)))
    for name, rows in (("test", TEST), ("wild", WILD)):
        lines = verdict.file(f"predictions-{name}.jsonl").read_text("utf-8").splitlines()
        predictions = [json.loads(line) for line in lines]
        assert [row["id"] for row in predictions] == [row.id for row in rows]
        assert all(set(row["answers"]) == {"tuned", "base", "choice", "baseline"} for row in predictions)
        for system in ("tuned", "base", "choice", "baseline"):
            share = sum(row["right"][system] for row in predictions) / len(rows)
            assert verdict.summary["sets"][name][system]["em"] == pytest.approx(share, abs=1e-6)


@pytest.mark.parametrize("cut", [("base", 0), ("base", 7), ("base", 60), ("tuned", 0), ("tuned", 1), ("tuned", 40)])
def test_a_cut_evaluation_ends_with_the_same_bytes_and_asks_nothing_twice(tmp_path: Path, cut: tuple[str, int]) -> None:
    whole = judged(Workspace(tmp_path / "whole"))
    out = Workspace(tmp_path / "cut")
    models = {"tuned": FakeAnswerer(knows([*TEST, *WILD])), "base": FakeAnswerer(clueless)}
    models[cut[0]].cut_after = cut[1]
    with pytest.raises(Cut):
        judged(out, **models)
    assert not list(out.home.glob("artifacts/verdict/*"))
    models[cut[0]].cut_after = None
    again = judged(out, **models)
    assert files_of(again.folder) == files_of(whole.folder)
    assert len(models["tuned"].asked) == len(TEST) + len(WILD)
    assert len(models["base"].asked) == 2 * (len(TEST) + len(WILD))


def test_a_prediction_cut_in_the_middle_of_its_line_is_made_again(tmp_path: Path) -> None:
    whole = judged(Workspace(tmp_path / "whole"))
    out = Workspace(tmp_path / "cut")
    with pytest.raises(Cut):
        judged(out, tuned=FakeAnswerer(knows([*TEST, *WILD]), cut_after=20))
    log = next(out.home.glob("partial/verdict-*/scratch/predictions.jsonl"))
    log.write_bytes(log.read_bytes()[:-9])
    assert files_of(judged(out).folder) == files_of(whole.folder)


def test_a_finished_verdict_asks_nobody(workspace: Workspace) -> None:
    first = judged(workspace)
    silent = FakeAnswerer(clueless, cut_after=0)
    assert judged(workspace, tuned=silent, base=silent).digest == first.digest


@pytest.mark.parametrize(
    "change",
    [
        {"confidence": 0.9},
        {"metrics": ["rouge_l"]},
        {"compare_to": ["base"]},
        {"test": TEST[:9]},
        {"wild": WILD[:9]},
        {"train": TRAIN[:30]},
    ],
)
def test_what_it_depends_on_makes_another_verdict(workspace: Workspace, change: dict[str, Any]) -> None:
    assert judged(workspace, **change).folder != judged(workspace).folder


def test_nothing_of_the_machine_is_in_the_artifact(workspace: Workspace) -> None:
    for name, content in files_of(judged(workspace).folder).items():
        assert str(workspace.home).encode() not in content, name


def test_a_question_of_the_training_split_is_counted_and_figures_without_it_are_given(workspace: Workspace) -> None:
    seen = record("ＴＥＬＬ me about parking!", "Parking is free.", row=900, file="wild.csv")
    values = judged(workspace, wild=[*WILD, seen]).json("verdict.json")["sets"]["wild"]
    assert values["seen"]["rows"] == 1
    assert values["seen"]["without"]["n"] == len(WILD)
    assert any("1 of the 37 questions of `wild` are in the training split" in one["en"] for one in values["sentences"])


def test_rows_without_a_reference_are_counted_and_not_judged(workspace: Workspace) -> None:
    verdict = judged(workspace, wild=[*WILD, record("And now?", " ", row=901, file="wild.csv")])
    assert verdict.summary["sets"]["wild"]["n"] == len(WILD)
    assert verdict.json("verdict.json")["sets"]["wild"]["without_reference"] == 1


def test_no_held_out_rows_at_all_give_a_verdict_that_says_so(workspace: Workspace) -> None:
    verdict = judged(workspace, test=[], wild=[])
    assert verdict.summary["sentence"] == "Nothing was measured: there are no held-out rows"
    assert verdict.summary["sets"] == {"test": {"n": 0}, "wild": {"n": 0}}
    assert "Nothing measured" in verdict.file("report.html").read_text("utf-8")


def test_without_opponents_the_bare_figure_is_said(workspace: Workspace) -> None:
    verdict = judged(workspace, compare_to=[])
    assert verdict.summary["sentence"].startswith("Tuned has exact match 100.0 % on `test`")
    assert verdict.summary["sets"]["test"]["p_value"] is None


def test_each_language_has_its_figures(workspace: Workspace) -> None:
    values = judged(workspace).json("verdict.json")["sets"]["test"]
    assert {language: one["n"] for language, one in values["languages_main"].items()} == {"en": 9, "ja": 9}
    bleu = {one["language"]: one["signature"] for one in values["figures"] if one["metric"] == "bleu"}
    assert "ja-mecab" in bleu["ja"]
    assert "13a" in bleu["en"]


def test_rows_whose_language_has_no_tokeniser_are_said_to_have_no_bleu(workspace: Workspace) -> None:
    french = [record(f"Question {row} ?", "Oui.", "fr", row=row, file="wild.csv") for row in range(1, 5)]
    sets = judged(workspace, wild=[*WILD, *french]).json("verdict.json")["sets"]
    told = {
        name: [words["en"] for words in values["sentences"] if "BLEU" in words["en"]] for name, values in sets.items()
    }
    assert told == {"test": [], "wild": ["BLEU is not given for 4 rows of `wild` (fr): there is no tokeniser for them"]}


def test_labels_are_judged_as_labels(workspace: Workspace) -> None:
    label = {"Parking": "parking", "Wi-Fi": "network", "Breakfast": "breakfast"}
    rows = [record(row.question, label[row.answer.split()[0]], row=n) for n, row in enumerate(WILD)]
    train = [record(row.question, label[row.answer.split()[0]]) for row in TRAIN if row.language == "en"]
    tuned = FakeAnswerer(
        lambda question: "network" if "online" in question else "parking" if "leave" in question else "??"
    )
    values = judged(workspace, task="classify", test=rows, wild=[], train=train, tuned=tuned).json("verdict.json")
    found = values["sets"]["test"]
    assert values["main_metric"] == "accuracy"
    assert found["by_label"]["confusions"] == [{"wanted": "breakfast", "given": "", "rows": 12}]
    assert found["by_label"]["no_label"] == 12
    f1 = {one["label"]: one["f1"] for one in found["by_label"]["labels"]}
    assert f1 == {"breakfast": 0.0, "network": 1.0, "parking": 1.0}
    macro = next(one for one in found["figures"] if one["metric"] == "macro_f1")
    assert macro["systems"]["tuned"]["value"] == pytest.approx(2 / 3, abs=1e-6)
    assert macro["against"]["base"]["outcome"] == "better"


LABELS = [record(row.question, row.answer.split()[0].lower(), row=n) for n, row in enumerate(WILD)]


def test_a_report_on_labels_has_the_confusion_matrix_and_the_calibration(workspace: Workspace) -> None:
    train = [record(row.question, row.answer.split()[0].lower()) for row in TRAIN if row.language == "en"]
    tuned = FakeAnswerer(knows(LABELS))
    metrics = ["accuracy", "mcc", "balanced_accuracy", "micro_f1", "ece", "brier", "tokens"]
    verdict = judged(workspace, task="classify", test=LABELS, wild=[], train=train * 3, metrics=metrics, tuned=tuned)
    values = verdict.json("verdict.json")["sets"]["test"]
    matrix = values["confusion"]
    assert matrix["labels"] == ["breakfast", "parking", "wi-fi"]
    assert matrix["rows"] == [[12, 0, 0, 0], [0, 12, 0, 0], [0, 0, 12, 0]]
    figures = {one["metric"]: one for one in values["figures"]}
    assert list(figures) == metrics
    assert set(figures["tokens"]["systems"]) == {"tuned", "base"}
    assert set(figures["ece"]["systems"]) == {"tuned", "choice", "baseline"}
    assert sum(one["rows"] for one in values["calibration"]["baseline"]) == len(LABELS)
    report = verdict.file("report.html").read_text("utf-8")
    assert "Confusion matrix (tuned)" in report
    assert "混同行列" in report
    assert 'class="square"' in report
    assert "smallest visible gain" in report
    assert figures["mcc"]["signature"] in report


def test_a_metric_of_which_less_is_better_can_decide(workspace: Workspace) -> None:
    verdict = judged(workspace, metrics=["ter", "rouge_lsum"], compare_to=["base"])
    assert verdict.summary["sentence"].startswith("Tuned beats the base by 100.0 points on `test` (TER")
    assert verdict.summary["sets"]["test"]["better"] == "lower"
    assert "lower is better" in verdict.file("report.html").read_text("utf-8")


def test_numbers_are_told_as_numbers(workspace: Workspace) -> None:
    rows = [record(f"How much is {n}?", f"{100 + n} yen", row=n) for n in range(40)]
    verdict = judged(
        workspace,
        metrics=["mae", "r2", "spearman"],
        compare_to=["base"],
        test=rows,
        wild=[],
        tuned=FakeAnswerer(lambda question: f"{101 + int(''.join(filter(str.isdigit, question)))} yen"),
        base=FakeAnswerer(lambda question: f"{110 + len(question) % 3}"),
    )
    assert "mean absolute error 1 against" in verdict.summary["sentence"]
    assert " points" not in verdict.summary["sentence"]
    assert "%" not in verdict.summary["sentence"].replace("95 %", "")


def grouped(rows: Sequence[Record], size: int) -> list[Record]:
    return [replace(row, meta={"customer": f"c{n // size}"}) for n, row in enumerate(rows)]


def test_rows_of_one_customer_are_drawn_together(workspace: Workspace) -> None:
    tuned = FakeAnswerer(knows([*TEST, *WILD], wrong_every=3))
    many = judged(workspace, wild=grouped(WILD, 6), tuned=tuned, group_by="customer")
    other = judged(workspace, wild=grouped(WILD, 4), tuned=tuned, group_by="customer")
    main = many.json("verdict.json")["sets"]["wild"]["main"]
    assert main["groups"] == 6
    assert main["against"]["base"]["test"] == "approximate-randomisation-by-group"
    assert other.folder != many.folder
    assert other.json("verdict.json")["sets"]["wild"]["main"]["groups"] == 9
    assert "6 groups" in many.file("report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (["length"], "length cannot come first"),
        (["ece"], "ece cannot come first"),
        (["exact_match", "cost"], "cost needs a price.*price_per_hour"),
        (["exact_match", "similarity"], "similarity needs an endpoint.*embeddings"),
        (["json_schema"], "json_schema needs a schema"),
    ],
)
def test_metrics_that_cannot_be_computed_are_refused_first(workspace: Workspace, metrics: list[str], said: str) -> None:
    silent = FakeAnswerer(clueless, cut_after=0)
    with pytest.raises(InputError, match=said):
        judged(workspace, metrics=metrics, tuned=silent, base=silent)


def test_a_schema_of_the_recipe_is_asked(workspace: Workspace) -> None:
    verdict = judged(
        workspace,
        metrics=["json_schema", "json_valid"],
        json_schema={"type": "object"},
        compare_to=["base"],
        tuned=FakeAnswerer(lambda _question: '{"answer": 1}'),
    )
    assert verdict.summary["sets"]["test"]["tuned"]["value"] == 1.0


def test_many_long_choices_are_weighed_on_a_sample_that_is_said(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    english = sum(map(len, {row.answer for row in TRAIN if row.language == "en"}))
    monkeypatch.setattr("kitae.evaluate.predictions.CHOICE_CHARACTERS", 31 * english)
    notes: list[str] = []
    workspace.events.listen(lambda event: notes.append(str(event.get("text"))))
    figures = judged(workspace).summary["sets"]
    assert figures["wild"]["choice"]["n"] == 31
    assert figures["test"]["choice"]["n"] == len(TEST)
    assert any("wild: the base chooses among the known answers for 31 rows drawn from 36" in note for note in notes)


def test_the_base_chooses_among_answers_in_the_language_of_the_question(workspace: Workspace) -> None:
    verdict = judged(workspace)
    languages = {row.answer: row.language for row in TRAIN}
    for line in verdict.file("predictions-test.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        assert languages[row["answers"]["choice"]] == row["language"]


def test_too_many_answers_to_choose_from_are_said_and_left_out(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kitae.evaluate.predictions.CHOICE_CHARACTERS", 100)
    notes: list[str] = []
    workspace.events.listen(lambda event: notes.append(str(event.get("text"))))
    verdict = judged(workspace)
    assert "choice" not in verdict.summary["sets"]["wild"]
    assert any(note.startswith("wild: the base is not asked to choose") for note in notes)


def test_an_unknown_metric_is_refused_before_anything_is_asked(workspace: Workspace) -> None:
    silent = FakeAnswerer(clueless, cut_after=0)
    with pytest.raises(UnknownName, match="unknown metric 'exact'"):
        judged(workspace, metrics=["exact"], tuned=silent, base=silent)


def test_a_held_out_set_may_not_hide_the_test_split(workspace: Workspace) -> None:
    split = split_in(workspace, train=TRAIN, validation=VALIDATION, test=TEST)
    with pytest.raises(InputError, match="may not be called test"):
        stage.run(
            adapter_in(workspace), split, {"test": dataset_in(workspace, WILD)}, settings=resolved(), out=workspace
        )


def test_progress_counts_every_answer_once(workspace: Workspace) -> None:
    events: list[dict[str, Any]] = []
    workspace.events.listen(events.append)
    judged(workspace)
    last = [event for event in events if event["event"] == "progress"][-1]
    assert (last["done"], last["total"]) == (3 * 54, 3 * 54)
    speeds = [event for event in events if event["event"] == "speed"]
    assert {(one["set"], one["system"]) for one in speeds} == {
        (name, system) for name in ("test", "wild") for system in ("base", "choice", "tuned")
    }
