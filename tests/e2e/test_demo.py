"""`kitae demo` cut short: every stage that the README promises is told, and what was left aside with its reason."""

import re
from pathlib import Path

import pytest
from e2e.walk import kitae

from kitae.cli.show import TITLES

SHORT = (
    "train.epochs=0.02",
    "data.split={train: 0.98, validation: 0.01, test: 0.01, stratify_by: language}",
    "evaluate.also=[]",
    "evaluate.max_new_tokens=4",
    "evaluate.compare_to=[base]",
    "gates={min_gain: -1.0, max_p_value: 1.0}",
)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the demo prints."""
    folder = tmp_path_factory.mktemp("demo")
    changes = [word for change in SHORT for word in ("--set", change)]
    done = kitae("demo", *changes, home=folder / "home", cwd=folder, timeout=1200)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_every_stage_is_told_in_order(said: str) -> None:
    headings = [line for line in said.splitlines() if line in TITLES.values()]
    assert headings == [title for kind, title in TITLES.items() if kind != "comparison"]
    for promise in (
        r"desk_export\.csv: .+ licence",
        r"desk_export\.csv: [\d,]+ rows read as cp932 \(.+\); [\d,]+ kept, [\d,]+ dropped, 0 quarantined",
        r"chat_logs\.jsonl: [\d,]+ rows read as utf-8 \(.+\); [\d,]+ kept, [\d,]+ dropped, 2 quarantined",
        r"faq_staff\.xlsx: [\d,]+ rows read",
        r"4,845 rows read = [\d,]+ kept \+ [\d,]+ dropped \+ 2 quarantined",
        r"dropped: .*no licence \d+",
        r"repaired: \d+",
        r"private data replaced: .*email \d+",
        r"train\.learning_rate = 0\.0035: as the recipe says",
        r"train\.max_row_tokens = \d+: .+",
        r"Memory: about [\d.]+ GiB",
        r"Training time: about",
        r"\d+/\d+ steps  loss .* tokens_per_second .* eta_seconds",
        r"exact match [\d.]+ % against [\d.]+ %.*95 % interval .*p = [\d.]+",
        r"passed: .*p = ",
        r"support-faq:1 is registered as candidate",
        r"report   .+/report\.html",
        r"  kitae chat support-faq:1$",
        r"  kitae serve support-faq:1$",
    ):
        assert re.search(promise, said, re.MULTILINE), promise


@pytest.mark.slow
def test_a_quarantined_row_is_shown_with_its_reason(said: str) -> None:
    [line] = re.findall(r"quarantined, for example (.*)", said)
    place, _, reason = line.partition(": ")
    assert place == "chat_logs.jsonl:2046"
    assert "JSON" in reason


@pytest.mark.slow
def test_the_report_that_is_named_is_there(said: str) -> None:
    [report] = re.findall(r"^  report   (.+)$", said, re.MULTILINE)
    assert "<html" in Path(report).read_text("utf-8")
