"""A real run, an erasure, a run again: what was erased is nowhere and the new version never saw it."""

import json
from pathlib import Path

import pytest
from e2e.walk import kitae, write_project

pytestmark = pytest.mark.slow

QUESTION = "体重三十キロの大型犬を二匹連れて宿泊したいのですが可能ですか"
ANSWER = "申し訳ございませんが、小型犬を一匹までとお伝えしております。"


def spread(home: Path) -> list[Path]:
    pieces = [text[at : at + 12].encode() for text in (QUESTION, ANSWER) for at in (0, 6, 12)]
    files = [path for path in sorted(home.rglob("*")) if path.is_file()]
    return [path for path in files if any(piece in path.read_bytes() for piece in pieces)]


def test_the_whole_way_with_an_erasure(tmp_path: Path) -> None:
    recipe, home = write_project(tmp_path / "project"), tmp_path / "home"
    raw = tmp_path / "project" / "faq.jsonl"
    row = {"question": QUESTION, "answer": ANSWER, "rights_holder": "山田商店", "licence": "CC BY 4.0"}
    raw.write_text(raw.read_text("utf-8") + json.dumps(row, ensure_ascii=False) + "\n", "utf-8")
    assert kitae("run", recipe, home=home).returncode == 0
    assert spread(home)
    erased = kitae("data", "erase", "--rights-holder", "山田商店", "--json", home=home)
    assert erased.returncode == 0, erased.stderr
    assert json.loads(erased.stdout)["versions"] in (["tiny-faq:1"], [])
    assert spread(home) == []
    again = kitae("run", recipe, "--json", home=home)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["version"] == "tiny-faq:2"
    assert spread(home) == []
    report = json.loads(kitae("data", "report", recipe, "--json", home=home).stdout)
    assert report["read"] == report["kept"] + report["dropped"] + report["quarantined"]
    assert report["rules_count"]["erased"] == 1
    cards = {card["version"]: card for card in json.loads(kitae("models", "list", "--json", home=home).stdout)}
    assert cards["tiny-faq:2"]["saw_erased"] == cards["tiny-faq:2"]["measured_on_erased"] == 0
    assert cards["tiny-faq:1"]["saw_erased"] + cards["tiny-faq:1"]["measured_on_erased"] == 1
    assert kitae("models", "verify", home=home).returncode == 0
