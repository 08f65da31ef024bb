"""How far the plan's memory and time are off: estimated against measured, on a training of the demo's data.

Prints one JSON line. Usage: plan_error.py [section.key=value …], for example train.epochs=1
"""

import json
import resource
import sys
import tempfile
from pathlib import Path

from main_job import kitae, stage_minutes

GIB = 1 << 30


def main() -> None:
    """Train once in a fresh workspace; the largest memory of that process stands against the estimate."""
    overrides = [part for setting in sys.argv[1:] for part in ("--set", setting)]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        inn = Path(__file__).parents[1] / "src" / "kitae" / "data" / "inn"
        answer, _ = kitae("train", str(inn / "recipe.yaml"), *overrides, home=home)
        (plan,) = home.glob("artifacts/plan/*/plan.json")
        estimate = json.loads(plan.read_text("utf-8"))["estimate"]
        run = Path(answer["run"])
        seconds = stage_minutes(run, "adapter") * 60
        events = [json.loads(line) for line in (run / "events.jsonl").read_text("utf-8").splitlines()]
        said = next(event["seconds"] for event in events if event["stage"] == "plan" and "seconds" in event)
    gib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / GIB
    row = {
        "benchmark": "plan_error",
        "estimated_gib": estimate["total_gib"],
        "measured_gib": round(gib, 2),
        "memory_ratio": round(estimate["total_gib"] / gib, 2),
        "estimated_seconds": round(said),
        "measured_seconds": round(seconds),
        "time_ratio": round(said / seconds, 2),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
