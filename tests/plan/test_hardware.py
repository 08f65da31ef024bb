"""What the machine has is read from files that may look odd or be missing."""

from pathlib import Path

import pytest

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
