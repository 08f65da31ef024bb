"""The code that makes data: a part of every key, so that a workspace never shows what an older kitae made of the data.

Its content does not depend on it: data that comes out the same has the same digest, and what was trained on it is found
again (docs/decisions/0016).
"""

from kitae.core.code import code_digest

PACKAGES = ("kitae.core", "kitae.data")
LIBRARIES = (
    "cleanlab", "ftfy", "lxml", "mecab-python3", "numpy", "openpyxl", "phonenumbers", "presidio-analyzer", "pyarrow",
    "pypdf", "rensa", "scikit-learn", "scipy", "spacy", "trafilatura",
)  # fmt: skip
"""Those whose version may show in data, as far as they are installed."""


def made_by() -> dict[str, str]:
    """What the key of a source, a dataset or a split says of the code."""
    return {"code": code_digest(PACKAGES, LIBRARIES)}
