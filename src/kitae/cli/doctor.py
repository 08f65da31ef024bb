"""`kitae doctor`: what is installed, what is missing, what to do."""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from kitae.cli.options import AsJson, Home, print_json

NEEDED = ("torch", "transformers", "peft", "scikit-learn", "sacrebleu", "sqlalchemy", "fastapi", "jinja2")
OPTIONAL = {"bitsandbytes": "kitae[quantised]", "trl": "kitae[bench]", "pytest": "kitae[dev]"}


def doctor(home: Home = None, as_json: AsJson = False) -> None:
    """Say what is installed, what the machine has, and what to do about what is missing."""
    from platform import python_version

    from kitae import __version__
    from kitae.core.workspace import Workspace
    from kitae.plan.hardware import GIB, free_disk, look

    out = Workspace.open(home)
    hardware = look()
    packages = {name: _version(name) for name in (*NEEDED, *OPTIONAL)}
    missing = [name for name in NEEDED if packages[name] is None]
    nano = Path(__file__).parents[1] / "models" / "nano" / "model.safetensors"
    advice = [f"pip install {name}" for name in missing]
    if not nano.is_file():
        advice.append("The embedded base is missing: reinstall kitae")
    drafts = out.drafts()
    if drafts:
        size = sum(size for _, size in drafts) / GIB
        advice.append(
            f"{len(drafts)} unfinished stages take {size:.2f} GiB: the same `kitae run` goes on from them. When none "
            f"is to go on and no run is at work, delete {out.home / 'partial'}"
        )
    if not hardware.bf16:
        advice.append("No bf16 in hardware: training runs in fp32, about half as fast as with it")
    values = {
        "version": __version__,
        "python": python_version(),
        "machine": hardware.sentence,
        "workspace": str(out.home),
        "free_disk_gib": round(free_disk(out.home) / GIB, 1),
        "drafts": [{"folder": str(folder), "bytes": size} for folder, size in drafts],
        "packages": packages,
        "advice": advice,
        "ready": not missing and nano.is_file(),
    }
    if as_json:
        print_json(values)
        return
    print(f"kitae      {values['version']} on Python {values['python']}")
    print(f"machine    {values['machine']}")
    print(f"workspace  {values['workspace']} ({values['free_disk_gib']} GiB free)")
    for folder, size in drafts:
        print(f"unfinished {folder.name} ({size / GIB:.2f} GiB)")
    for name, found in packages.items():
        need = "" if name in NEEDED else f"  (optional: {OPTIONAL[name]})"
        print(f"{'ok  ' if found else '--  '} {name:<14} {found or 'not installed'}{need}")
    for line in advice:
        print(f"->  {line}")
    print("Ready." if values["ready"] else "Not ready: see above.")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None if find_spec(name) is None else "unknown"
