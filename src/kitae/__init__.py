"""kitae: from messy raw records to a fine-tuned language model that is measured, governed and served."""

from importlib.metadata import version

__version__ = version("kitae")
__all__ = ["__version__"]
