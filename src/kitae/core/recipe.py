"""The recipe: one YAML file that a person can read. Every field's docstring is its help, its schema and its form."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import Field, ValidationError

from kitae.core.data_settings import DataSettings, SourceSettings
from kitae.core.endpoint_settings import EmbeddingSettings
from kitae.core.method_settings import LoraSettings, MethodSettings, Names, Positive
from kitae.core.problems import explain
from kitae.core.settings import Auto, Count, Settings
from kitae.core.train_settings import TrainSettings
from kitae.errors import RecipeError

Task = Literal["chat", "classify", "preference", "pretrain"]
"""What a model is to learn: conversations, labels, which of two answers is better, documents."""


class HeldOut(Settings):
    """One more held-out set that training never sees, reported beside the test split."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")
    """Short name used in the report."""
    source: SourceSettings
    """Where it is."""


class EvaluateSettings(Settings):
    """How the verdict is reached."""

    metrics: Names | Auto = "auto"
    """Names of metrics; `auto` chooses by task."""
    compare_to: list[Literal["base", "choice", "baseline"]] = Field(default=["base", "choice", "baseline"])
    """base: the untuned model's free answer; choice: its best answer among the known ones; baseline: classical."""
    also: list[HeldOut] = Field(default_factory=list)
    """More held-out sets."""
    max_new_tokens: Count | Auto = "auto"
    """Longest answer; `auto` takes the longest known answer and a little more."""
    batch_rows: int = Field(default=64, ge=1)
    """Rows generated together."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    """Level of the intervals."""
    group_by: str | None = "auto"
    """A meta column (customer, document) whose rows are no independent evidence: they are drawn together in intervals
    and tests. `auto` is `data.split.group_by`; null takes every row alone."""
    json_schema: dict[str, Any] | None = None
    """The JSON Schema that answers must fit, for the metric `json_schema`."""
    temperature: float = Field(default=0.0, ge=0.0, le=2.0)
    """0 takes the likeliest token; above it answers are drawn, by the seed of the recipe."""
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    """Drawn answers keep to the smallest set of tokens whose probabilities reach this."""
    stop: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    """An answer ends before the first of these texts."""
    price_per_hour: Positive | None = None
    """What an hour of this machine costs, in any currency, for the metric `cost`."""
    embeddings: EmbeddingSettings | None = None
    """Who turns texts into vectors, for the metric `similarity`."""


class GateSettings(Settings):
    """What a version must show to be registered as a candidate for promotion."""

    min_gain: float = 0.0
    """The tuned model must beat the base by more than this on the main metric."""
    max_p_value: float = Field(default=0.05, gt=0.0, le=1.0)
    """The p-value of the paired test against the base must be at most this. It is corrected by Holm's method for the
    number of systems in `evaluate.compare_to`, so leaving one out makes it smaller."""
    beat_baseline: bool = False
    """Refuse when the classical baseline is significantly better."""


class Recipe(Settings):
    """The whole way from raw files to a registered version."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    """Name of the versions it makes: `name:1`, `name:2`, …"""
    task: Task = "chat"
    """chat: free answers; classify: the answer is one of a set of labels, generated as text; preference: pairs of a
    chosen and a rejected answer, or single judgements; pretrain: raw documents. The last two can be prepared and split,
    and not yet trained."""
    seed: int = Field(default=7, ge=0, lt=1 << 63)
    """Everything random follows from it."""
    data: DataSettings
    """Raw records to splits."""
    base: str = "kitae-nano"
    """The model to start from: a catalogue name, a local folder, or a hub id."""
    method: MethodSettings = LoraSettings()
    """What is trained."""
    train: TrainSettings = TrainSettings()
    """The loop."""
    evaluate: EvaluateSettings = EvaluateSettings()
    """The verdict."""
    gates: GateSettings = GateSettings()
    """What must hold."""


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe file and apply `section.key=value` overrides (values are YAML).

    Raises `RecipeError` or `UnknownName` with the place in the recipe and the nearest known key or value.
    """
    raw = read_yaml(
        path,
        what="recipe",
        begins="A recipe is a YAML mapping: name, data, base, …",
        example="`kitae demo` writes a complete example to start from",
    )
    for override in overrides:
        _apply(raw, override)
    return with_base_in(parse_recipe(raw), path.absolute().parent)


def with_base_in(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with the whole path of a base that lies in `folder`; any other base stays as it is written.

    Every stage must find it, and from any folder, when a version is served later on.
    """
    beside = locate(recipe.base, folder).resolve()
    return recipe.model_copy(update={"base": str(beside)}) if beside.is_dir() else recipe


def parse_recipe(raw: Mapping[str, Any]) -> Recipe:
    """Check plain values and make them a recipe. Raises `RecipeError` or `UnknownName`."""
    try:
        recipe = Recipe.model_validate(raw)
    except ValidationError as error:
        raise explain(error, Recipe) from error
    shares = recipe.data.split
    total = shares.train + shares.validation + shares.test
    if abs(total - 1.0) > 1e-6:
        raise RecipeError("data.split: train + validation + test must be 1", got=f"{total:g}")
    if shares.train == 0.0:
        raise RecipeError("data.split.train is 0: nothing would be trained", hint="Use for example 0.8 / 0.1 / 0.1")
    if recipe.data.self_training is not None and recipe.task != "classify":
        raise RecipeError(
            "data.self_training labels rows, so it needs task: classify", got=recipe.task, hint="Leave it out"
        )
    if recipe.method.kind == "full" and recipe.train.precision == "bf16":
        raise RecipeError(
            "method.kind: full keeps every weight in fp32 and multiplies in fp32",
            got="train.precision: bf16",
            hint="Leave train.precision out, or use a method with a frozen base",
        )
    names = ["test", *(extra.name for extra in recipe.evaluate.also)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise RecipeError(
            "evaluate.also: every held-out set needs a name of its own", got=twice, hint="`test` is the test split"
        )
    if "base" not in recipe.evaluate.compare_to:
        raise RecipeError(
            "evaluate.compare_to leaves out the base, and the gates ask for the gain over it",
            got=f"evaluate.compare_to: {recipe.evaluate.compare_to}",
            hint="Add base to evaluate.compare_to",
        )
    if recipe.gates.beat_baseline and "baseline" not in recipe.evaluate.compare_to:
        raise RecipeError(
            "gates.beat_baseline cannot be judged: the baseline would not be measured",
            got=f"evaluate.compare_to: {recipe.evaluate.compare_to}",
            hint="Add baseline to evaluate.compare_to",
        )
    return recipe


def locate(path: str, folder: Path) -> Path:
    """A path written in a recipe, with `${NAME:-default}` filled in, relative to the recipe's folder.

    Raises `RecipeError` for a variable that is not set and has no default.
    """

    def fill(match: re.Match[str]) -> str:
        value = os.environ.get(match.group(1)) or match.group(2)
        if value is None:
            raise RecipeError(
                f"the environment variable {match.group(1)} is not set",
                got=path,
                hint=f"Set it, or write a default: ${{{match.group(1)}:-some/folder}}",
            )
        return value

    filled = Path(re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", fill, path)).expanduser()
    return filled if filled.is_absolute() else folder / filled


class _Loader(yaml.SafeLoader):
    """YAML as PyYAML reads it safely, with two differences.

    A key written twice is an error: the first would vanish silently. And only `true` and `false` are truth values, as
    in YAML 1.2: `mode: off` means the word.
    """

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {  # type: ignore[misc]
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping whose keys are all different."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"the key {twice} is written twice", node.start_mark)
        return super().construct_mapping(node, deep=deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def _yaml(text: str) -> Any:
    """Safe YAML. Raises `yaml.YAMLError`, also for nesting so deep that the reader would run out of stack."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except RecursionError as error:
        raise yaml.YAMLError("it is nested too deeply") from error


def read_yaml(path: Path, *, what: str, begins: str, example: str = "") -> dict[Any, Any]:
    """The mapping in a YAML file, which holds a `what`; `begins` says how one looks and `example` where there is one.

    Raises `RecipeError`.
    """
    if not path.is_file():
        raise RecipeError(f"there is no {what} at {path}", hint=example)
    try:
        raw = _yaml(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} is not UTF-8 text", got=str(error), hint=f"Save the {what} as UTF-8") from error
    except PermissionError as error:
        raise RecipeError(f"{path} may not be read", got=error.strerror) from error
    except yaml.YAMLError as error:
        raise RecipeError(f"{path} is not valid YAML", got=" ".join(str(error).split())) from error
    if not isinstance(raw, dict):
        raise RecipeError(
            f"{path} holds no {what}",
            got="an empty file" if raw is None else type(raw).__name__,
            hint=begins,
        )
    return raw


def _apply(raw: dict[Any, Any], override: str) -> None:
    """Put one `section.key=value` into plain values; sections that are not there yet are made."""
    key, separator, text = override.partition("=")
    parts = key.strip().split(".")
    if not separator or not all(parts):
        raise RecipeError("--set wants section.key=value", got=override, hint="For example --set train.epochs=5")
    try:
        value = _yaml(text)
    except yaml.YAMLError as error:
        raise RecipeError(
            "the value of --set is not valid YAML", got=override, hint=f"Quote it: --set '{key}=\"…\"'"
        ) from error
    node: Any = raw
    for part in parts[:-1]:
        at = _place(node, part, override)
        if isinstance(node, dict) and node.get(at) is None:
            node[at] = {}
        node = node[at]
    node[_place(node, parts[-1], override)] = value


def _place(node: Any, part: str, override: str) -> str | int:
    """A part of a dotted key as an index into `node`: a key of a mapping, or a position in a list."""
    if isinstance(node, dict):
        return part
    if not isinstance(node, list):
        raise RecipeError(f"--set: there is no {part} inside a plain value", got=override)
    if not part.isdecimal() or int(part) >= len(node):
        raise RecipeError(f"--set: {part} is no item of this list", got=override, known=map(str, range(len(node))))
    return int(part)
