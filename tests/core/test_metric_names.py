"""Names of metrics are refused before anything is planned."""

import pytest

from kitae.core.metric_names import METRIC_NAMES, check_metrics, metric_name
from kitae.core.recipe import EvaluateSettings
from kitae.errors import InputError, UnknownName
from kitae.evaluate import check


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'macro_f1'"):
        check_metrics(["accuracy", "macro_f2"], EvaluateSettings())


def test_names_that_a_recipe_could_not_use_are_not_offered() -> None:
    with pytest.raises(UnknownName) as error:
        check_metrics(["costs"], EvaluateSettings())
    assert set(METRIC_NAMES) - set(error.value.known) == {"cost", "json_schema", "similarity", "preferred"}
    with pytest.raises(UnknownName, match="Did you mean 'cost'"):
        check_metrics(["costs"], EvaluateSettings(price_per_hour=2.0))


def test_every_metric_has_both_names_and_a_direction_or_none() -> None:
    assert all(one.en and one.ja and one.sign in {-1.0, 0.0, 1.0} for one in METRIC_NAMES.values())
    assert metric_name("length").sign == 0.0


def test_a_schema_is_checked_before_training() -> None:
    with pytest.raises(InputError, match=r"evaluate\.json_schema is no JSON Schema"):
        check(EvaluateSettings(metrics=["json_schema"], json_schema={"type": 7}), task="chat")
    check(EvaluateSettings(metrics=["json_schema"], json_schema={"type": "object"}), task="chat")
