"""Start-up: importing the command line, against a bare Python started alternately in the same run.

Prints one JSON line last: the median of 9 starts each, and what the import of `kitae.cli.main` adds.
"""

import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from statistics import median

STARTS = 9
LIMIT_SECONDS = 0.3
"""What `kitae --help` may take to import."""


def seconds(code: str) -> float:
    """Wall seconds of a fresh interpreter that runs this code."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began


def main() -> None:
    """Start both in turn, so that a busy moment of the machine meets both."""
    seconds("import kitae.cli.main")  # writes the byte code once, as an installation does
    starts = [(seconds("pass"), seconds("import kitae.cli.main")) for _ in range(STARTS)]
    bare, kitae = (median(side) for side in zip(*starts, strict=True))
    row = {
        "benchmark": "import_time",
        "import_seconds": round(kitae - bare, 4),
        "limit_seconds": LIMIT_SECONDS,
        "bare_python_seconds": round(bare, 4),
        "kitae_seconds": round(kitae, 4),
        "starts": STARTS,
        "raw": [[round(value, 4) for value in pair] for pair in starts],
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        **{package: version(package) for package in ("kitae", "typer")},
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
