"""How fast this machine multiplies matrices at this moment: a probe of some tens of milliseconds."""

import sys
import time
from functools import cache
from statistics import median
from typing import Any, Literal

SIDE = 768
"""Square matrices of this side: large enough to keep every core busy, small enough to take milliseconds."""
ROUNDS = 7
BF16_GAIN = 2.0
"""What bf16 in hardware multiplies at least, over fp32; taken where measuring would mean to load torch for nothing."""


@cache
def product_rate(precision: Literal["bf16", "fp32"]) -> float:
    """Floating-point operations per second of matrix products on the CPU, over all threads; asked once a process."""
    torch: Any = sys.modules.get("torch")
    if precision == "bf16" and torch is not None:
        matrix = torch.ones(SIDE, SIDE, dtype=torch.bfloat16)
        return _rate(lambda: matrix @ matrix)
    import numpy as np

    ones = np.ones((SIDE, SIDE), dtype=np.float32)
    return _rate(lambda: ones @ ones) * (BF16_GAIN if precision == "bf16" else 1.0)


def _rate(multiply: Any) -> float:
    multiply()  # the first one starts the threads
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        multiply()
        seconds.append(time.perf_counter() - began)
    return float(2.0 * SIDE**3 / median(seconds))
