"""kitae: from messy raw records to a fine-tuned language model that is measured, governed and served."""

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    """`__version__`, read when asked for: reading package metadata is half of the start-up time."""
    if name != "__version__":
        raise AttributeError(f"module 'kitae' has no attribute {name!r}")
    from importlib.metadata import version

    return version("kitae")
