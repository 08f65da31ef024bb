"""How fast this machine multiplies matrices at this moment: a probe of some tens of milliseconds."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

SIDE = 768
"""Square matrices of this side: large enough to keep every core busy, small enough to take milliseconds."""
ROUNDS = 7
BF16_GAIN = 2.0
"""What bf16 in hardware multiplies at least, over fp32; taken where measuring would mean to load torch for nothing."""


@dataclass(frozen=True)
class Speed:
    """Floating-point operations of matrix products: per second as the clock goes, and per second of a core's work.

    Other work on the machine lowers the first and not the second.
    """

    flops: float
    core_flops: float


@cache
def product_speed(precision: Literal["bf16", "fp32"]) -> Speed:
    """The speed of matrix products on the CPU with the threads there are; asked once a process."""
    torch: Any = sys.modules.get("torch")
    if precision == "bf16" and torch is not None:
        matrix = torch.ones(SIDE, SIDE, dtype=torch.bfloat16)
        return _speed(lambda: matrix @ matrix)
    import numpy as np

    ones = np.ones((SIDE, SIDE), dtype=np.float32)
    found = _speed(lambda: ones @ ones)
    gain = BF16_GAIN if precision == "bf16" else 1.0
    return Speed(found.flops * gain, found.core_flops * gain)


def _speed(multiply: Callable[[], object]) -> Speed:
    multiply()  # the first one starts the threads
    began, worked = time.perf_counter(), time.process_time()
    for _ in range(ROUNDS):
        multiply()
    operations = ROUNDS * 2.0 * SIDE**3
    seconds, core_seconds = time.perf_counter() - began, time.process_time() - worked
    return Speed(operations / seconds, operations / max(core_seconds, seconds / 1e3))
