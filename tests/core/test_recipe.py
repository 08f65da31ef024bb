"""The recipe: what a person writes is read exactly, and what is wrong is named with its place and the next step."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from kitae.core.method_settings import KINDS, IA3Settings, LoraSettings, QLoraSettings
from kitae.core.recipe import (
    EvaluateSettings,
    Recipe,
    load_recipe,
    locate,
    parse_recipe,
)
from kitae.core.resolved import Resolved, ResolvedEvaluate, ResolvedIA3, ResolvedLora, ResolvedQLora, ResolvedTrain
from kitae.core.settings import Settings
from kitae.core.train_settings import TrainSettings
from kitae.errors import RecipeError, UnknownName

SMALL: dict[str, Any] = {"name": "faq", "data": {"sources": [{"path": "a.csv"}]}}


def with_(place: str, value: object) -> dict[str, Any]:
    """The small recipe with one value put at a dotted place."""
    raw = yaml.safe_load(yaml.safe_dump(SMALL))
    node = raw
    *sections, last = place.split(".")
    for section in sections:
        node = node[int(section)] if isinstance(node, list) else node.setdefault(section, {})
    if isinstance(node, list):
        node[int(last)] = value
    else:
        node[last] = value
    return raw


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_smallest_recipe_has_every_default() -> None:
    recipe = parse_recipe(SMALL)
    assert recipe.base == "kitae-nano"
    assert recipe.train.learning_rate == "auto"
    assert parse_recipe(recipe.plain()) == recipe, "plain values read back to the same recipe"


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        ("nmae", "unknown key in the recipe: 'nmae'. Known: base, data"),
        ("methd", "Did you mean 'method'?"),
        ("method.rnak", "unknown key in method: 'rnak'. Known: alpha, dropout, init, kind, plus_ratio, rank"),
        ("data.cleaning", "Did you mean 'clean'?"),
        ("data.privacy.mod", "unknown key in data.privacy: 'mod'. Known: kinds, mode"),
        ("data.sources.0.pth", "unknown key in data.sources.0: 'pth'"),
        ("train.early_stopping.patiense", "Did you mean 'patience'?"),
        ("gates.min_gian", "Did you mean 'min_gain'?"),
    ],
)
def test_an_unknown_key_at_any_level_is_named_with_its_place(place: str, wanted: str) -> None:
    with pytest.raises(UnknownName) as raised:
        parse_recipe(with_(place, 1))
    assert wanted in str(raised.value)


def test_each_kind_of_method_has_keys_of_its_own() -> None:
    with pytest.raises(UnknownName, match=r"unknown key in method: 'rank'\. Known: kind, tokens"):
        parse_recipe({**SMALL, "method": {"kind": "prompt", "rank": 4}})
    with pytest.raises(UnknownName, match=r"unknown value for method\.kind: 'None'"):
        parse_recipe({**SMALL, "method": {"kind": None}})
    with pytest.raises(RecipeError, match=r"method must be a mapping\. Got: 3"):
        parse_recipe({**SMALL, "method": 3})
    with pytest.raises(RecipeError, match=r"method\.width must be at least 1"):
        parse_recipe({**SMALL, "method": {"kind": "adapter", "width": 0}})
    for kind in KINDS:
        method = {"kind": kind, **({"name": "loha"} if kind == "peft" else {})}
        recipe = parse_recipe({**SMALL, "method": method})
        assert recipe.method.kind == kind
        assert parse_recipe(recipe.plain()) == recipe


def test_an_unknown_key_inside_a_held_out_set_is_named() -> None:
    with pytest.raises(UnknownName, match=r"key in evaluate\.also\.0\.source: 'pth'") as raised:
        parse_recipe(with_("evaluate.also", [{"name": "wild", "source": {"path": "w", "pth": 1}}]))
    assert "path" in raised.value.known


@pytest.mark.parametrize(
    ("place", "value", "wanted"),
    [
        ("method.kind", "lroa", "unknown value for method.kind: 'lroa'. Known: adapter, freeze, full, ia3, lora"),
        ("method.kind", "p_tunin", "Did you mean 'p_tuning'?"),
        ("method.variant", "droa", "Did you mean 'dora'?"),
        ("task", "clasify", "Did you mean 'classify'?"),
        ("data.privacy.mode", "replce", "Known: drop, flag, mask, off, replace. Did you mean 'replace'?"),
        ("evaluate.compare_to", ["base", "basline"], "unknown value for evaluate.compare_to.1: 'basline'"),
        ("data.sources.0.shape", "sharegtp", "Did you mean 'sharegpt'?"),
    ],
)
def test_an_unknown_value_names_the_known_ones(place: str, value: object, wanted: str) -> None:
    with pytest.raises(UnknownName) as raised:
        parse_recipe(with_(place, value))
    assert wanted in str(raised.value)


@pytest.mark.parametrize(
    ("place", "value", "wanted"),
    [
        ("train.epochs", "three", "train.epochs must be a number. Got: 'three'"),
        ("train.epochs", 0, "train.epochs must be more than 0.0. Got: 0"),
        ("train.epochs", float("nan"), "train.epochs must be"),
        ("train.learning_rate", "fast", "train.learning_rate must be a number or auto. Got: 'fast'"),
        ("train.learning_rate", "autoo", "Did you mean 'auto'?"),
        ("method.rank", 2.5, "method.rank must be a whole number"),
        ("method.targets", 3, "method.targets must be a list or auto"),
        ("method.train_embeddings", "maybe", "method.train_embeddings must be true or false or auto"),
        ("data.clean", {"too_short": "few"}, "data.clean.too_short must be true or false or a number"),
        ("data.sources", "a.csv", "data.sources must be a list"),
        ("data.sources", [], "data.sources needs at least 1"),
        ("data.sources.0", "a.csv", "data.sources.0 must be a mapping"),
        ("train", None, "train must be a mapping"),
        ("data.split.group_by", False, "data.split.group_by must be text or null"),
        ("name", "Support FAQ", "name must be lower-case"),
        ("name", 7, "name must be text"),
        ("seed", -1, "seed must be at least 0"),
        ("data.split.train", 0.9, "data.split: train + validation + test must be 1. Got: 1.1"),
    ],
)
def test_a_wrong_value_says_what_is_wanted_and_what_was_got(place: str, value: object, wanted: str) -> None:
    with pytest.raises(RecipeError) as raised:
        parse_recipe(with_(place, value))
    assert wanted in str(raised.value)
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("place", "values"),
    [
        ("method.alpha", [0, -8]),
        ("method.targets", [[], [""]]),
        ("train.learning_rate", [0, -1, 2]),
        ("train.tokens_per_step", [0, -1, 10**30]),
        ("train.max_row_tokens", [0, 1, 10**30]),
        ("train.validations", [0, 10**30]),
        ("evaluate.max_new_tokens", [0, -5, 10**30]),
        ("evaluate.metrics", [[], [""]]),
        ("seed", [-1, 1 << 63, 18446744073709551616]),
        ("data.languages", [[], [""], ["ja-JP"]]),
        ("data.privacy.kinds", [[]]),
        ("data.executor.workers", [0, -1]),
    ],
)
def test_a_value_beyond_use_is_refused_with_its_place(place: str, values: list[object]) -> None:
    """Also where `auto` may stand."""
    for value in values:
        with pytest.raises(RecipeError, match=rf"^{place}(\.0)? (must be|needs|may)") as raised:
            parse_recipe(with_(place, value))
        assert raised.value.exit_code == 2
        assert "also wrong" not in str(raised.value)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("seed", (1 << 63) - 1),
        ("method.alpha", 0.5),
        ("method.targets", ["q_proj"]),
        ("train.learning_rate", 1),
        ("train.tokens_per_step", 1),
        ("train.validations", 1),
        ("evaluate.max_new_tokens", 1),
    ],
)
def test_the_edge_of_use_is_read(place: str, value: object) -> None:
    section, _, key = place.rpartition(".")
    recipe = parse_recipe(with_(place, value))
    assert getattr(getattr(recipe, section) if section else recipe, key) == value


def test_what_is_missing_is_named() -> None:
    with pytest.raises(RecipeError, match="name is missing"):
        parse_recipe({"data": SMALL["data"]})
    with pytest.raises(RecipeError, match=r"data\.sources\.0\.path is missing"):
        parse_recipe({"name": "x", "data": {"sources": [{}]}})


def test_several_problems_are_named() -> None:
    with pytest.raises(RecipeError, match=r"also wrong: train\.schedule\.warmup_share, train\.weight_decay"):
        parse_recipe(with_("train", {"epochs": "x", "weight_decay": "y", "schedule": {"warmup_share": "z"}}))


def test_a_long_wrong_value_is_cut() -> None:
    with pytest.raises(RecipeError) as raised:
        parse_recipe(with_("train.epochs", "x" * 10_000))
    assert len(str(raised.value)) < 400


def test_no_training_data_is_refused() -> None:
    with pytest.raises(RecipeError, match="nothing would be trained"):
        parse_recipe(with_("data.split", {"train": 0, "validation": 0.5, "test": 0.5}))


@pytest.mark.parametrize("names", [["wild", "wild"], ["test"]])
def test_held_out_sets_need_names_of_their_own(names: list[str]) -> None:
    also = [{"name": name, "source": {"path": "w.jsonl"}} for name in names]
    with pytest.raises(RecipeError, match="a name of its own"):
        parse_recipe(with_("evaluate.also", also))


def test_a_gate_on_what_is_not_measured_is_refused_before_anything_runs() -> None:
    raw = with_("gates.beat_baseline", True)
    parse_recipe(raw)
    raw["evaluate"] = {"compare_to": ["base"]}
    with pytest.raises(RecipeError, match="Add baseline to evaluate"):
        parse_recipe(raw)
    with pytest.raises(RecipeError, match="Add base to evaluate"):
        parse_recipe(with_("evaluate.compare_to", ["baseline"]))


@pytest.mark.parametrize(
    ("text", "value"), [("3e-3", 0.003), ("0.003", 0.003), ("auto", "auto"), ("1", 1.0), ("'auto'", "auto")]
)
def test_auto_or_a_number(tmp_path: Path, text: str, value: object) -> None:
    """`3e-3` is text to YAML 1.1, which must not be a trap."""
    body = f"name: faq\ndata: {{sources: [{{path: a.csv}}]}}\ntrain: {{learning_rate: {text}}}\n"
    assert load_recipe(write(tmp_path, body)).train.learning_rate == value


def test_switches_and_thresholds_of_rules_keep_their_kind() -> None:
    clean = parse_recipe(with_("data.clean", {"a": False, "b": 1, "c": 0.5, "d": True})).data.clean
    assert [(type(v), v) for v in clean.values()] == [(bool, False), (float, 1.0), (float, 0.5), (bool, True)]


def test_a_recipe_cannot_be_changed() -> None:
    recipe = parse_recipe(SMALL)
    with pytest.raises(ValueError, match="frozen"):
        recipe.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"", "holds no recipe. Got: an empty file"),
        (b"# only a comment\n", "holds no recipe"),
        (b"- a\n- b\n", "holds no recipe. Got: list"),
        (b"just words", "holds no recipe. Got: str"),
        ("name: 問い合わせ".encode("cp932"), "is not UTF-8 text"),
        (bytes(range(256)), "is not UTF-8 text"),
        (b"\x00\x01\x02", "is not valid YAML"),
        (b"name: [unclosed", "is not valid YAML"),
        (b"name: a\nname: b\n", "the key name is written twice"),
        (b"data: {sources: [], sources: []}", "the key sources is written twice"),
        (b"!!python/object/apply:os.system ['true']", "is not valid YAML"),
        (b"[" * 5000, "is not valid YAML"),
    ],
    ids=["empty", "comment", "list", "text", "cp932", "binary", "control", "unclosed", "twice", "deep", "code", "nest"],
)
def test_a_file_that_is_no_recipe(tmp_path: Path, content: bytes, wanted: str) -> None:
    with pytest.raises(RecipeError) as raised:
        load_recipe(write(tmp_path, content))
    assert wanted in str(raised.value)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(RecipeError, match="there is no recipe at"):
            load_recipe(path)


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    body = "name: faq\r\ndata:\r\n  sources:\r\n    - path: 質問.csv\r\n"
    recipe = load_recipe(write(tmp_path, b"\xef\xbb\xbf" + body.encode()))
    assert recipe.data.sources[0].path == "質問.csv"


@pytest.mark.parametrize(
    ("override", "read"),
    [
        ("train.epochs=5", lambda r: r.train.epochs == 5.0),
        ("train.early_stopping=null", lambda r: r.train.early_stopping is None),
        ("train.early_stopping.patience=9", lambda r: r.train.early_stopping.patience == 9),
        ("data.sources.0.licence=MIT", lambda r: r.data.sources[0].licence == "MIT"),
        ("data.languages=[ja]", lambda r: r.data.languages == ["ja"]),
        ("data.instruction=a=b", lambda r: r.data.instruction == "a=b"),
        ("data.clean.too_short=false", lambda r: r.data.clean == {"too_short": False}),
        (" seed = 3", lambda r: r.seed == 3),
    ],
)
def test_set(tmp_path: Path, override: str, read) -> None:
    path = write(tmp_path, yaml.safe_dump(SMALL))
    assert read(load_recipe(path, [override]))


def test_set_fills_an_empty_section_and_the_last_one_wins(tmp_path: Path) -> None:
    path = write(tmp_path, "name: faq\ndata: {sources: [{path: a.csv}]}\ntrain:\n")
    assert load_recipe(path, ["train.epochs=5", "train.epochs=6"]).train.epochs == 6.0


@pytest.mark.parametrize(
    ("override", "wanted"),
    [
        ("train.epochs", "--set wants section.key=value"),
        ("=5", "--set wants section.key=value"),
        ("train..epochs=5", "--set wants section.key=value"),
        ("train.epochs=[", "the value of --set is not valid YAML"),
        ("name.first=x", "inside a plain value"),
        ("data.sources.4.path=x", "4 is no item of this list"),
        ("data.sources.first.path=x", "first is no item of this list"),
        ("data.sources.²=x", "is no item of this list"),
        ("train.epohcs=5", "Did you mean 'epochs'?"),
        ("method.kind=fulll", "unknown value for method.kind"),
    ],
)
def test_bad_set(tmp_path: Path, override: str, wanted: str) -> None:
    path = write(tmp_path, yaml.safe_dump(SMALL))
    with pytest.raises((RecipeError, UnknownName)) as raised:
        load_recipe(path, [override])
    assert wanted in str(raised.value)


def test_locate_fills_the_environment_and_is_relative_to_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KITAE_TEST_DATA", raising=False)
    folder = Path("/recipes")
    assert locate("a.csv", folder) == Path("/recipes/a.csv")
    assert locate("/abs/a.csv", folder) == Path("/abs/a.csv")
    assert locate("${KITAE_TEST_DATA:-../data}/a.csv", folder) == Path("/recipes/../data/a.csv")
    monkeypatch.setenv("KITAE_TEST_DATA", "/elsewhere")
    assert locate("${KITAE_TEST_DATA:-../data}/a.csv", folder) == Path("/elsewhere/a.csv")


def settings_classes(cls: type[Settings] = Settings) -> list[type[Settings]]:
    return [found for sub in cls.__subclasses__() for found in (sub, *settings_classes(sub))]


def test_every_key_of_the_schema_has_a_meaning() -> None:
    schema = Recipe.model_json_schema()
    Draft202012Validator.check_schema(schema)
    for part in [schema, *schema["$defs"].values()]:
        assert part["description"]
        assert part["additionalProperties"] is False
        without = [name for name, field in part["properties"].items() if not field.get("description", "").strip()]
        assert without == []


def test_the_schema_accepts_what_is_read_and_refuses_unknown_keys() -> None:
    validator = Draft202012Validator(Recipe.model_json_schema())
    assert list(validator.iter_errors(parse_recipe(SMALL).plain())) == []
    assert list(validator.iter_errors(with_("method.rnak", 1)))


def test_settings_are_small_and_described() -> None:
    ours = [c for c in settings_classes() if c.__module__.startswith("kitae.")]
    assert Resolved in ours
    assert all(0 < len(c.model_fields) <= 15 for c in ours)
    assert [f"{c.__name__}.{n}" for c in ours for n, f in c.model_fields.items() if not f.description] == []


@pytest.mark.parametrize(
    ("written", "resolved", "left_out"),
    [
        (LoraSettings, ResolvedLora, set()),
        (QLoraSettings, ResolvedQLora, set()),
        (IA3Settings, ResolvedIA3, set()),
        (TrainSettings, ResolvedTrain, set()),
        (EvaluateSettings, ResolvedEvaluate, {"also"}),
    ],
)
def test_what_is_written_and_what_is_resolved_have_the_same_keys_and_no_auto_is_left(
    written: type[Settings], resolved: type[Settings], left_out: set[str]
) -> None:
    assert set(resolved.model_fields) == set(written.model_fields) - left_out
    assert "auto" not in json.dumps(resolved.model_json_schema()["properties"])


@pytest.mark.parametrize("word", ["off", "no", "on", "yes"])
def test_only_true_and_false_are_truth_values(word: str, tmp_path: Path) -> None:
    """YAML 1.1 takes `off` for false, which would make `mode: off` unwritable."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"name: {word}\ndata: {{sources: [{{path: a}}], privacy: {{mode: off}}}}\n", "utf-8")
    loaded = load_recipe(recipe, ["data.duplicates.exact=false"])
    assert (loaded.name, loaded.data.privacy.mode, loaded.data.duplicates.exact) == (word, "off", False)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({"epochs": 3}, "Perhaps train.epochs is meant"),
        ({"train": {"rank": 3}}, "Perhaps method.rank is meant"),
        ({"near": 0.5}, "Perhaps data.duplicates.near or "),
    ],
)
def test_a_key_that_stands_elsewhere_is_shown_its_place(values: dict[str, Any], wanted: str) -> None:
    with pytest.raises(UnknownName, match=wanted):
        parse_recipe({"name": "x", "data": {"sources": [{"path": "a.csv"}]}, **values})


def test_all_unknown_keys_are_named() -> None:
    with pytest.raises(UnknownName, match=r"unknown key in the recipe: 'tsak'.*Unknown too: sorces"):
        parse_recipe({**SMALL, "tsak": "chat", "sorces": []})


def test_a_name_that_cannot_be_one_is_answered_with_an_example() -> None:
    with pytest.raises(RecipeError, match="my-desk") as raised:
        parse_recipe(with_("name", "私の窓口"))
    assert "pattern" not in str(raised.value)


def test_a_variable_that_is_not_set_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KITAE_NOWHERE", raising=False)
    with pytest.raises(RecipeError, match="KITAE_NOWHERE is not set"):
        locate("${KITAE_NOWHERE}/chat.jsonl", tmp_path)
    assert locate("${KITAE_NOWHERE:-here}/chat.jsonl", tmp_path) == tmp_path / "here" / "chat.jsonl"
    monkeypatch.setenv("KITAE_NOWHERE", "there")
    assert locate("${KITAE_NOWHERE}/chat.jsonl", tmp_path) == tmp_path / "there" / "chat.jsonl"
