"""Who labels rows in self-training, and how sure it may say it is."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol, cast

from kitae.core.text import normalise
from kitae.data.alike.ragged import Array
from kitae.errors import UnknownName

INVERSE_PENALTY = 5.0
SMALLEST = 1e-12
TEMPERATURES = (0.02, 20.0)
"""Bounds of the search."""


class Labeller(Protocol):
    """A classifier of texts. N texts, K labels."""

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> "Labeller":
        """Learn from labelled texts, from nothing on, and return itself."""
        ...

    def predict_proba(self, texts: Sequence[str]) -> Array:
        """Probabilities [N, K], each row summing to 1, labels in their alphabetical order."""
        ...


class Tfidf:
    """Multinomial logistic regression on TF-IDF of character n-grams and words: seconds, in any language."""

    def __init__(self) -> None:
        """Begin with nothing learnt."""
        self._model: Any = None

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> "Tfidf":
        """Learn from labelled texts of two labels and more."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline, make_union

        kinds: Sequence[Mapping[str, Any]] = (
            {"analyzer": "char_wb", "ngram_range": (2, 5)},
            {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"\w+|[^\w\s]"},
        )
        vectors = [TfidfVectorizer(preprocessor=_form, sublinear_tf=True, **kind) for kind in kinds]
        classifier = LogisticRegression(C=INVERSE_PENALTY, tol=1e-3, max_iter=300)
        self._model = make_pipeline(make_union(*vectors), classifier).fit(list(texts), list(labels))
        return self

    def predict_proba(self, texts: Sequence[str]) -> Array:
        """Probabilities [N, K], not calibrated."""
        return cast("Array", self._model.predict_proba(list(texts)))


class Calibrated:
    """A labeller whose probabilities mean what they say on the validation split.

    One temperature divides the logits of all labels, so what is most probable stays so. Source: Guo et al. 2017
    (arXiv:1706.04599), section 4.2.
    """

    def __init__(self, labeller: Labeller, labels: Sequence[str], texts: Sequence[str], truth: Sequence[str]) -> None:
        """Fit the temperature; `labels` are those learnt, in their order; rows of others say nothing about it."""
        from scipy.optimize import minimize_scalar

        self._labeller = labeller
        self.labels = tuple(labels)
        place = {label: column for column, label in enumerate(self.labels)}
        known = [row for row, label in enumerate(truth) if label in place]
        logits = _logits(labeller.predict_proba([texts[row] for row in known]))
        columns = [place[truth[row]] for row in known]

        def loss(log_temperature: float) -> float:
            import numpy as np

            chosen = _softmax(logits / np.exp(log_temperature))[range(len(columns)), columns]
            return float(-np.log(np.maximum(chosen, SMALLEST)).mean())

        from math import exp, log

        bounds = tuple(map(log, TEMPERATURES))
        self.temperature = exp(minimize_scalar(loss, bounds=bounds, method="bounded").x)

    def predict_proba(self, texts: Sequence[str]) -> Array:
        """Calibrated probabilities [N, K], in the order of `labels`."""
        return _softmax(_logits(self._labeller.predict_proba(texts)) / self.temperature)


def _form(text: str) -> str:
    """The normal form; a text of nothing is a dash, because a vocabulary may not be empty."""
    return normalise(text) or "-"


def _logits(probabilities: Array) -> Array:
    import numpy as np

    return np.log(np.maximum(probabilities, SMALLEST))


def _softmax(logits: Array) -> Array:
    import numpy as np

    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return cast("Array", powers / powers.sum(axis=1, keepdims=True))


LABELLERS: dict[str, Callable[[], Labeller]] = {"tfidf": Tfidf}


def labeller_of(name: str) -> Callable[[], Labeller]:
    """What makes a labeller: a built-in one by name, or anyone's by `module:Class`. Raises `UnknownName`."""
    module, colon, made = name.partition(":")
    if colon:
        try:
            found: Callable[[], Labeller] = getattr(import_module(module), made)
        except (ImportError, AttributeError, ValueError):
            raise UnknownName("labeller", got=name, known=LABELLERS, hint="It cannot be imported") from None
        return found
    if name not in LABELLERS:
        raise UnknownName("labeller", got=name, known=LABELLERS)
    return LABELLERS[name]
