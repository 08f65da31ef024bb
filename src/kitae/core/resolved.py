"""The recipe after planning: the same sections without any `auto`. Training and evaluation read only this."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from kitae.core.endpoint_settings import CHANGES_NO_ANSWER, EmbeddingSettings
from kitae.core.method_settings import (
    AdapterSettings,
    FreezeSettings,
    FullSettings,
    IA3Settings,
    LoraSettings,
    PeftSettings,
    PrefixSettings,
    PromptSettings,
    PTuningSettings,
    QLoraSettings,
    kind_of,
)
from kitae.core.settings import Settings
from kitae.core.train_settings import EarlyStopping, PreferenceSettings, ScheduleSettings


class ResolvedLora(LoraSettings):
    """LoRA, in figures."""

    alpha: float
    """Scale numerator."""
    targets: list[str]
    """Names (last part) of the linear layers that get an adapter."""
    train_embeddings: bool
    """Whether token embeddings are trained as well."""


class ResolvedQLora(QLoraSettings):
    """LoRA on a quantised base, in figures."""

    alpha: float
    """Scale numerator."""
    targets: list[str]
    """Names (last part) of the linear layers that get an adapter."""
    train_embeddings: bool
    """Whether token embeddings are trained as well."""


class ResolvedIA3(IA3Settings):
    """IA3, by names of layers."""

    targets: list[str]
    """Layers whose output is scaled."""
    feedforward: list[str]
    """Layers whose input is scaled; each is among the targets as well."""


ResolvedMethod = Annotated[
    Annotated[FullSettings, Tag("full")]
    | Annotated[FreezeSettings, Tag("freeze")]
    | Annotated[ResolvedLora, Tag("lora")]
    | Annotated[ResolvedQLora, Tag("qlora")]
    | Annotated[AdapterSettings, Tag("adapter")]
    | Annotated[PrefixSettings, Tag("prefix")]
    | Annotated[PromptSettings, Tag("prompt")]
    | Annotated[PTuningSettings, Tag("p_tuning")]
    | Annotated[ResolvedIA3, Tag("ia3")]
    | Annotated[PeftSettings, Tag("peft")],
    Discriminator(kind_of),
]
"""The kinds of `kitae.core.method_settings`; those without any `auto` are the same class."""


class ResolvedTrain(Settings):
    """The training loop, in figures."""

    epochs: float
    """Passes over the training split."""
    learning_rate: float
    """Peak rate."""
    tokens_per_step: int
    """Unpadded tokens between two updates."""
    max_row_tokens: int
    """Longest row."""
    precision: Literal["bf16", "fp32"]
    """Number format of the matrix products."""
    schedule: ScheduleSettings
    """The rate over the steps."""
    weight_decay: float
    """Decoupled weight decay."""
    label_smoothing: float = 0.0
    """Share of each label given evenly to the vocabulary."""
    max_gradient_norm: float
    """Clipping norm."""
    validations: int
    """Validations over the whole training."""
    checkpoint_seconds: float
    """Seconds between checkpoints; never changes the result."""
    early_stopping: EarlyStopping | None
    """When to stop early."""
    preference: PreferenceSettings = PreferenceSettings()
    """Of task: preference."""


class ResolvedEvaluate(Settings):
    """The verdict, in figures."""

    metrics: list[str]
    """Names of metrics; the first is the main one."""
    compare_to: list[Literal["base", "choice", "baseline"]]
    """Opponents."""
    max_new_tokens: int
    """Longest answer in tokens."""
    batch_rows: int
    """Rows generated together."""
    confidence: float
    """Level of the intervals."""
    group_by: str | None = None
    """A meta column whose rows are drawn together."""
    json_schema: dict[str, Any] | None = None
    """The JSON Schema that answers must fit."""
    temperature: float = 0.0
    """0 takes the likeliest token."""
    top_p: float = 1.0
    """Share of the probability that drawn tokens keep to."""
    stop: list[str] = Field(default_factory=list)
    """Texts that end an answer."""
    price_per_hour: float | None = None
    """Price of an hour of this machine."""
    embeddings: EmbeddingSettings | None = None
    """Who turns texts into vectors."""

    def key(self) -> dict[str, object]:
        """What answers and figures follow from, JSON-ready, for the key of an artifact."""
        return self.model_dump(mode="json", exclude={"embeddings": set(CHANGES_NO_ANSWER)})


class Resolved(Settings):
    """Everything training and evaluation need, with no `auto` left."""

    name: str
    """Name of the recipe."""
    task: Literal["chat", "classify", "preference"]
    """What kind of answer."""
    seed: int = Field(ge=0, lt=1 << 63)
    """Everything random follows from it."""
    base: str
    """Folder of the base model, or its catalogue name."""
    base_digest: str
    """Digest of the base's files."""
    method: ResolvedMethod
    """What is trained."""
    train: ResolvedTrain
    """The loop."""
    evaluate: ResolvedEvaluate
    """The verdict."""
