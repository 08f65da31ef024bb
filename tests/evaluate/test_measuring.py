"""What a run measures beside its answers: probabilities, likelihoods, seconds, cost, meaning; and after a real kill."""

import math
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from kitae.core.artifacts import Verdict
from kitae.core.embedding import Embedder
from kitae.core.endpoint_settings import EmbeddingSettings
from kitae.core.records import Message
from kitae.core.workspace import Workspace
from kitae.errors import InputError, UnknownName
from kitae.evaluate import check_rows, stage
from kitae.evaluate.metrics import Embed, Questions, metrics_for, similarity, words
from kitae.evaluate.predictions import sureness

from .desk import FakeAnswerer, adapter_in, dataset_in, desk, files_of, knows, resolved, split_in, two_models

ROWS = desk(answer=lambda text: text[:4])
TRAIN, VALIDATION, TEST = ROWS[:36], ROWS[36:45], ROWS[45:]


def judged(out: Workspace, *, test: Any = TEST, base: Any = None, **settings: Any) -> Verdict:
    tuned = FakeAnswerer(knows(ROWS, wrong_every=4))
    base = base or FakeAnswerer(lambda _question: "Hm.")
    return stage.run(
        adapter_in(out),
        split_in(out, train=TRAIN, validation=VALIDATION, test=test),
        {},
        settings=resolved(**{"compare_to": ["base"], **settings}),
        out=out,
        open_answerer=two_models(tuned, base),
    )


def figures(verdict: Verdict) -> dict[str, dict[str, Any]]:
    return {one["metric"]: one for one in verdict.json("verdict.json")["sets"]["test"]["figures"]}


def test_an_evaluation_killed_in_any_of_its_works_ends_with_the_same_bytes(tmp_path: Path) -> None:
    top = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(top), os.environ.get("PYTHONPATH", "")])}
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    # Killed in the answers, in the choices, in the likelihoods.
    lives = [(calm, 0), (killed, 4), (killed, 9), (killed, 11), (killed, 0)]
    command = [sys.executable, str(top / "evaluate" / "killed.py"), *(str(part) for pair in lives for part in pair)]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    assert done.stdout.split() == ["0", *["-9"] * 3, "0"]
    assert files_of(calm / "artifacts") == files_of(killed / "artifacts")
    assert len(list(calm.glob("artifacts/verdict/*"))) == 1


def test_perplexity_is_that_of_the_right_answers(workspace: Workspace) -> None:
    found = figures(judged(workspace, metrics=["exact_match", "perplexity_token", "perplexity_byte"]))
    base = found["perplexity_token"]["systems"]["base"]["value"]
    assert base == pytest.approx(math.e, abs=1e-5)  # the fake says -1 nat for each of its tokens
    assert found["perplexity_token"]["systems"]["tuned"]["value"] < base
    assert found["perplexity_token"]["against"]["base"]["outcome"] == "better"
    characters = sum(len(row.answer) for row in TEST)
    bytes_ = sum(len(row.answer.encode()) for row in TEST)
    assert found["perplexity_byte"]["systems"]["base"]["value"] == pytest.approx(
        math.exp(characters / bytes_), abs=1e-5
    )


def test_the_share_of_pairs_whose_chosen_answer_is_likelier(workspace: Workspace) -> None:
    """The fake finds likely what it would say: of some rows the chosen answer, of others the rejected one."""
    says = knows(ROWS, wrong_every=4)
    rows = [replace(row, rejected=(Message("assistant", "I do not know."),)) for row in TEST]
    alone = replace(TEST[0], id="alone")
    settings: dict[str, Any] = {"metrics": ["preferred", "rouge_l"], "task": "preference"}
    verdict = judged(workspace, test=[*rows, alone], **settings)
    found = figures(verdict)["preferred"]
    right = [says(row.question) == row.answer for row in TEST]
    assert found["systems"]["tuned"]["n"] == len(TEST)
    assert found["systems"]["tuned"]["value"] == pytest.approx(sum(right) / len(right), abs=1e-4)
    assert found["systems"]["base"]["value"] == 0.5  # neither is what it would say
    with pytest.raises(InputError, match="pairs of a chosen and a rejected answer"):
        judged(workspace, metrics=["preferred"])


def test_how_long_an_answer_takes_is_measured_alone_and_priced(workspace: Workspace) -> None:
    asked = [*TEST, *desk(file="more.csv", answer=lambda text: text[:4])]
    base = FakeAnswerer(lambda _question: "Hm.")
    found = figures(
        judged(workspace, metrics=["exact_match", "latency", "cost"], price_per_hour=36.0, test=asked, base=base)
    )
    latency, cost = (found[name]["systems"]["tuned"] for name in ("latency", "cost"))
    assert latency["n"] == cost["n"] == 30 < len(asked)
    assert latency["value"] > 0
    assert cost["value"] == pytest.approx(10 * latency["value"], rel=0.01, abs=1e-5)
    alone = Counter(base.asked)
    assert alone.total() == len(asked) + 30 + 1  # one more to warm up


def test_sureness_is_a_softmax_over_the_labels() -> None:
    found = sureness([math.log(0.02), math.log(0.06), math.log(0.02)], right=1)
    assert found == {"top": 0.6, "top_right": 1.0, "right": 0.6, "squares": 0.44}
    assert sureness([-1.0, -1.0], right=None) == {"top": 0.5, "top_right": 0.0, "right": 0.0, "squares": 0.5}
    assert sureness([-2000.0, -1000.0], right=0)["top"] == 1.0


def test_a_column_for_groups_that_no_row_has_is_refused_with_those_there_are(workspace: Workspace) -> None:
    rows = [replace(row, meta={"customer": f"c{place % 3}", "day": ""}) for place, row in enumerate(TEST)]
    with pytest.raises(UnknownName, match=r"'custmer'.*Known: customer, day, label, language.*Did you mean 'customer'"):
        judged(workspace, test=rows, group_by="custmer")
    with pytest.raises(UnknownName, match="'day'"):
        judged(workspace, test=rows, group_by="day")
    split = split_in(workspace, train=TRAIN, validation=VALIDATION, test=TEST)
    check_rows(split, {"wild": dataset_in(workspace, rows)}, resolved(group_by="customer"))


def test_a_missing_tokeniser_is_found_before_anything_is_asked(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise InputError("the Japanese tokeniser MeCab does not work here")

    monkeypatch.setattr(words, "tagger", broken)
    english = [row for row in TEST if row.language == "en"]
    metrics = ["exact_match", "rouge_l"]
    for rows, refused in ((english, False), (ROWS, True)):
        split = split_in(workspace, train=TRAIN, validation=VALIDATION, test=rows)
        if refused:
            with pytest.raises(InputError, match="MeCab"):
                check_rows(split, {}, resolved(metrics=metrics))
        else:
            check_rows(split, {}, resolved(metrics=metrics))


@contextmanager
def vectors_of(folder: Path, reply: Any, **settings: Any) -> Iterator[tuple[Embedder, list[dict[str, Any]]]]:
    asked: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        import json

        assert str(request.url) == "http://model.test/v1/embeddings"
        asked.append(json.loads(request.content))
        return httpx.Response(200, json=reply(asked[-1]["input"]))

    values = {"base_url": "http://model.test/v1", "model": "embed-1", **settings}
    embedder = Embedder(
        EmbeddingSettings.model_validate(values), folder, place="here", transport=httpx.MockTransport(answer)
    )
    yield embedder, asked
    embedder.close()


def counted(text: str) -> list[float]:
    return [float(text.count(letter)) for letter in "ab"]


def letters(texts: list[str]) -> dict[str, Any]:
    rows = [
        {"index": place, "embedding": [float(text.count(letter)) for letter in "ab"]}
        for place, text in enumerate(texts)
    ]
    return {"data": rows[::-1], "usage": {"prompt_tokens": 3}}


def test_vectors_are_asked_for_once_and_in_order(tmp_path: Path) -> None:
    texts = ["a", "b", "a", "aab"]
    for expected in ([["a", "b", "aab"]], []):
        with vectors_of(tmp_path, letters) as (embedder, asked):
            vectors = embedder.vectors(texts, [""] * len(texts))
            assert vectors is not None
            assert vectors.tolist() == [[1, 0], [0, 1], [1, 0], [2, 1]]
            assert [one["input"] for one in asked] == expected


@pytest.mark.parametrize("data", [None, [], [{"embedding": []}], [{"index": 0, "embedding": [None]}], [7]])
def test_an_endpoint_without_vectors_is_an_error(tmp_path: Path, data: Any) -> None:
    with (
        vectors_of(tmp_path, lambda _texts: {"data": data}) as (embedder, _),
        pytest.raises(InputError, match=r"does not answer with embeddings.*Name a model for embeddings in here"),
    ):
        embedder.vectors(["a"], [""])


def test_similarity_is_the_mean_cosine_and_names_the_model() -> None:
    def vectors(texts: Any) -> list[Any]:
        return [
            np.array([text.count("a"), text.count("b")]) / math.hypot(text.count("a"), text.count("b"))
            for text in texts
        ]

    questions = Questions(("a", "ab", "b"), ("en",) * 3, embed=Embed("embed-1", vectors))
    (metric,) = metrics_for(["similarity"], questions)
    assert metric.over(["aa", "a", ""]) == pytest.approx((1 + math.sqrt(0.5) + 0) / 3, abs=1e-6)
    assert "model:embed-1" in metric.signature


def test_what_an_endpoint_may_cost_is_no_part_of_the_key() -> None:
    """So a raised cap goes on with the vectors that were paid for."""
    one, other = (
        resolved(embeddings={"base_url": "http://model.test/v1", "model": "m", "most_cost": cap}) for cap in (1.0, 2.0)
    )
    assert one.evaluate.key() == other.evaluate.key()
    assert one.evaluate.plain() != other.evaluate.plain()


def test_vectors_beyond_the_cap_are_an_error(tmp_path: Path) -> None:
    settings = EmbeddingSettings(base_url="http://model.test/v1", model="m", price_in=1e9, most_cost=0.001)
    with similarity.embedding(settings, tmp_path) as embed:
        assert embed is not None
        with pytest.raises(InputError, match="most_cost pays for"):
            embed.vectors(["hello"])
    with similarity.embedding(None, tmp_path) as embed:
        assert embed is None
