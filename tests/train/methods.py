"""One short recipe of each kind of method, with the rate at which it learns the tiny rows."""

from typing import Any

LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
LORA: dict[str, Any] = {
    "kind": "lora",
    "rank": 4,
    "alpha": 8.0,
    "dropout": 0.0,
    "targets": LAYERS,
    "train_embeddings": False,
}
METHODS: dict[str, tuple[dict[str, Any], float]] = {
    "full": ({"kind": "full"}, 0.005),
    "freeze": ({"kind": "freeze", "layers": 1}, 0.01),
    "lora": (LORA, 0.02),
    "rslora": ({**LORA, "variant": "rslora"}, 0.01),
    "dora": ({**LORA, "variant": "dora"}, 0.02),
    "pissa": ({**LORA, "init": "pissa"}, 0.01),
    "pissa-rslora": ({**LORA, "init": "pissa", "variant": "rslora"}, 0.01),
    "olora": ({**LORA, "init": "olora"}, 0.01),
    "eva": ({**LORA, "init": "eva"}, 0.02),
    "lora-plus": ({**LORA, "plus_ratio": 8.0}, 0.005),
    "lora-dropout-embeddings": ({**LORA, "dropout": 0.1, "train_embeddings": True}, 0.02),
    "qlora-nf4": ({**LORA, "kind": "qlora"}, 0.02),
    "qlora-int8": ({**LORA, "kind": "qlora", "bits": "int8"}, 0.02),
    "houlsby": ({"kind": "adapter", "placement": "houlsby", "width": 8}, 0.02),
    "pfeiffer": ({"kind": "adapter", "width": 8}, 0.02),
    "prefix": ({"kind": "prefix", "tokens": 5}, 0.1),
    "prefix-encoder": ({"kind": "prefix", "tokens": 5, "encoder_width": 16}, 0.02),
    "prompt": ({"kind": "prompt", "tokens": 5}, 0.1),
    "p-tuning": ({"kind": "p_tuning", "tokens": 5, "encoder_width": 16}, 0.02),
    "ia3": ({"kind": "ia3", "targets": ["k_proj", "v_proj"], "feedforward": ["down_proj"]}, 0.1),
    "loha": ({"kind": "peft", "name": "loha", "arguments": {"r": 4, "alpha": 8}}, 0.02),
    "vera": ({"kind": "peft", "name": "vera", "arguments": {"r": 8, "target_modules": ["q_proj", "v_proj"]}}, 0.1),
}
