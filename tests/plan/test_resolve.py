"""The plan as an artifact: the same each time on a machine, however fast or busy that machine is."""

import time
from pathlib import Path
from typing import Any

import pytest
from train.site import make_split, records

from kitae import models
from kitae.core.artifacts import Plan
from kitae.core.recipe import parse_recipe
from kitae.core.workspace import Workspace
from kitae.models import speed
from kitae.plan import Hardware, resolve, training_seconds
from kitae.plan.hardware import GIB

MACHINE = Hardware(cores=2, memory_bytes=24 * GIB, bf16=False, avx512=False)


def planned(out: Workspace, monkeypatch: pytest.MonkeyPatch, gigaflops: float) -> tuple[Plan, list[dict[str, Any]]]:
    """The plan on a machine of this speed, and what was told."""
    monkeypatch.setattr(
        "kitae.models.speed.product_speed", lambda _precision: speed.Speed(gigaflops * 1e9, gigaflops * 5e8)
    )
    told: list[dict[str, Any]] = []
    out.events.listen(told.append)
    recipe = parse_recipe({"name": "x", "data": {"sources": [{"path": "a.csv"}]}})
    split = make_split(out, records(12), records(4, start=50))
    plan = resolve(recipe, split, facts=models.facts("kitae-nano"), hardware=MACHINE, out=out)
    return plan, told


def seconds_of(told: list[dict[str, Any]]) -> float:
    (seconds,) = [event["seconds"] for event in told if "seconds" in event]
    return float(seconds)


def test_the_speed_of_the_moment_is_told_and_is_no_part_of_the_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, told_slow = planned(Workspace(tmp_path / "slow"), monkeypatch, 0.1)
    fast, told_fast = planned(Workspace(tmp_path / "fast"), monkeypatch, 1000)
    assert seconds_of(told_slow) > seconds_of(told_fast)
    assert slow.digest == fast.digest
    assert training_seconds(fast, hardware=MACHINE) == seconds_of(told_fast)


def test_a_plan_that_is_found_again_is_told_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, first = planned(Workspace(tmp_path), monkeypatch, 100)
    _, again = planned(Workspace(tmp_path), monkeypatch, 200)
    (found,) = [event for event in again if event["event"] == "skipped" and event["stage"] == "plan"]
    said = [event["text"] for event in first if event["event"] == "note" and "seconds" not in event]
    assert found["summary"]["lines"] == said
    assert seconds_of(again) < seconds_of(first)


def test_products_are_timed_in_a_moment() -> None:
    speed.product_speed.cache_clear()
    began = time.perf_counter()
    found = speed.product_speed("fp32")
    assert 1e7 < found.flops < 1e15
    assert 1e7 < found.core_flops < 1e14
    assert speed.product_speed("fp32") is found
    assert time.perf_counter() - began < 20
