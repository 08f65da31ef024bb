"""Columns of a record: where a value is found, and which records one keeps together, redacted or not."""

from dataclasses import replace
from typing import Any

import pytest

from kitae.core.columns import MISSING, at_path, group_of, values_of
from kitae.core.records import Edit, Message, Origin, Record

NESTED = {"a": {"b": [{"c": 1}]}, "a.b": "whole name first"}


def record(history: tuple[Edit, ...] = (), **meta: Any) -> Record:
    return Record("0" * 16, (Message("user", "Hi"),), Origin("a.csv", 1), meta=meta, history=history)


def taken(column: str, digest: str, action: str = "masked") -> Edit:
    return Edit("privacy", "…", {"kind": "email", "place": f"column {column}", "digest": digest, "action": action})


@pytest.mark.parametrize(
    ("path", "value"),
    [("a.b", "whole name first"), ("a.b.0.c", 1), ("a.b.1", MISSING), ("a.x", MISSING), ("b", MISSING)],
)
def test_a_value_is_found_by_name_or_path(path: str, value: object) -> None:
    assert at_path(NESTED, path) is value or at_path(NESTED, path) == value


def test_values_are_text_each_once() -> None:
    assert values_of(record(who=["x", 2, "x", "", None]), "who") == ["x", "2"]


def test_without_private_data_the_value_is_the_group() -> None:
    assert group_of(record(who="ACME"), "who") == "ACME"
    assert group_of(record(who=["x", "y"]), "who") == '["x", "y"]'
    assert group_of(record(who=None), "who") == group_of(record(), "who") == ""
    assert group_of(record((taken("other", "1"),), who="ACME"), "who") == "ACME"
    assert group_of(record((taken("who", "1", "found"),), who="a@example.org"), "who") == "a@example.org"


def test_equal_stand_ins_of_two_people_are_two_groups() -> None:
    one, other = (group_of(record((taken("who", digest),), who="[email]"), "who") for digest in ("1", "2"))
    assert one != other
    again = group_of(record((taken("who", "1"), taken("note", "9")), who="[EMAIL] "), "who")
    assert again == one


def test_people_in_a_list_are_told_apart_by_the_place_that_names_no_item() -> None:
    talk = {"turns": [{"who": "[email]"}, {"who": "[email]"}]}
    one, other = (replace(record((taken("turns.who", digest),)), meta=talk) for digest in ("1", "2"))
    assert group_of(one, "turns.0.who") != group_of(other, "turns.0.who")
