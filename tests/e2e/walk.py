"""A small project to walk the whole way with in seconds: a tiny FAQ over the embedded base."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

TOPICS = {
    "parking": (
        "駐車場は無料で二十台まで停められます。",
        ["駐車場はありますか", "車で行きたいのですが", "停める場所を教えて"],
    ),
    "wifi": ("無線LANは全室で使えます。", ["ネットは使えますか", "Wi-Fiはありますか", "部屋で無線LANにつなげますか"]),
    "bath": (
        "The large bath is open from six to midnight.",
        ["When is the bath open?", "bath hours", "Can I bathe late?"],
    ),
    "pets": (
        "We are sorry, pets cannot stay with us.",
        ["May I bring my dog?", "cats allowed?", "Is a pet all right?"],
    ),
}
OPENERS = {
    "ja": [
        "",
        "来月泊まります。",
        "はじめまして。",
        "家族で伺います。",
        "質問です。",
        "すみません、",
        "予約した者です。",
    ],
    "en": ["", "Hello, ", "A question: ", "We come in May. ", "Hi there, ", "Quick one: ", "Excuse me, "],
}


def write_project(folder: Path, **changes: dict[str, Any]) -> Path:
    """Raw rows and a recipe in `folder`; returns the recipe's path."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for answer, questions in TOPICS.values():
        language = "en" if answer.isascii() else "ja"
        for opener in OPENERS[language]:
            rows += [{"question": opener + question, "answer": answer} for question in questions]
    (folder / "faq.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    recipe: dict[str, Any] = {
        "name": "tiny-faq",
        "data": {"sources": [{"path": "faq.jsonl", "licence": "CC0-1.0"}], "duplicates": {"near": None}},
        "train": {"epochs": 2, "checkpoint_seconds": 0.2, "tokens_per_step": 256, "precision": "fp32"},
        "method": {"rank": 4},
        "gates": {"max_p_value": 1.0, "min_gain": -1.0},
    }
    for section, values in changes.items():
        recipe[section] = {**recipe.get(section, {}), **values} if isinstance(values, dict) else values
    file = folder / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe, allow_unicode=True), "utf-8")
    return file


def kitae(
    *arguments: str | Path, home: Path, cwd: Path | None = None, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        env=environment(home),
        cwd=cwd,
        timeout=timeout,
        check=False,
    )


def command(*arguments: str | Path) -> list[str]:
    """`kitae …` with this interpreter."""
    return [sys.executable, "-c", "from kitae.cli.main import entry; entry()", *map(str, arguments)]


def environment(home: Path) -> dict[str, str]:
    """This process's environment with a workspace of its own and no network."""
    return {**os.environ, "KITAE_HOME": str(home), "HF_HUB_OFFLINE": "1"}


def digests(home: Path) -> dict[str, str]:
    """Digest of each finished artifact by kind (the last one made of each kind)."""
    manifests = sorted(home.glob("artifacts/*/*/manifest.json"), key=lambda path: path.stat().st_mtime)
    values = [json.loads(path.read_text("utf-8")) for path in manifests]
    return {value["kind"]: value["digest"] for value in values}


def stages(run: Path) -> dict[str, str]:
    """What became of each stage in a run: `skipped` or `finished` (the last of its kind)."""
    events = [json.loads(line) for line in (run / "events.jsonl").read_text("utf-8").splitlines()]
    return {e["stage"]: e["event"] for e in events if e["event"] in {"skipped", "finished"}}
