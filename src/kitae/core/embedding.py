"""Vectors from an OpenAI-compatible endpoint (`/embeddings`): many texts a request, kept on disk, within a cap."""

import base64
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kitae.core.endpoint import CapReached, Client, body_of, most_tokens, under
from kitae.core.endpoint_settings import EmbeddingSettings
from kitae.core.settings import digest_of
from kitae.errors import InputError

if TYPE_CHECKING:
    import httpx

Array = np.ndarray[Any, np.dtype[Any]]

TEXTS_A_REQUEST = 128
CHARACTERS_A_REQUEST = 100_000
ENDS = 64
"""A request ends at every text whose digest is a multiple of this, so one changed row changes one request, not all."""


class Embedder(Client[EmbeddingSettings]):
    """Turns texts into vectors until the cap on cost is reached."""

    reached_cap = False

    def vectors(self, texts: Sequence[str], ids: Sequence[str]) -> Array | None:
        """A vector for each text, float32 [texts, dimensions], zero where the cap left none; None when it left nothing.

        `ids` are those of the records that say the texts. An empty text is not sent. Raises `InputError`.
        """
        found: dict[str, Array] = {}
        for request in _requests(texts, ids):
            try:
                vectors = self._asked(list(request), sorted({one for said in request.values() for one in said}))
            except CapReached:
                self.reached_cap = True
                break
            found.update(zip(request, vectors, strict=True))
        if not found:
            return None
        widths = {len(vector) for vector in found.values()}
        if len(widths) > 1:
            raise self._strange(f"vectors of {', '.join(map(str, sorted(widths)))} numbers")
        nothing = np.zeros(widths.pop(), dtype=np.float32)
        return np.stack([found.get(text, nothing) for text in texts])

    def _asked(self, texts: list[str], ids: list[str]) -> Array:
        """The vectors of some texts, fresh or kept. Raises `CapReached`, `InputError`."""
        most = sum(map(most_tokens, texts))
        self.afford(most, 0)
        kept = self.answered(
            "embeddings",
            {"model": self.settings.model, "input": texts, "encoding_format": "float"},
            lambda response: self._read(response, len(texts), most),
            about=ids,
        )
        self.spent += self.cost(kept["tokens_in"], 0)
        return np.frombuffer(base64.b64decode(kept["vectors"]), dtype="<f4").reshape(len(texts), -1)

    def _read(self, response: "httpx.Response", texts: int, most: int) -> dict[str, Any]:
        """The vectors in a response, in the order of the texts. Raises `InputError` for anything else."""
        body = body_of(response)
        rows = under(body, "data")
        try:
            rows = sorted(rows, key=lambda row: row["index"])
            vectors = np.array([row["embedding"] for row in rows], dtype="<f4")
        except (TypeError, KeyError, ValueError):
            raise self._strange(str(body)[:200]) from None
        if vectors.ndim != 2 or len(vectors) != texts or not np.isfinite(vectors).all():
            raise self._strange(f"{len(rows)} vectors for {texts} texts, shape {vectors.shape}")
        tokens = under(body, "usage", "prompt_tokens")
        known = isinstance(tokens, int) and tokens >= 0
        return {"vectors": base64.b64encode(vectors.tobytes()).decode(), "tokens_in": tokens if known else most}

    def _strange(self, got: str) -> InputError:
        return InputError(
            f"the endpoint {self.settings.base_url} does not answer with embeddings",
            got=got,
            hint=f"Name a model for embeddings in {self.place}.model",
        )


def _requests(texts: Sequence[str], ids: Sequence[str]) -> Iterator[dict[str, list[str]]]:
    """The different texts in pieces, each text with the ids of the records that say it."""
    said: dict[str, list[str]] = {}
    for text, one in zip(texts, ids, strict=True):
        if text.strip():
            said.setdefault(text, []).append(one)
    piece: dict[str, list[str]] = {}
    characters = 0
    for text, owners in said.items():
        piece[text] = owners
        characters += len(text)
        ends = int(digest_of(text)[:8], 16) % ENDS == 0
        if ends or len(piece) >= TEXTS_A_REQUEST or characters >= CHARACTERS_A_REQUEST:
            yield piece
            piece, characters = {}, 0
    if piece:
        yield piece
