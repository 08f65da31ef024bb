"""What every test may use."""

import os
from pathlib import Path

import hypothesis
import pytest

from kitae.core.workspace import Workspace

pytest.register_assert_rewrite("browser")

TOP = Path(__file__).parents[1]

# The tests speak of the CPU: they hold byte-exact results against references that they compute there. On a machine
# with a GPU it is hidden from them and from what they start, unless `KITAE_TEST_CUDA=1` asks for tests/cuda.
if not os.environ.get("KITAE_TEST_CUDA"):
    os.environ["CUDA_VISIBLE_DEVICES"] = ""

# A slow or busy machine is no fault of the code: time decides no test.
hypothesis.settings.register_profile("kitae", deadline=None)
hypothesis.settings.load_profile("kitae")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace in a folder of its own."""
    return Workspace(tmp_path / "home")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The public data beside the checkout; tests that read it are skipped where it is absent."""
    folder = Path(os.environ.get("KITAE_SHARED_DATA") or TOP.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"public data is not at {folder}; set KITAE_SHARED_DATA")
    return folder
