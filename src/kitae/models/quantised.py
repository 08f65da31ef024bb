"""A base whose linear layers are held in 4 or 8 bits, through bitsandbytes: on CUDA, and on the CPU as well.

NF4 (Dettmers et al. 2023, arXiv:2305.14314, section 3) is undone to the number format of the base before each product.
int8 (Dettmers et al. 2022, arXiv:2208.07339) multiplies whole numbers, so there the inputs are rounded too.
"""

import logging
from typing import Any

from kitae.core.method_settings import QLoraSettings
from kitae.errors import BaseError


def quantisation(method: QLoraSettings, precision: str) -> dict[str, Any]:
    """Arguments of `from_pretrained` that quantise while loading. Raises `BaseError` without bitsandbytes."""
    import torch
    from transformers import BitsAndBytesConfig

    try:
        import bitsandbytes  # noqa: F401
    except ImportError as error:
        raise BaseError(
            "a quantised base needs bitsandbytes",
            got=f"method.kind: {method.kind}",
            hint="pip install 'kitae[quantised]', or use method: {kind: lora}",
        ) from error
    # It says once a product that inputs are rounded, which the documentation says once.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    device = {"": 0} if torch.cuda.is_available() else {"": "cpu"}
    if method.bits == "int8":
        return {"quantization_config": BitsAndBytesConfig(load_in_8bit=True), "device_map": device}
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=method.double_quantisation,
        bnb_4bit_compute_dtype={"bf16": torch.bfloat16, "fp32": torch.float32}[precision],
    )
    return {"quantization_config": config, "device_map": device}


def written_out(model: Any) -> None:
    """Put a plain layer with the same weights in the place of every quantised one."""
    import torch
    from bitsandbytes.functional import dequantize_4bit
    from bitsandbytes.nn import Linear4bit, Linear8bitLt

    for name, layer in list(model.named_modules()):
        if not isinstance(layer, Linear4bit | Linear8bitLt):
            continue
        weight: Any = layer.weight
        if isinstance(layer, Linear4bit):
            values = dequantize_4bit(weight.data, weight.quant_state)
        else:
            state: Any = layer.state
            codes, scales = (weight.data, weight.SCB) if state.CB is None else (state.CB, state.SCB)
            values = codes.float() * scales[:, None].float() / 127.0
        plain = torch.nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None, device="meta")
        plain.weight = torch.nn.Parameter(values.to(model.dtype), requires_grad=False)
        if layer.bias is not None:
            plain.bias = torch.nn.Parameter(layer.bias.data.to(model.dtype), requires_grad=False)
        parent, _, attribute = name.rpartition(".")
        setattr(model.get_submodule(parent), attribute, plain)
    # What transformers and PEFT look at to see whether a model is quantised.
    for mark in ("is_loaded_in_4bit", "is_loaded_in_8bit", "is_quantized", "hf_quantizer", "quantization_method"):
        if hasattr(model, mark):
            setattr(model, mark, None if mark == "hf_quantizer" else False)
