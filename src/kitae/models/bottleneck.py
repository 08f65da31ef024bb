"""Bottleneck adapters as a method of PEFT: importing this module registers it, and PEFT then knows it by name.

Behind a layer that ends a sublayer stands a small network with a skip: y + up(gelu(down(y))), where y is what the
layer gives (Houlsby et al. 2019, arXiv:1902.00751, figure 2). The way up begins at zero, so a fresh adapter changes
nothing. After the import `get_peft_model`, saving, and `PeftModel.from_pretrained` work as for any other method.

Shapes: D width of the layer's output, N width of the bottleneck.
"""

from dataclasses import dataclass, field
from typing import Any

from peft.config import PeftConfig
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING, PEFT_TYPE_TO_PREFIX_MAPPING, PEFT_TYPE_TO_TUNER_MAPPING
from peft.tuners.tuners_utils import BaseTuner, BaseTunerLayer
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

PREFIX = "bottleneck_"


class MethodName(str):
    """A name of a method where PEFT expects a member of its own enumeration."""

    __slots__ = ()

    @property
    def value(self) -> str:
        """The plain text."""
        return str(self)


BOTTLENECK = MethodName("BOTTLENECK")


@dataclass
class BottleneckConfig(PeftConfig):  # type: ignore[misc]
    """What PEFT stores of bottleneck adapters."""

    width: int = field(default=64, metadata={"help": "Width of the bottleneck."})
    target_modules: list[str] | None = field(
        default=None, metadata={"help": "Names of the layers behind which an adapter stands."}
    )
    exclude_modules: list[str] | None = field(default=None, metadata={"help": "Names of layers to leave out."})
    modules_to_save: list[str] | None = field(default=None, metadata={"help": "Modules trained as a whole."})

    def __post_init__(self) -> None:
        """Give the method its name, as every configuration of PEFT does."""
        super().__post_init__()
        self.peft_type = BOTTLENECK


class BottleneckLayer(nn.Module, BaseTunerLayer):  # type: ignore[misc]
    """A linear layer with an adapter behind it; it cannot be merged, because it is not linear."""

    base_layer: Any
    bottleneck_down: Any
    bottleneck_up: Any
    get_base_layer: Any
    set_adapter: Any
    active_adapters: Any
    _move_adapter_to_device_of_base_layer: Any
    """PEFT's own, which have no types."""
    adapter_layer_names = ("bottleneck_down", "bottleneck_up")
    other_param_names = ()

    def __init__(self, base_layer: nn.Module, adapter_name: str, config: BottleneckConfig) -> None:
        """Wrap the layer; `update_layer` adds adapters."""
        super().__init__()
        self.base_layer = base_layer
        self.bottleneck_down = nn.ModuleDict()
        self.bottleneck_up = nn.ModuleDict()
        self._disable_adapters = False
        self.merged_adapters: list[str] = []
        self._active_adapter = adapter_name
        self.update_layer(adapter_name, config)

    def update_layer(self, adapter_name: str, config: BottleneckConfig) -> None:
        """Add an adapter that changes nothing yet."""
        width = out_width(self.get_base_layer())
        down, up = nn.Linear(width, config.width), nn.Linear(config.width, width)
        for zero in (down.bias, up.weight, up.bias):
            nn.init.zeros_(zero)
        self.bottleneck_down[adapter_name], self.bottleneck_up[adapter_name] = down, up
        self._move_adapter_to_device_of_base_layer(adapter_name)
        self.set_adapter(self.active_adapters, inference_mode=config.inference_mode)

    def forward(self, hidden: Tensor, *more: Any, **options: Any) -> Tensor:
        """(..., I) to (..., D); the adapter is computed in the format of its own weights."""
        y: Tensor = self.base_layer(hidden, *more, **options)
        if self.disable_adapters:
            return y
        for name in self.active_adapters:
            if name in self.bottleneck_down:
                down, up = self.bottleneck_down[name], self.bottleneck_up[name]
                y = y + up(nn.functional.gelu(down(y.to(down.weight.dtype)))).to(y.dtype)
        return y

    def merge(self, safe_merge: bool = False, adapter_names: list[str] | None = None) -> None:
        """Refuse: there is no linear layer that does the same."""
        raise NotImplementedError("bottleneck adapters cannot be merged into the weights")


class BottleneckModel(BaseTuner):  # type: ignore[misc]
    """Puts the layers in their places."""

    prefix = PREFIX
    tuner_layer_cls = BottleneckLayer

    def _create_and_replace(  # noqa: PLR0917  # PEFT passes by position
        self,
        config: Any,
        adapter_name: str,
        target: nn.Module,
        target_name: str,
        parent: nn.Module,
        current_key: str,  # noqa: ARG002
    ) -> None:
        if isinstance(target, BottleneckLayer):
            target.update_layer(adapter_name, config)
            return
        layer = BottleneckLayer(target, adapter_name, config)
        if adapter_name not in self.active_adapters:
            layer.requires_grad_(requires_grad=False)
        self._replace_module(parent, target_name, layer, target)


def ends_of_sublayers(model: Any) -> tuple[list[str], list[str]]:
    """Names of the layers that end the attention and the feed-forward sublayer of a decoder layer.

    A sublayer is a child of a decoder layer that holds linear layers; its last one that gives the model's width ends
    it. The first such child is attention, the last one the feed-forward block. Names begin with the child's own.
    """
    layers = decoder_layers(model)
    width = model.get_input_embeddings().weight.shape[1]
    ends = []
    for child_name, child in layers[0].named_children():
        linear = [
            f"{child_name}.{name}".rstrip(".")
            for name, module in child.named_modules()
            if isinstance(module, nn.Linear | Conv1D) and out_width(module) == width
        ]
        ends += linear[-1:]
    return ends[:1], ends[1:][-1:]


def decoder_layers(model: Any) -> nn.ModuleList:
    """The list of a causal model's layers: as long as its configuration says."""
    count = model.config.get_text_config().num_hidden_layers
    found = [m for m in model.modules() if isinstance(m, nn.ModuleList) and len(m) == count]
    return max(found, key=lambda layers: sum(p.numel() for p in layers.parameters()))


def out_width(layer: Any) -> int:
    """Width of what a linear layer gives."""
    return int(layer.nf if isinstance(layer, Conv1D) else layer.out_features)


def register() -> None:
    """Tell PEFT; a second time changes nothing.

    PEFT's own `register_peft_method` takes only names of its closed enumeration; these are the tables it fills.
    """
    PEFT_TYPE_TO_PREFIX_MAPPING[BOTTLENECK] = PREFIX
    PEFT_TYPE_TO_CONFIG_MAPPING[BOTTLENECK] = BottleneckConfig
    PEFT_TYPE_TO_TUNER_MAPPING[BOTTLENECK] = BottleneckModel


register()
