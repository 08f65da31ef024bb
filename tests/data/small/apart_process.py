"""Enlarge a split in a process of its own, which a test may kill: folder of the split, workspace, settings as JSON."""

import sys
from pathlib import Path

from kitae import data
from kitae.core.artifacts import Split
from kitae.core.data_settings import DataSettings
from kitae.core.workspace import Workspace


def main(split: str, home: str, settings: str) -> None:
    chosen = DataSettings.model_validate_json(settings)
    made = data.enlarge(Split.load(Path(split)), settings=chosen, seed=7, out=Workspace(Path(home)), folder=Path(home))
    sys.stdout.write(made.digest)


if __name__ == "__main__":
    main(*sys.argv[1:])
