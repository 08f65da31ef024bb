"""The report: offline, both languages, hostile text harmless, the same bytes every time."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from browser import check, needs_chromium

from kitae.core.workspace import Workspace
from kitae.evaluate import pictures
from kitae.evaluate.page import page

from .desk import FakeAnswerer, record
from .test_stage import TEST, TRAIN, WILD, judged

HOSTILE = [
    "<script>alert(1)</script>",
    "</style><script src=//evil.example/x.js></script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% for x in y %}",
    "`</code><svg onload=alert(1)>`",
    "javascript:alert(1)\u2028\u0000",
    "&lt;b&gt; & <b>bold</b>",
]


class Reader(HTMLParser):
    """Every element with its attributes, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def hostile(workspace: Workspace) -> tuple[str, dict[str, Any], list[dict[str, Any]]]:
    """A report about hostile text in questions, references, answers and training rows."""
    rows = [record(f"{text} {n}", text, "ja" if n % 2 else "en", row=n) for n, text in enumerate(HOSTILE)]
    verdict = judged(
        workspace,
        test=rows,
        wild=WILD,
        train=[*rows[:3], record(HOSTILE[0], HOSTILE[1])],
        tuned=FakeAnswerer(lambda question: f"<b>{question}</b><script>1</script>"),
        base=FakeAnswerer(lambda question: f"</dd></article>{question}"),
        task="classify",
    )
    return verdict.file("report.html").read_text("utf-8"), verdict.json("verdict.json"), []


ABOUT = {"base": "kitae-nano", "adapter": "0123456789ab", "test": "ba9876543210"}


def test_hostile_text_stays_text(hostile: Any) -> None:
    text, _, _ = hostile
    reader = Reader(text)
    assert reader.open == []
    assert [tag for tag, _ in reader.elements if tag == "script"] == ["script"]
    assert not {tag for tag, _ in reader.elements} & {"img", "b", "iframe", "link", "object", "form"} - {"b"}
    assert not [name for _, attributes in reader.elements for name in attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in reader.text
    assert "{{ 7 * 7 }}" in reader.text


def test_it_loads_nothing_and_allows_only_its_own_script_and_style(hostile: Any) -> None:
    text, _, _ = hostile
    reader = Reader(text)
    assert not [a for _, a in reader.elements if {"src", "href", "style", "srcset", "action"} & set(a)]
    assert "@import" not in text
    assert "url(" not in text
    policy = next(a["content"] for _, a in reader.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    for tag in ("style", "script"):
        inline = re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert inline is not None
        digest = base64.b64encode(hashlib.sha256(inline.group(1).encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_the_verdict_comes_first_in_both_languages(hostile: Any) -> None:
    text, verdict, _ = hostile
    main = text.split("<main>")[1]
    plain = re.sub(r"<[^>]+>", "", main.split("</section>")[0]).replace("\N{NO-BREAK SPACE}", " ")
    for language in ("en", "ja"):
        assert verdict["sentence"][language].replace("`", "")[:30] in plain.replace("&#39;", "'")


def test_two_builds_are_byte_identical(hostile: Any) -> None:
    text, verdict, _ = hostile
    history = [{"step": step, "loss": 3.0 / step} for step in range(1, 1000)]
    assert page(verdict, history, about=ABOUT) == page(verdict, list(history), about=ABOUT)
    assert page(verdict, history, about=ABOUT) != text
    assert all(
        page(verdict, history, about={**ABOUT, key: "<b>other</b>"}).count("&lt;b&gt;other") == 1 for key in ABOUT
    )


def test_every_english_text_has_its_japanese(hostile: Any) -> None:
    text, _, _ = hostile
    assert text.count('class="en"') == text.count('class="ja" lang="ja"') > 50
    japanese = re.findall(r'<span class="ja" lang="ja">(.*?)</span>', text)
    assert all(part for part in japanese)


# --- pictures --------------------------------------------------------------------------------------


def numbers(svg: str) -> list[float]:
    return [float(value) for value in re.findall(r'(?:x1|x2|width|cx|x)="(-?[\d.]+)"', svg)]


@pytest.mark.parametrize(("value", "low", "high"), [(0, 0, 0), (1, 0.9, 1), (0.42, 0.3, 0.5)])
def test_a_bar_is_as_long_as_its_share(value: float, low: float, high: float) -> None:
    svg = pictures.bar("tuned", value, low, high)
    assert f'class="fill-tuned" y="4" width="{100 * value:g}"' in svg
    assert all(0 <= number <= 100 for number in numbers(svg))


def test_a_gap_of_zero_stands_in_the_middle() -> None:
    assert '<line class="dot" x1="50" x2="50"' in pictures.gap(0.0, -0.1, 0.1, reach=0.2)


def test_the_reach_holds_every_interval() -> None:
    against = {"base": {"low": -0.02, "high": 0.21}, "choice": {"low": 0.01, "high": 0.02}}
    assert pictures.reach_of(against) == 0.3
    assert pictures.reach_of({"base": {"low": 0.3, "high": 0.97}}) == 1.0


def test_a_long_history_is_drawn_with_few_points_and_without_numbers_that_are_none() -> None:
    history: list[dict[str, Any]] = [{"step": step, "loss": 2.0} for step in range(1, 5000)]
    history += [{"step": 10, "loss": float("nan")}, {"step": 11, "loss": None}, {"step": 12, "validation_loss": 1.5}]
    svg = pictures.loss_curve(history)
    assert svg is not None
    assert len(svg) < 12_000
    assert "nan" not in svg


@pytest.mark.parametrize("history", [[], [{"step": 1, "loss": 2.0}], [{"step": 1, "rate": 0.1}, {"step": 2}]])
def test_no_history_gives_no_picture(history: list[dict[str, Any]]) -> None:
    assert pictures.loss_curve(history) is None


# --- in a browser ----------------------------------------------------------------------------------


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("task", ["chat", "classify"])
def test_a_browser_shows_it_from_disk_in_either_language_on_a_telephone(
    workspace: Workspace, tmp_path: Path, task: str
) -> None:
    long = "a_very_long_word_without_any_space_" * 6
    rows = [record(f"{text} {long} {n}", text, "ja" if n % 2 else "en", row=n) for n, text in enumerate(HOSTILE)]
    verdict = judged(workspace, test=[*TEST, *rows], train=[*TRAIN, *rows[:3]], task=task,
                     tuned=FakeAnswerer(lambda question: question[:40]))  # fmt: skip
    history = [{"step": step, "loss": 12_345.678 / step} for step in range(1, 4000)]
    history += [{"step": step, "validation_loss": 9_000 / step} for step in range(500, 4000, 500)]
    path = tmp_path / "report.html"
    path.write_text(page(verdict.json("verdict.json"), history, about={**ABOUT, "base": long}), "utf-8")
    assert check(path, tmp_path) > 3
