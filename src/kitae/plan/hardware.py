"""What this machine has: cores, memory, disk, number formats, GPUs. Reads files and asks drivers; imports no torch."""

import os
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

GIB = 1 << 30
BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})


@dataclass(frozen=True)
class Gpu:
    """One accelerator: name, memory in bytes, whether it computes in bf16."""

    name: str
    memory_bytes: int
    bf16: bool


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
    """NVIDIA GPUs by their driver's own tool; none when there is no such tool."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    query = [tool, "--query-gpu=name,memory.total,compute_cap", "--format=csv,noheader,nounits"]
    answer = subprocess.run(query, capture_output=True, text=True, check=False, timeout=20)  # noqa: S603
    rows = [line.split(", ") for line in answer.stdout.splitlines() if line.count(", ") == 2]
    return [Gpu(name, int(float(mebibytes)) << 20, float(capability) >= 8.0) for name, mebibytes, capability in rows]
