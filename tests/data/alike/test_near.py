"""Near pairs are those that brute force finds; bands miss little; large buckets stay cheap and find the twins."""

import random
from itertools import combinations
from math import comb
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kitae.core.data_settings import DuplicateSettings
from kitae.core.records import Message, Origin, Record
from kitae.core.text import compact, is_japanese, ngrams
from kitae.data.alike import banding as bands_of
from kitae.data.alike import near
from kitae.data.alike.banding import BUCKET_TEXTS, banding, bucket_pairs, window_pairs
from kitae.data.alike.columns import Columns
from kitae.data.alike.near import found_often, near_pairs
from kitae.data.alike.turns import Turns
from kitae.data.duplicates import Fingerprinted

WORDS = [
    "駐車場",
    "温泉",
    "予約",
    "朝食",
    "時間",
    "料金",
    "子供",
    "部屋",
    "送迎",
    "変更",
    "何時",
    "どこ",
    "ですか",
    "ありますか",
]


def talk(number: int, *turns: str) -> Record:
    roles = ["user", "assistant"] * len(turns)
    said = tuple(Message(role, text) for role, text in zip(roles, turns, strict=False))  # type: ignore[arg-type]
    return Record(f"{number:016x}", said, Origin("talks.jsonl", number + 1))


def jaccard(one: str, other: str) -> float:
    a, b = (ngrams(text, 3 if is_japanese(text) else 5) for text in (compact(one), compact(other)))
    return len(a & b) / max(1, len(a | b))


def found_pairs(records: list[Record], near: float, scratch: Path) -> dict[tuple[int, int], float]:
    with Fingerprinted(records, task="chat", settings=DuplicateSettings(near=near)) as made:
        columns = Columns(made.tables)
        pairs = near_pairs(columns, Turns.of(columns), near, scratch=scratch, progress=lambda *_: None)
        found: dict[tuple[int, int], float] = {}
        for block in pairs.blocks():
            sides = zip(block.ones.tolist(), block.others.tolist(), strict=True)
            found.update(zip(sides, block.similarity.tolist(), strict=True))
        return found


@pytest.mark.parametrize("near", [0.5, 0.8])
def test_near_pairs_equal_brute_force(near: float, tmp_path: Path) -> None:
    draw = random.Random(3)
    texts = ["".join(draw.choices(WORDS, k=12)) for _ in range(150)]
    texts += [text[: draw.randrange(5, 30)] + draw.choice(WORDS) + text[30:] for text in texts]
    texts = sorted(set(texts), key=texts.index)
    # The first forty records are asked something else in the end; the others ask their text.
    records = [talk(i, text, "はい。", f"{'それから' * 9}{i}番？", "はい。") for i, text in enumerate(texts[:40])]
    records += [talk(i + 40, text, "はい。") for i, text in enumerate(texts[40:])]
    turn_of = {text: len(records) + i if i < 40 else i for i, text in enumerate(texts)}
    truth = {}
    for one, other in combinations(texts, 2):
        pair = tuple(sorted((turn_of[one], turn_of[other])))
        if pair[0] < len(records) and jaccard(one, other) >= near:
            truth[pair] = jaccard(one, other)
    found = found_pairs(records, near, tmp_path)
    found = {pair: value for pair, value in found.items() if pair[0] >= 40}
    assert found.keys() <= truth.keys()
    assert all(value == pytest.approx(truth[pair]) for pair, value in found.items())
    assert len(found) >= 0.99 * len(truth)
    assert len(truth) >= 20


@given(near=st.floats(0.3, 1.0))
def test_banding_misses_little_at_the_threshold(near: float) -> None:
    cut = banding(near)
    assert cut.bands * cut.width <= 128
    assert cut.needed >= 2
    missed = sum(
        comb(cut.bands, n) * near ** (cut.width * n) * (1 - near**cut.width) ** (cut.bands - n)
        for n in range(cut.needed)
    )
    assert missed <= 1e-3


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(0, 40), st.integers(1, 50))
def test_a_small_bucket_is_all_pairs_with_a_question(keys: list[int], asked: int, at_once: int) -> None:
    array = np.array(keys, dtype=np.uint32)
    with pytest.MonkeyPatch.context() as small:
        small.setattr(bands_of, "TEXTS_AT_ONCE", at_once)
        blocks = list(bucket_pairs(array, array[::-1].copy(), np.arange(len(keys)), asked=asked))
    found = sorted(pair for block in blocks for pair in block.tolist())
    expected = [(i << 32) | j for i, j in combinations(range(len(keys)), 2) if keys[i] == keys[j] and i < asked]
    assert found == expected


def test_a_large_bucket_is_linear_and_joins_who_shares_the_next_band() -> None:
    count = 3_000
    keys = np.zeros(count, dtype=np.uint32)
    following = np.random.default_rng(0).permutation(count // 2).repeat(2).astype(np.uint32)
    order = np.random.default_rng(1).permutation(count)
    found = np.concatenate(list(bucket_pairs(keys, following[order], np.arange(count), asked=count)))
    assert len(found) <= count * BUCKET_TEXTS
    pairs = {(pair >> 32, pair & 0xFFFF_FFFF) for pair in found.tolist()}
    twins: dict[int, list[int]] = {}
    for place, key in enumerate(following[order].tolist()):
        twins.setdefault(key, []).append(place)
    assert all(tuple(places) in pairs for places in twins.values())


@given(st.lists(st.integers(0, 3), max_size=12), st.integers(1, 6))
def test_pairs_of_enough_bands_stay_each_once(pairs: list[int], needed: int) -> None:
    found = found_often(np.array(pairs, dtype=np.uint64), needed)
    assert found.tolist() == sorted(pair for pair in set(pairs) if pairs.count(pair) >= needed)


@given(st.lists(st.integers(0, 2), max_size=20), st.integers(1, 5))
def test_window_pairs_are_equal_and_near_each_other(values: list[int], window: int) -> None:
    groups = np.sort(np.array(values, dtype=np.int64))
    ones, others = window_pairs(groups, window)
    expected = {(i, j) for i, j in combinations(range(len(groups)), 2) if groups[i] == groups[j] and j - i <= window}
    assert set(zip(ones.tolist(), others.tolist(), strict=True)) == expected
    assert len(ones) == len(expected)


@pytest.mark.parametrize("count", range(8))
def test_a_pair_counts_from_so_many_bands_on(count: int) -> None:
    pairs = np.array([7] * count + [9], dtype=np.uint64)
    assert near.found_often(pairs, 6).tolist() == ([7] if count >= 6 else [])
