"""Datasets of the Hugging Face hub, through 🤗 datasets: prepared as Arrow files in its cache, and read from there."""

import re
from pathlib import Path
from typing import Any

from kitae.errors import SourceError

HUB = "hub:"
_SPECIFIED = re.compile(r"hub:(?P<name>[\w.-]+(?:/[\w.-]+)?)(?::(?P<config>[\w.+-]+))?(?:@(?P<split>[\w.]+))?")


def hub_files(path: str) -> dict[str, Path]:
    """The Arrow files of `hub:owner/name[:config][@split]`, by split and number. Raises `SourceError`."""
    specified = _SPECIFIED.fullmatch(path)
    if specified is None:
        raise SourceError("not a dataset of the hub", got=path, hint="Write hub:owner/name, with :config and @split")
    try:
        import datasets
    except ImportError as error:
        raise SourceError(
            f"{path} needs 🤗 datasets, which is not installed",
            hint="pip install 'kitae[datasets]', or download the files and name their folder",
        ) from error
    loaded = _loaded(datasets, path, specified)
    splits = loaded if isinstance(loaded, dict) else {specified["split"]: loaded}
    files = {
        f"{split}/{number:05d}.arrow": Path(entry["filename"])
        for split, part in splits.items()
        for number, entry in enumerate(part.cache_files)
    }
    if not files:
        raise SourceError(f"{path} holds no rows", hint="Name another configuration (:config) or split (@split)")
    return files


def _loaded(datasets: Any, path: str, specified: re.Match[str]) -> Any:
    """What the library loads, from the hub or from its cache. Raises `SourceError`."""
    try:
        return datasets.load_dataset(specified["name"], specified["config"], split=specified["split"])
    except (OSError, ValueError, LookupError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise SourceError(
            f"{path} cannot be loaded",
            got=f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}",
            hint="Check the name, the configuration, the split and the network; gated data needs a login of the hub. "
            "Without a network, name a local folder",
        ) from error
