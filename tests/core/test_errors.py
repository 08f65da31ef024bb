"""Errors say what, got, known and next, to people and to programs."""

import inspect

import pytest

from kitae import errors
from kitae.errors import GateRefused, InputError, KitaeError, UnknownName

CLASSES = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, KitaeError)]


def test_a_sentence_has_every_part_once() -> None:
    error = InputError("the file is empty.", got="a.csv", known=["b.csv", "c.csv"], hint="Give one with rows.")
    assert str(error) == "the file is empty. Got: a.csv. Known: b.csv, c.csv. Give one with rows."


def test_a_near_name_is_offered_and_a_far_one_is_not() -> None:
    assert "Did you mean 'lora'?" in str(UnknownName("method", got="lroa", known=["lora", "full"]))
    assert "Did you mean" not in str(UnknownName("method", got="zzz", known=["lora", "full"]))


def test_the_known_names_are_sorted_and_kept() -> None:
    assert UnknownName("method", got="x", known=["b", "a"]).known == ("a", "b")


def test_json_has_the_parts_apart() -> None:
    values = GateRefused("no gain", got=0.1, hint="More data").as_json()
    assert values == {
        "error": "GateRefused",
        "what": "no gain",
        "got": "0.1",
        "known": [],
        "next": "More data",
        "exit_code": 3,
    }


@pytest.mark.parametrize("kind", CLASSES, ids=lambda c: c.__name__)
def test_exit_codes_are_the_documented_ones(kind: type[KitaeError]) -> None:
    assert kind.exit_code in {1, 2, 3, 75}
    assert issubclass(kind, ValueError) == (kind.exit_code == 2)


@pytest.mark.parametrize("hint", ["Did you mean 'faq'?", "Do this", "Do this."])
def test_a_sentence_ends_once(hint: str) -> None:
    assert str(KitaeError("what", hint=hint)) == f"what. {hint if hint.endswith('?') else 'Do this.'}"
