"""The main job, end to end: the demo, banking77 and hotel topics, each in a fresh workspace and a process of its own.

Prints one JSON line last. Peers are measured on the same rows in the same run: the untuned base and a classical
baseline (TF-IDF with logistic regression, or the nearest question). Usage: main_job.py [demo|banking77|hotel-topics …]
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

TOP = Path(__file__).parents[1]
PARTS = ("demo", "banking77", "hotel-topics")


def kitae(*arguments: str, home: Path) -> tuple[dict[str, Any], float]:
    """Run a command with `--json`; its answer and the wall seconds of the whole process."""
    environment = {**os.environ, "KITAE_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", "from kitae.cli.main import entry; entry()", *arguments, "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        check=False,
    )
    seconds = time.perf_counter() - began
    if done.returncode not in {0, 3}:
        raise SystemExit(f"kitae {' '.join(arguments)} failed with {done.returncode}: {done.stdout}")
    return json.loads(done.stdout[done.stdout.index("{") :]), seconds


def stage_minutes(run: Path, stage: str) -> float:
    """Minutes between the first start and the end of a stage."""
    events = [json.loads(line) for line in (run / "events.jsonl").read_text("utf-8").splitlines()]
    times = [datetime.fromisoformat(e["time"]) for e in events if e["stage"] == stage]
    return (times[-1] - times[0]).total_seconds() / 60


def verdict(answer: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The summary of the verdict behind a registered version, and the whole verdict."""
    version_folder = Path(answer["folder"])
    wanted = json.loads((version_folder / "manifest.json").read_text("utf-8"))["parents"]["verdict"]
    for manifest in version_folder.parents[1].glob("verdict/*/manifest.json"):
        if json.loads(manifest.read_text("utf-8"))["digest"] == wanted:
            files = [
                json.loads((manifest.parent / name).read_text("utf-8")) for name in ("summary.json", "verdict.json")
            ]
            return files[0], files[1]
    raise SystemExit(f"no verdict {wanted} beside {version_folder}")


def measured(prefix: str, figures: dict[str, Any]) -> dict[str, Any]:
    """One set's figures under names with a prefix."""
    tuned = figures["tuned"]
    row = {f"{prefix}_n": figures["n"], f"{prefix}_interval": [tuned["low"], tuned["high"]]}
    for system in ("base", "choice", "baseline"):
        if system in figures:
            row[f"{prefix}_{system}"] = figures[system]["value"]
    return row


def demo(folder: Path) -> dict[str, Any]:
    """`kitae demo`: seconds of everything, exact match on held-out combinations and on freely written questions."""
    answer, seconds = kitae("demo", "--to", str(folder / "support-faq"), home=folder / "home")
    found, whole = verdict(answer)
    sets = found["sets"]
    languages = whole["sets"]["wild"]["languages_main"]
    return {
        "demo_seconds": round(seconds, 1),
        "demo_train_minutes": round(stage_minutes(Path(answer["run"]), "adapter"), 2),
        "demo_base_em": sets["test"]["base"]["value"],
        "demo_tuned_em": sets["test"]["tuned"]["value"],
        "demo_p_value": sets["test"]["p_value"],
        "demo_wild_em": sets["wild"]["tuned"]["value"],
        **measured("demo_test", sets["test"]),
        **measured("demo_wild", sets["wild"]),
        "demo_wild_by_language": {
            language: {"n": one["n"], **{key: one["systems"]["tuned"][key] for key in ("value", "low", "high")}}
            for language, one in languages.items()
        },
    }


def labels(name: str, folder: Path) -> dict[str, Any]:
    """A recipe of this repository whose answers are labels: accuracy of the generated label on the whole test split."""
    answer, seconds = kitae("run", str(TOP / "recipes" / f"{name}.yaml"), home=folder / "home")
    figures = verdict(answer)[0]["sets"]["test"]
    key = name.replace("-", "_")
    return {
        f"{key}_accuracy": figures["tuned"]["value"],
        f"{key}_train_minutes": round(stage_minutes(Path(answer["run"]), "adapter"), 2),
        f"{key}_seconds": round(seconds, 1),
        f"{key}_p_value": figures["p_value"],
        **measured(key, figures),
    }


def main() -> None:
    """Measure the parts named on the command line, or all."""
    wanted = sys.argv[1:] or list(PARTS)
    row: dict[str, Any] = {
        "benchmark": "main_job",
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        **{package: version(package) for package in ("kitae", "torch", "transformers", "peft")},
    }
    for part in wanted:
        with tempfile.TemporaryDirectory() as folder:
            row |= demo(Path(folder)) if part == "demo" else labels(part, Path(folder))
        print(json.dumps(row), file=sys.stderr)
    print(json.dumps(row))


if __name__ == "__main__":
    main()
