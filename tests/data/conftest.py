"""The small project that these tests write their raw files into."""

from pathlib import Path

import pytest
from data.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)
