"""What is trained, and how: one class of settings for each kind of method. `kind` says which; left out, it is lora."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import Discriminator, Field, Tag

from kitae.core.settings import Auto, Settings

Positive = Annotated[float, Field(gt=0.0)]
Names = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
Width = Annotated[int, Field(ge=1, le=65_536)]
VirtualTokens = Annotated[int, Field(ge=1, le=4_096)]


class FullSettings(Settings):
    """Every weight of the base is trained: the most that can be learned, and by far the most memory."""

    kind: Literal["full"]
    """Train all weights."""


class FreezeSettings(Settings):
    """The last layers of the base are trained, the rest is frozen."""

    kind: Literal["freeze"]
    """Train the last layers."""
    layers: int = Field(default=2, ge=1)
    """How many layers, counted from the head; the norm before the head is trained with them."""


class LoraSettings(Settings):
    """Low-rank adapters on the linear layers: the method for most uses."""

    kind: Literal["lora"] = "lora"
    """Low-rank adapters (Hu et al. 2021, arXiv:2106.09685) on the linear layers."""
    rank: int = Field(default=16, ge=1, le=1024)
    """Rank r of the update."""
    alpha: Positive | Auto = "auto"
    """Scale numerator: the update is multiplied by alpha / rank; `auto` is twice the rank."""
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Dropout on the input of the update."""
    targets: Names | Auto = "auto"
    """Names of the linear layers; `auto` is all of them but the head."""
    train_embeddings: bool | Auto = "auto"
    """Train the token embeddings (and a tied head) as well; `auto` does so on small bases."""
    variant: Literal["plain", "rslora", "dora"] = "plain"
    """rslora: scale by alpha / sqrt(rank) (arXiv:2312.03732), for high ranks; dora: direction and magnitude apart
    (arXiv:2402.09353)."""
    init: Literal["default", "gaussian", "orthogonal", "pissa", "olora", "eva"] = "default"
    """Where the update begins: pissa (arXiv:2404.02948) and olora (arXiv:2406.01775) from the base's weights, eva
    (arXiv:2410.07170) from what the first training rows do in each layer."""
    plus_ratio: float = Field(default=1.0, ge=1.0, le=64.0)
    """LoRA+ (arXiv:2402.12354): the second matrix of each update learns at this many times the rate; 1 is plain."""


class QLoraSettings(LoraSettings):
    """LoRA on a base whose linear layers are kept in 4 or 8 bits (arXiv:2305.14314)."""

    kind: Literal["qlora"]  # type: ignore[assignment]
    """Low-rank adapters on a quantised base."""
    bits: Literal["nf4", "int8"] = "nf4"
    """Format of the frozen layers."""
    double_quantisation: bool = True
    """Quantise the scales of nf4 as well: 0.37 bits less a weight."""


class AdapterSettings(Settings):
    """Bottleneck adapters: a small network behind each sublayer."""

    kind: Literal["adapter"]
    """Bottleneck adapters."""
    placement: Literal["houlsby", "pfeiffer"] = "pfeiffer"
    """houlsby: behind attention and feed-forward (arXiv:1902.00751); pfeiffer: behind feed-forward only
    (arXiv:2005.00247)."""
    width: Width = 64
    """Width of the bottleneck."""


class PrefixSettings(Settings):
    """Prefix tuning: trained keys and values before the prompt, in every layer (arXiv:2101.00190)."""

    kind: Literal["prefix"]
    """Trained keys and values."""
    tokens: VirtualTokens = 20
    """How many positions they take."""
    encoder_width: Annotated[int, Field(ge=0, le=65_536)] = 0
    """Above 0, the prefix is made by a network of this width while it is trained, as in the paper."""


class PromptSettings(Settings):
    """Prompt tuning: trained embeddings before the prompt (arXiv:2104.08691)."""

    kind: Literal["prompt"]
    """Trained embeddings."""
    tokens: VirtualTokens = 20
    """How many positions they take."""


class PTuningSettings(Settings):
    """P-tuning: embeddings before the prompt, made by a small network while they are trained (arXiv:2103.10385)."""

    kind: Literal["p_tuning"]
    """Trained embeddings from a network."""
    tokens: VirtualTokens = 20
    """How many positions they take."""
    encoder_width: Width = 128
    """Width of the network."""


class IA3Settings(Settings):
    """IA3: one factor for each key, value and inner feed-forward channel (arXiv:2205.05638). The fewest weights."""

    kind: Literal["ia3"]
    """Trained factors."""
    targets: Names | Auto = "auto"
    """Layers whose output is scaled; `auto` is keys and values."""
    feedforward: Names | Auto = "auto"
    """Layers whose input is scaled; `auto` is the last layer of the feed-forward block."""


class PeftSettings(Settings):
    """Any other method of PEFT, by its name there."""

    kind: Literal["peft"]
    """A method by name."""
    name: str = Field(min_length=1)
    """Its name in PEFT, such as loha, vera or oft."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Arguments of its configuration class, as PEFT names them."""


Kind = Literal["full", "freeze", "lora", "qlora", "adapter", "prefix", "prompt", "p_tuning", "ia3", "peft"]
KINDS: tuple[str, ...] = get_args(Kind)


def kind_of(method: Any) -> str | None:
    """The kind that plain or checked settings name: lora when they name none, None when they are no settings."""
    if isinstance(method, Mapping):
        return str(method.get("kind", "lora"))
    return getattr(method, "kind", None)


MethodSettings = Annotated[
    Annotated[FullSettings, Tag("full")]
    | Annotated[FreezeSettings, Tag("freeze")]
    | Annotated[LoraSettings, Tag("lora")]
    | Annotated[QLoraSettings, Tag("qlora")]
    | Annotated[AdapterSettings, Tag("adapter")]
    | Annotated[PrefixSettings, Tag("prefix")]
    | Annotated[PromptSettings, Tag("prompt")]
    | Annotated[PTuningSettings, Tag("p_tuning")]
    | Annotated[IA3Settings, Tag("ia3")]
    | Annotated[PeftSettings, Tag("peft")],
    Discriminator(kind_of),
]
