"""Tiny bases of every family, built once for all tests of the models."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from tiny import KINDS, build_tiny

BaseOf = Callable[[str], str]


@pytest.fixture(scope="session")
def base_of(tmp_path_factory: pytest.TempPathFactory) -> BaseOf:
    """The folder of the tiny base of a family, as a recipe would name it."""
    top = tmp_path_factory.mktemp("tiny")
    return cache(lambda kind: str(build_tiny(kind, top / kind)))


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """These models are too small to share out; threads would only wait for each other."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(params=sorted(KINDS))
def base(request: pytest.FixtureRequest, base_of: BaseOf) -> str:
    """Every family in turn."""
    return base_of(request.param)


@pytest.fixture
def copied(base_of: BaseOf, tmp_path: Path) -> Path:
    """A tiny Llama in a folder that the test may spoil."""
    import shutil

    return Path(shutil.copytree(base_of("llama"), tmp_path / "base"))
