"""Freed memory stays with the process while models run.

glibc hands big blocks back to the system as soon as they are freed, and a step of training frees and asks again for
the same tensors: the page faults of that took a third of a step of kitae-nano (docs/LOG.md).
"""

import ctypes
import sys

# Numbers of mallopt's options, from malloc.h of glibc.
TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4
KEPT_BYTES = 2**31 - 1
PADDING_BYTES = 2**28


def keep_freed_memory() -> bool:
    """Ask the allocator to keep what is freed; false where it is not glibc's, which changes nothing else."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    options = ((MMAP_MAX, 0), (TRIM_THRESHOLD, KEPT_BYTES), (TOP_PAD, PADDING_BYTES))
    return all(mallopt(option, value) == 1 for option, value in options)
