"""What the machine has is read from files that may look odd or be missing."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kitae.plan import hardware
from kitae.plan.hardware import GIB, Gpu, Hardware, cpu_flags, free_disk, look


def test_the_machine_at_hand() -> None:
    hardware = look()
    assert hardware.cores >= 1
    assert hardware.memory_bytes > GIB // 2
    assert "cores" in hardware.sentence
    assert hardware.as_dict() == look().as_dict()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor\t: 0\nflags\t\t: sse avx512f avx512_bf16\n", {"sse", "avx512f", "avx512_bf16"}),
        ("Features\t: fp asimd bf16\n", {"fp", "asimd", "bf16"}),
        ("nothing here", set()),
        ("", set()),
    ],
)
def test_flags(tmp_path: Path, text: str, expected: set[str]) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(text)
    assert cpu_flags(file) == expected


def test_flags_without_the_file(tmp_path: Path) -> None:
    assert cpu_flags(tmp_path / "missing") == frozenset()


def test_free_disk_of_a_folder_that_does_not_exist_yet(tmp_path: Path) -> None:
    assert free_disk(tmp_path / "a" / "b") == pytest.approx(free_disk(tmp_path), rel=0.05)


def test_a_gpu_is_the_working_memory() -> None:
    hardware = Hardware(4, 8 * GIB, bf16=True, avx512=True, gpus=(Gpu("card", 80 * GIB, bf16=True),))
    assert hardware.working_memory_bytes == 80 * GIB
    assert "card" in hardware.sentence


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a script with these lines in the place of the driver's tool."""

    def put(script: str) -> None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return put


TWO = "cat <<'END'\n0, GPU-aa11, NVIDIA A100, 40960, 8.0\n1, GPU-bb22, Tesla T4, 15360, 7.5\nEND"


def test_the_gpus_that_the_driver_names(driver: Callable[[str], None]) -> None:
    driver(TWO)
    assert look().gpus == (Gpu("NVIDIA A100", 40 * GIB, bf16=True), Gpu("Tesla T4", 15 * GIB, bf16=False))


@pytest.mark.parametrize(
    "script",
    [
        "exec sleep 30",
        "exit 9",
        "echo 'NVIDIA-SMI has failed, because, well, it could not, ever'",
        "echo '0, GPU-aa11, NVIDIA GB10, [N/A], 12.1'",
        "echo '0, GPU-aa11, Old, 2048, [N/A]'",
        "printf '\\377\\376'",
    ],
    ids=["hangs", "fails", "words", "no memory", "no capability", "bytes"],
)
def test_a_driver_that_does_not_answer_is_no_gpu(
    driver: Callable[[str], None], script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "DRIVER_SECONDS", 0.5)
    driver(script)
    assert look().gpus == ()


def test_a_tool_that_cannot_be_started_is_no_gpu(driver: Callable[[str], None], tmp_path: Path) -> None:
    driver("exit 0")
    (tmp_path / "nvidia-smi").write_text("#!/no/such/interpreter\n")
    assert look().gpus == ()


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ("", []),
        ("-1", []),
        ("0", ["NVIDIA A100"]),
        ("1", ["Tesla T4"]),
        (" 1 , 0 ", ["Tesla T4", "NVIDIA A100"]),
        ("1,7,0", ["Tesla T4"]),
        ("GPU-bb", ["Tesla T4"]),
        ("none", []),
    ],
)
def test_hidden_gpus_do_not_count(
    driver: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, wanted: str, names: list[str]
) -> None:
    driver(TWO)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", wanted)
    assert [gpu.name for gpu in look().gpus] == names
