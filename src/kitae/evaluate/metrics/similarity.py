"""Similarity of meaning: the cosine of two texts' vectors, which an OpenAI-compatible endpoint gives.

There is no built-in stand-in: counts of letters or words are no meaning, and `chrf` and `token_f1` say so by name.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from kitae.core.embedding import Embedder
from kitae.core.endpoint_settings import EmbeddingSettings
from kitae.errors import InputError
from kitae.evaluate.metrics.base import Array, Embed, Given, Metric, Questions, ours, ratio, with_ones
from kitae.evaluate.rouge import exact_form


def similarity(questions: Questions) -> list[Metric]:
    """The mean cosine of answer and reference; an answer of nothing is like no text (0)."""
    assert questions.embed is not None, "check_metrics asks for the endpoint"
    embed = questions.embed
    references = [exact_form(text) for text in questions.references]

    def statistics(given: Given) -> Array:
        texts = [exact_form(text) for text in given.texts]
        said = [text for text in [*texts, *references] if text]
        vectors = dict(zip(said, embed.vectors(said), strict=True)) if said else {}
        pairs = zip(texts, references, strict=True)
        return with_ones([float(vectors[one] @ vectors[two]) if one and two else 0.0 for one, two in pairs])

    signature = f"similarity|cosine|model:{embed.model}|norm:nfkc+spaces+trim|{ours()}"
    return [Metric("similarity", signature, questions.everything, statistics, ratio)]


@contextmanager
def embedding(settings: EmbeddingSettings | None, kept: Path) -> Iterator[Embed | None]:
    """Unit vectors of texts, from the endpoint or from the folder where they are kept; None without an endpoint."""
    if settings is None:
        yield None
        return
    embedder = Embedder(settings, kept, place="evaluate.embeddings")
    known: dict[str, Array] = {}

    def vectors(texts: Sequence[str]) -> list[Array]:
        fresh = [text for text in dict.fromkeys(texts) if text not in known]
        # Kept vectors say nothing of whose the texts were, so no record is named with them.
        found = embedder.vectors(fresh, [""] * len(fresh))
        if embedder.reached_cap:
            raise InputError(
                "similarity needs more vectors than evaluate.embeddings.most_cost pays for",
                got=f"{settings.most_cost:g}",
                hint="Set evaluate.embeddings.most_cost higher; vectors that were paid for are kept",
            )
        for text, vector in zip(fresh, () if found is None else found, strict=True):
            values = vector.astype(np.float64)
            known[text] = values / max(float(np.linalg.norm(values)), 1e-300)
        return [known[text] for text in texts]

    try:
        yield Embed(settings.model, vectors)
    finally:
        embedder.close()


SIMILARITY_METRICS: Mapping[str, Callable[[Questions], list[Metric]]] = {"similarity": similarity}
