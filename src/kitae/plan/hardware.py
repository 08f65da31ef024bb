"""What this machine has: cores, memory, disk, number formats, GPUs. Reads files and asks drivers; imports no torch."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

GIB = 1 << 30
DRIVER_SECONDS = 20.0
"""A driver that hangs answers nothing; it usually takes a second."""
BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})


@dataclass(frozen=True)
class Gpu:
    """One accelerator: name, memory in bytes, whether it computes in bf16."""

    name: str
    memory_bytes: int
    bf16: bool


Numbered = tuple[str, str, Gpu]
"""Index, UUID and the GPU."""


@dataclass(frozen=True)
class Hardware:
    """The machine as far as a plan needs it. Memory is what this process may use (control groups respected)."""

    cores: int
    memory_bytes: int
    bf16: bool
    avx512: bool
    gpus: tuple[Gpu, ...] = ()

    @property
    def working_memory_bytes(self) -> int:
        """Memory of the device that would train: the first GPU, else the machine's."""
        return self.gpus[0].memory_bytes if self.gpus else self.memory_bytes

    @property
    def sentence(self) -> str:
        """The machine in a few words."""
        device = f"{self.gpus[0].name}, {self.gpus[0].memory_bytes / GIB:.0f} GiB" if self.gpus else "no GPU"
        numbers = "bf16 in hardware" if self.bf16 else "no bf16 in hardware"
        return f"{self.cores} cores, {self.memory_bytes / GIB:.0f} GiB memory, {numbers}, {device}"

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values; memory rounded to 0.1 GiB, since kernels report it a little differently at each boot."""
        values = asdict(self)
        values["memory_bytes"] = round(self.memory_bytes / GIB, 1)
        values["gpus"] = [{**asdict(gpu), "memory_bytes": round(gpu.memory_bytes / GIB, 1)} for gpu in self.gpus]
        return values


def look() -> Hardware:
    """The machine at hand."""
    flags = cpu_flags(Path("/proc/cpuinfo"))
    gpus = tuple(_gpus())
    return Hardware(
        cores=usable_cores(),
        memory_bytes=usable_memory(),
        bf16=gpus[0].bf16 if gpus else bool(flags & BF16_FLAGS),
        avx512="avx512f" in flags,
        gpus=gpus,
    )


def usable_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def usable_memory() -> int:
    """Bytes this process may use: the machine's, or the control group's limit when that is lower."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")]
    for limit in limits:
        text = limit.read_text().strip() if limit.is_file() else ""
        if text.isdigit():
            total = min(total, int(text))
    return total


def free_disk(folder: Path) -> int:
    """Bytes free on the disk that holds `folder` (or would)."""
    place = folder
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def cpu_flags(cpuinfo: Path) -> frozenset[str]:
    """Feature flags of the first core (x86 "flags", ARM "Features"); none where the file does not exist."""
    if not cpuinfo.is_file():
        return frozenset()
    for line in cpuinfo.read_text(errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in {"flags", "Features"}:
            return frozenset(value.split())
    return frozenset()


def _gpus() -> list[Gpu]:
    """The NVIDIA GPUs that training may use, by their driver's own tool.

    None when there is no such tool, when it gives no answer, or when it does not know the memory of a GPU.
    """
    tool = shutil.which("nvidia-smi")
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if tool is None or wanted == "":
        return []
    query = [tool, "--query-gpu=index,uuid,name,memory.total,compute_cap", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(  # noqa: S603
            query, capture_output=True, encoding="utf-8", errors="replace", check=False, timeout=DRIVER_SECONDS
        )
        found = [_gpu(*line.split(", ")) for line in answer.stdout.splitlines() if line.count(", ") == 4]
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return []
    return [gpu for _, _, gpu in found] if wanted is None else visible(found, wanted)


def _gpu(index: str, uuid: str, name: str, mebibytes: str, capability: str) -> Numbered:
    return index.strip(), uuid, Gpu(name, int(float(mebibytes)) << 20, float(capability) >= 8.0)


def visible(gpus: Sequence[Numbered], wanted: str) -> list[Gpu]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves, in its order; as for CUDA, the first unknown entry ends the list.

    An entry is an index or the beginning of a UUID.
    """
    out: list[Gpu] = []
    for entry in (entry.strip() for entry in wanted.split(",")):
        match = [
            gpu for index, uuid, gpu in gpus if entry == index or (entry.startswith("GPU-") and uuid.startswith(entry))
        ]
        if not match:
            break
        out.append(match[0])
    return out
