"""Every recogniser, ours or somebody's, keeps the same promises; one that is not installed says so."""

import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kitae.core.data_settings import PrivacySettings
from kitae.core.records import Message, Origin, Record
from kitae.data.privacy.built_in import BuiltIn
from kitae.data.privacy.findings import Recogniser, narrow
from kitae.data.privacy.recognisers import KINDS, ON_REQUEST, chosen_kinds, recogniser
from kitae.data.privacy.redaction import Redactor, scan
from kitae.errors import KitaeError, RecipeError, UnknownName

ALL = frozenset((*KINDS, *ON_REQUEST))


class RecogniserContract:
    """What the redactor relies on. `sample` holds one finding of `kind` whose text is `value`."""

    sample: str
    kind: str
    value: str

    @pytest.fixture
    def one(self) -> Recogniser:
        raise NotImplementedError

    def test_it_finds_its_sample(self, one: Recogniser) -> None:
        found = [(f.kind, self.sample[f.start : f.end]) for f in one.find(self.sample, one.kinds)]
        assert (self.kind, self.value) in found

    def test_it_says_what_it_can_find(self, one: Recogniser) -> None:
        assert one.kinds
        assert one.kinds <= ALL

    def test_it_finds_only_what_is_wanted(self, one: Recogniser) -> None:
        assert list(one.find(self.sample, frozenset())) == []
        others = one.kinds - {self.kind}
        assert {finding.kind for finding in one.find(self.sample, others)} <= others

    def test_nothing_is_in_nothing(self, one: Recogniser) -> None:
        assert list(one.find("", one.kinds)) == []

    def test_it_explains_itself(self, one: Recogniser) -> None:
        for finding in one.find(self.sample, one.kinds):
            assert finding.why
            assert 0 < finding.priority <= 110

    def test_it_can_be_asked_again(self, one: Recogniser) -> None:
        once = list(one.find(self.sample, one.kinds))
        assert list(one.find(self.sample, one.kinds)) == once

    def test_findings_lie_in_the_text(self, one: Recogniser) -> None:
        @settings(max_examples=60, deadline=None)
        @given(st.text(max_size=80) | st.text("0123456789-@. 様aZ電話:/", max_size=80))
        def lie_in(text: str) -> None:
            for finding in one.find(narrow(text), one.kinds):
                assert 0 <= finding.start < finding.end <= len(text)
                assert finding.kind in one.kinds

        lie_in()


class TestBuiltIn(RecogniserContract):
    sample, kind, value = "メールはtaro@example.jpです", "email", "taro@example.jp"

    @pytest.fixture
    def one(self) -> Recogniser:
        return recogniser("built-in")


class TestPresidio(RecogniserContract):
    sample, kind, value = "write to taro@example.com today", "email", "taro@example.com"

    @pytest.fixture
    def one(self) -> Recogniser:
        pytest.importorskip("presidio_analyzer")
        return recogniser("presidio")


class TestSpacyNames(RecogniserContract):
    sample, kind, value = "ask Wilhelmina Quux about it", "name", "Wilhelmina Quux"

    @pytest.fixture
    def one(self, tmp_path: Path) -> Recogniser:
        spacy = pytest.importorskip("spacy")
        pipeline = spacy.blank("en")
        pipeline.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": "Wilhelmina Quux"}])
        pipeline.to_disk(tmp_path / "pipeline")
        return recogniser(f"spacy:{tmp_path / 'pipeline'}")


def test_two_recognisers_look_together(tmp_path: Path) -> None:
    pytest.importorskip("presidio_analyzer")
    settings = PrivacySettings(mode="mask", recognisers=["built-in", "presidio"], kinds=["email", "phone", "url"])
    text = "see www.example.org, write to a@example.com or 電話03-1234-5678"
    masked, found = Redactor.of(settings, b"k").text(text)
    assert masked == "see [url], write to [email] or 電話[phone]"
    assert {kind for kind, _ in found} == {"email", "phone", "url"}


@pytest.mark.parametrize(
    ("name", "package", "hint"),
    [("presidio", "presidio_analyzer", "kitae[presidio]"), ("spacy:en_core_web_sm", "spacy", "kitae[ner]")],
)
def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch, name: str, package: str, hint: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    recogniser.cache_clear()
    with pytest.raises(RecipeError, match="not installed") as raised:
        Redactor.of(PrivacySettings(recognisers=[name]), b"k")
    assert hint in raised.value.hint
    recogniser.cache_clear()


@pytest.mark.parametrize("name", ["spacy", "spacy:no_such_pipeline_anywhere"])
def test_a_pipeline_that_is_missing_is_said(name: str) -> None:
    pytest.importorskip("spacy")
    with pytest.raises(RecipeError, match="pipeline"):
        recogniser(name)


def test_unknown_names_are_said_with_what_is_known() -> None:
    with pytest.raises(UnknownName, match="presidio"):
        Redactor.of(PrivacySettings(recognisers=["presidoi"]), b"k")
    with pytest.raises(KitaeError, match="Did you mean 'phone'"):
        chosen_kinds(["phon"])


def test_kinds_on_request_are_looked_for_only_when_named() -> None:
    text = "On 2024-05-01 see https://example.org/x"
    assert scan(text, chosen_kinds("auto")) == ()
    assert [f.kind for f in scan(text, chosen_kinds(["url", "date"]))] == ["date", "url"]
    assert set(KINDS) - {"person_id"} <= BuiltIn().kinds


def test_every_finding_is_explained_in_the_history() -> None:
    record = Record("x", (Message("user", "カード番号は4545 6527 5582 8235です"),), Origin("f", 1))
    [edit] = Redactor.of(PrivacySettings(), b"k").record(record).history
    assert edit.detail["kind"] == "card"
    assert "Luhn" in edit.detail["why"]


@settings(max_examples=200)
@given(st.text("0123456789-@. 様さん山田aZ電話:/[]phone", max_size=60))
def test_findings_stand_in_order_and_apart(text: str) -> None:
    assert all(a.end <= b.start for a, b in pairwise(scan(text, KINDS)))
