"""Near duplicates: what is found in Japanese, how fast, how it grows, beside datasketch in the same run.

JSQuAD's valid paragraphs and JSTS's sentences with 5 % random edits of letters say what is found; 100 thousand and one
million made-up short records, a tenth of them in clusters of the same question, say how fast. Speed is CPU seconds of
all processes from the records to their decisions: fingerprints, bands, measuring, clusters, what goes for what.
datasketch is given the n-gram hashes for nothing and only has to sketch, insert and query. Prints one JSON line last.
Usage: near_dedup.py [records …], by default 100000 1000000. It needs KITAE_SHARED_DATA or ../shared/data.
"""

import json
import multiprocessing
import os
import platform
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from kitae.core.data_settings import DuplicateSettings
from kitae.core.records import Message, Origin, Record
from kitae.core.text import compact, is_japanese, ngrams
from kitae.data.alike.banding import banding
from kitae.data.alike.grams import gram_sets
from kitae.data.alike.letters import compacted, normalised
from kitae.data.duplicates import (
    Fingerprinted,
    duplicate_clusters,
    find_duplicates,
    fingerprint_table,
    read_duplicates,
)
from kitae.data.shards import write_table

TOP = Path(__file__).parents[1]
SHARED = Path(os.environ.get("KITAE_SHARED_DATA", TOP.parent / "shared" / "data"))
SEED = 5
EDITED_SHARE = 0.05
JAPANESE_NEAR = 0.5
"""Each edit of a letter spoils three of a text's 3-grams: 5 % of edits leave two texts alike by about 0.75."""
SHARD_RECORDS = 25_000
CHAT = DuplicateSettings()
KANJI = "山川田中村本木林森岡島崎松竹梅花月星空海河谷原野高大小長新古東西南北上下内外前後左右春夏秋冬朝夕金銀銅鉄"
KATAKANA = (
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワンガギグゲゴバビブベボ"
)
CONSONANTS = ("b", "ch", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "st", "t", "tr", "v", "w")
SYLLABLES = [a + b for a in CONSONANTS for b in ("a", "e", "i", "o", "u", "ar", "en", "in", "ol")]
JAPANESE = (
    ("{name}で買った{thing}の{part}が{fault}ときは、どうすればいいですか。", "{part}は{name}の窓口で交換します。"),
    (
        "{thing}を{name}に送りたいのですが、{part}の料金を教えてください。",
        "{name}までの{thing}は{part}ごとに変わります。",
    ),
    ("{name}の{part}について、{thing}が{fault}か確認したいです。", "{thing}の{part}は{name}で確認できます。"),
    ("先日{name}で予約した{thing}ですが、{part}を変更できますか？", "はい、{name}の{part}は前日まで変更できます。"),
    ("{thing}の{part}が{fault}と{name}から連絡がありました。", "{name}に{thing}の写真を送ってください。"),
)
FAULTS = (
    "動かない",
    "届かない",
    "見つからない",
    "壊れた",
    "足りない",
    "遅れている",
    "熱くなる",
    "消えた",
    "違っている",
)
ENGLISH = (
    ("What should I do when the {part} of my {thing} from {name} is {fault}?", "{name} will replace the {part}."),
    ("How much is it to send a {thing} with its {part} to {name}?", "It depends on the {part}, as {name} says."),
    ("I booked a {thing} at {name}, can I still change the {part}?", "Yes, {name} changes the {part} until noon."),
    ("Please tell {name} that the {thing} came with a {fault} {part}.", "We have told {name} about the {part}."),
)
ENGLISH_FAULTS = ("broken", "missing", "too hot", "late", "wrong", "loose", "noisy", "not there")


def edited(text: str, share: float, draw: random.Random, letters: str) -> str:
    """The text with this share of its letters replaced, left out, or followed by another one."""
    out = []
    for letter in text:
        kind = draw.randrange(3) if draw.random() < share else -1
        out.append({-1: letter, 0: draw.choice(letters), 1: "", 2: letter + draw.choice(letters)}[kind])
    return "".join(out)


def found_in_japanese(texts: Sequence[str], near: float) -> dict[str, float]:
    """Pairs of a text and its edited copy that stand in one cluster, and how many of all pairs in one are that."""
    draw = random.Random(SEED)
    letters = "".join(texts)
    both = [*texts, *(edited(text, EDITED_SHARE, draw, letters) for text in texts)]
    records = [Record(f"{i:016x}", (Message("document", t),), Origin("ja", i + 1)) for i, t in enumerate(both)]
    with Fingerprinted(records, task="pretrain", settings=DuplicateSettings(near=near)) as made:
        names = duplicate_clusters(made.tables, near=near, scratch=made.scratch)
    sizes = np.bincount(names)
    pairs = int((sizes * (sizes - 1) // 2).sum())
    hit = int((names[: len(texts)] == names[len(texts) :]).sum())
    sets = [ngrams(compact(text), 3) for text in both]
    alike = [len(a & b) / len(a | b) for a, b in zip(sets, sets[len(texts) :], strict=False)]
    return {
        "recall": hit / len(texts),
        "precision": hit / pairs,
        "usual_5gram_14x8_recall": usual_recall(both, len(texts)),
        "median_similarity": float(np.median(alike)),
        "texts": len(texts),
    }


def usual_recall(both: Sequence[str], count: int) -> float:
    """What 14 bands of 8 hashes over 5-grams propose, the usual setting elsewhere, by datasketch."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(num_perm=112, params=(14, 8))
    sketches = []
    for number, text in enumerate(both):
        sketch = MinHash(num_perm=112, seed=SEED)
        sketch.update_batch([gram.encode() for gram in ngrams(compact(text), 5)])
        sketches.append(sketch)
        if number < count:
            index.insert(number, sketch)
    return sum(number in index.query(sketches[count + number]) for number in range(count)) / count


def short_records(count: int, shard: int) -> Iterator[tuple[Record, int]]:
    """The records of one shard and their clusters, the same whatever else is made.

    Nine records of ten are alone; the others ask in clusters of two to five what one of them asks, word for word, with
    other punctuation or spaces, or with a word more; members of a cluster lie anywhere in the data.
    """
    order = np.random.default_rng([SEED, count]).permutation(count)
    for place in order[shard * SHARD_RECORDS : (shard + 1) * SHARD_RECORDS].tolist():
        cluster, member = cluster_of(place, count)
        draw = random.Random(cluster)
        question, answer = written(draw)
        if member:
            question = variant(question, random.Random(f"{cluster} {member}"))
        said = (Message("user", question), Message("assistant", answer))
        yield Record(f"{place:016x}", said, Origin(f"shard-{shard}", place + 1)), cluster


def cluster_of(place: int, count: int) -> tuple[int, int]:
    """Cluster and member of a record: the last tenth of the places lies in clusters of 2, 3, 4, 5, 2, 3, …"""
    alone = count * 9 // 10
    if place < alone:
        return place, 0
    turn, rest = divmod(place - alone, 14)
    size_before = (
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
        (1, 2),
        (2, 0),
        (2, 1),
        (2, 2),
        (2, 3),
        (3, 0),
        (3, 1),
        (3, 2),
        (3, 3),
        (3, 4),
    )
    which, member = size_before[rest]
    return alone + turn * 4 + which, member


def written(draw: random.Random) -> tuple[str, str]:
    """A question and its answer, with names and things of an open vocabulary."""
    if draw.random() < 0.5:
        frame, fault = draw.choice(JAPANESE), draw.choice(FAULTS)
        name = "".join(draw.choices(KANJI, k=draw.randint(2, 4)))
        thing, part = ("".join(draw.choices(KATAKANA, k=draw.randint(3, 7))) for _ in range(2))
    else:
        frame, fault = draw.choice(ENGLISH), draw.choice(ENGLISH_FAULTS)
        name, thing, part = ("".join(draw.choices(SYLLABLES, k=draw.randint(2, 4))) for _ in range(3))
    question, answer = (text.format(name=name, thing=thing, part=part, fault=fault) for text in frame)
    return question, answer


def variant(question: str, draw: random.Random) -> str:
    """The same question as somebody else types it."""
    japanese = is_japanese(question)
    ways: tuple[Callable[[str], str], ...] = (
        lambda text: text,
        lambda text: text.replace("。", "！").replace("、", " ").replace("?", "!"),
        lambda text: text.upper(),
        lambda text: ("すみません、" if japanese else "Hello, ") + text,
        lambda text: text + ("お願いします" if japanese else " Thanks"),
    )
    return draw.choice(ways)(question)


def make_table(count: int, folder: Path, shard: int) -> dict[str, Any]:
    """Write the fingerprint table and the true clusters of a shard; only the fingerprints are timed."""
    rows = list(short_records(count, shard))
    records = [record for record, _ in rows]
    np.save(folder / f"truth-{shard:04}.npy", np.array([cluster for _, cluster in rows]))
    began = time.process_time()
    write_table(folder / f"{shard:04}.arrow", fingerprint_table(records, task="chat", settings=CHAT))
    return {"seconds": time.process_time() - began, "peak_mb": peak_mb()}


def decide(folder: Path) -> dict[str, Any]:
    """The global step over all tables of a folder."""
    began = time.process_time()
    tables = sorted(folder.glob("[0-9]*.arrow"))
    found = find_duplicates(tables, settings=CHAT, scratch=folder / "scratch")
    out = {"seconds": time.process_time() - began, "peak_mb": peak_mb()}
    gone = [row for row, _ in read_duplicates(found)]
    truth = np.concatenate([np.load(path) for path in sorted(folder.glob("truth-*.npy"))])
    planted = len(truth) - len(np.unique(truth))
    stays = np.ones(len(truth), dtype=bool)
    stays[gone] = False
    whole = len(np.unique(truth[stays])) == len(np.unique(truth))
    return {**out, "planted": planted, "gone": len(gone), "no_cluster_lost": whole}


def peak_mb() -> float:
    """Most memory that this process has held, in MiB."""
    try:
        status = Path("/proc/self/status").read_text("utf-8")
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(count: int) -> dict[str, Any]:
    """Two workers make the tables, then one process decides; each process is fresh."""
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="kitae-") as name:
        folder = Path(name)
        began = time.perf_counter()
        with spawn.Pool(2) as pool:
            made = pool.map(partial(make_table, count, folder), range(-(-count // SHARD_RECORDS)), chunksize=1)
        with spawn.Pool(1) as pool:
            decided = pool.apply(decide, (folder,))
        wall = time.perf_counter() - began
    fingerprints = sum(row["seconds"] for row in made)
    seconds = fingerprints + decided["seconds"]
    # A cluster member that says the same in other words may stay; nothing that stands alone may go.
    return {
        "records": count,
        "cpu_seconds": seconds,
        "fingerprint_seconds": fingerprints,
        "records_per_cpu_s": count / seconds,
        "wall_seconds_with_making_records": wall,
        "peak_rss_mb": max(decided["peak_mb"], 2 * max(row["peak_mb"] for row in made)),
        **{key: decided[key] for key in ("planted", "gone", "no_cluster_lost")},
    }


def datasketch_seconds(count: int) -> float:
    """CPU seconds of datasketch for as many records: sketches of given n-gram hashes, an index, a query of each."""
    from datasketch import MinHash, MinHashLSH

    cut = banding(CHAT.near or 1.0)
    bands, width = cut.bands, cut.width
    seconds = 0.0
    index = MinHashLSH(num_perm=bands * width, params=(bands, width))
    for shard in range(-(-count // SHARD_RECORDS)):
        questions = [record.question for record, _ in short_records(count, shard)]
        sets = gram_sets(compacted(normalised(questions)))
        hashes = [sets.row(row).tolist() for row in range(len(sets))]
        began = time.process_time()
        sketches = MinHash.bulk(hashes, num_perm=bands * width, seed=SEED, hashfunc=int)
        for number, sketch in enumerate(sketches):
            index.query(sketch)
            index.insert(shard * SHARD_RECORDS + number, sketch)
        seconds += time.process_time() - began
    return seconds


def main(arguments: Sequence[str]) -> None:
    """Measure all and print the line."""
    counts = [int(argument) for argument in arguments] or [100_000, 1_000_000]
    with (SHARED / "jglue" / "jsquad-valid.json").open(encoding="utf-8") as file:
        articles = json.load(file)["data"]
    paragraphs = [paragraph["context"] for article in articles for paragraph in article["paragraphs"]]
    with (SHARED / "jglue" / "jsts-train.json").open(encoding="utf-8") as file:
        sentences = sorted({json.loads(line)["sentence1"] for line in file})[:2_000]
    japanese = found_in_japanese(paragraphs, JAPANESE_NEAR)
    short = found_in_japanese(sentences, JAPANESE_NEAR)
    runs = [run(count) for count in counts]
    peer = datasketch_seconds(counts[0])
    assert all(row["no_cluster_lost"] for row in runs), "a whole cluster went"
    assert japanese["recall"] > japanese["usual_5gram_14x8_recall"]
    row = {
        "benchmark": "near_dedup",
        "recall_ja": round(japanese["recall"], 4),
        "precision_ja": round(japanese["precision"], 4),
        "records_per_cpu_s": round(runs[-1]["records_per_cpu_s"]),
        "ratio_vs_datasketch": round(peer / runs[0]["cpu_seconds"], 2),
        "growth_10x": round(runs[-1]["cpu_seconds"] / runs[0]["cpu_seconds"] * 10 * counts[0] / counts[-1], 2),
        "peak_rss_mb": round(runs[-1]["peak_rss_mb"]),
        "threshold_ja": JAPANESE_NEAR,
        "threshold_chat": CHAT.near,
        "raw": {"paragraphs": japanese, "sentences": short, "runs": runs, "datasketch_cpu_seconds": peer},
        "versions": {name: version(name) for name in ("rensa", "datasketch", "numpy", "pyarrow")},
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main(sys.argv[1:])
