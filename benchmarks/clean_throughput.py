"""The data stage on a million chat records: all default rules, privacy, near-duplicates.

    python benchmarks/clean_throughput.py [--records 1000000] [--workers 2] [--ray-records 20000]

The records are drawn by a seeded generator: Japanese and English, long and short, one in five with private data, one in
five a duplicate or nearly one, a few broken. The same function makes a small dataset locally and on Ray and compares
the digests. Memory is the largest sum of the resident sets of all processes together, seen twice a second; pages that
processes share count more than once.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

GIB = 1 << 30
MOST_BYTES = 2.5 * GIB
THINGS = {
    "en": ["bath", "towel", "bicycle", "breakfast", "window", "garden", "receipt", "umbrella", "ferry", "lantern"],
    "ja": ["大浴場", "タオル", "自転車", "朝食", "窓", "庭園", "領収書", "傘", "フェリー", "提灯"],
}
PLACES = {
    "en": ["lobby", "annex", "terrace", "corridor", "basement", "kitchen", "library", "attic", "courtyard", "pier"],
    "ja": ["ロビー", "別館", "テラス", "廊下", "地下", "台所", "図書室", "屋根裏", "中庭", "桟橋"],
}
ASKS = {
    "en": ["Could you tell me where I find the {thing} near the {place} of house {n}?",
           "Is the {thing} in the {place} still there, and does {n} people count as a group?",
           "My {thing} was left in the {place} on day {n}. What should I do now?"],
    "ja": ["{place}の近くの{thing}は{n}号館のどこにありますか。",
           "{n}名で泊まりますが、{place}にある{thing}は借りられますか。",
           "{n}日に{place}に{thing}を忘れました。どうすればよいですか。"],
}  # fmt: skip
SAYS = {
    "en": ["Please ask at the front desk; the {thing} is kept in the {place} until {n} days have passed.",
           "Yes. The {place} is open all day, and the {thing} costs nothing for guests of house {n}."],
    "ja": ["フロントまでお申し付けください。{thing}は{place}で{n}日間お預かりします。",
           "はい。{place}は終日開いており、{n}号館のお客様は{thing}を無料でお使いいただけます。"],
}  # fmt: skip
PRIVATE = {
    "en": [" My number is 415-555-{n:04}.", " Write to guest{n}@example.org, please.", " I am Mr. Daniel Harper."],
    "ja": [" 電話は090-1234-{n:04}です。", " 連絡先は guest{n}@example.org です。", " 佐藤花子と申します。"],
}


def rows(count: int, seed: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(seed)
    before: list[dict[str, Any]] = []
    for _ in range(count):
        kind = chance.random()
        if before and kind < 0.1:
            yield chance.choice(before)
            continue
        if before and kind < 0.2:
            row = chance.choice(before)
            first, *rest = row["messages"]
            yield {"messages": [{**first, "content": first["content"] + "!"}, *rest]}
            continue
        language = chance.choice(["ja", "en"])
        turns = []
        for _ in range(chance.choice([1, 1, 2, 3])):
            words = {
                "thing": chance.choice(THINGS[language]),
                "place": chance.choice(PLACES[language]),
                "n": chance.randrange(10_000),
            }
            asked = chance.choice(ASKS[language]).format(**words)
            if chance.random() < 0.2:
                asked += chance.choice(PRIVATE[language]).format(**words)
            turns += [
                {"role": "user", "content": asked},
                {"role": "assistant", "content": chance.choice(SAYS[language]).format(**words)},
            ]
        if kind > 0.99:
            turns[-1] = {"role": "assistant", "content": chance.choice(["", "TBD", turns[-1]["content"][:9]])}
        row = {"messages": turns}
        before.append(row)
        if len(before) > 5_000:
            before[chance.randrange(5_000)] = before.pop()
        yield row


def write(path: Path, count: int, seed: int = 5) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows(count, seed):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


class Watch(threading.Thread):
    """Looks at the memory of this process and all that it started, until it is told to stop."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak, self.over = 0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.5):
            total = 0
            for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.peak = max(self.peak, total)


def prepared(folder: Path, home: str, executor: dict[str, Any]) -> tuple[Any, float]:
    """The dataset of the rows in a folder, and the seconds it took."""
    from kitae import data
    from kitae.core.data_settings import DataSettings
    from kitae.core.workspace import Workspace

    source = {"path": "rows.jsonl", "licence": "CC0-1.0", "consent": "public", "rights_holder": "nobody"}
    settings = DataSettings.model_validate({"sources": [source], "executor": executor})
    out = Workspace(folder / home)
    began = time.perf_counter()
    found = data.find(settings.sources, folder=folder, out=out)
    dataset = data.prepare(found, settings=settings, task="chat", out=out, folder=folder)
    return dataset, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ray-records", type=int, default=20_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        small, big = Path(scratch) / "small", Path(scratch) / "big"
        for folder, count in ((small, arguments.ray_records), (big, arguments.records)):
            folder.mkdir()
            write(folder / "rows.jsonl", count)
        watch = Watch()
        watch.start()
        dataset, seconds = prepared(big, "home", {"workers": arguments.workers})
        watch.over.set()
        local, _ = prepared(small, "local", {"workers": arguments.workers})
        ray, _ = prepared(small, "ray", {"kind": "ray", "workers": arguments.workers})
        report = dataset.json("report.json")
    assert report["read"] == arguments.records == report["kept"] + report["dropped"] + report["quarantined"]
    result = {
        "records": arguments.records,
        "workers": arguments.workers,
        "seconds": round(seconds, 1),
        "records_per_s": round(arguments.records / seconds),
        "peak_rss_mb": round(watch.peak / 1e6),
        "under_2_5_gib": watch.peak < MOST_BYTES,
        "ray_digest_equal": local.digest == ray.digest,
        "kept": report["kept"],
        "dropped": report["rules_count"],
        "privacy": report["privacy"],
        "versions": {name: version(name) for name in ("kitae", "pyarrow", "numpy", "rensa", "loky", "ray")},
        "machine": platform.processor() or platform.machine(),
    }
    print(json.dumps(result, ensure_ascii=False))


if __name__ == "__main__":
    main()
