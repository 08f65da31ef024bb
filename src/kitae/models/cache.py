"""Keys and values of many rows in buffers that grow in place, lose rows as they finish and take in new ones.

transformers' own dynamic cache copies everything at every token; on a CPU that costs as much as a small model itself.

All rows share the column that is written next, so a row is right-aligned: its prompt ends where the others' last
tokens are, and columns before its start are hidden from it by the mask. Within a row columns are consecutive, so the
distance of two columns is the distance of their positions, which is all that sliding windows need.

Shapes: R rows, H heads, C columns, D width of a head, Q queries.
"""

import inspect
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

GROWTH_COLUMNS = 64
ATTENTION_KINDS = frozenset({"full_attention", "sliding_attention"})


class RowLayer(CacheLayerMixin):  # type: ignore[misc]
    """One layer: keys and values (R, H, C, D) of which the first `length` columns are in use."""

    is_sliding = False

    def __init__(self, **_: Any) -> None:
        super().__init__()
        self.length = 0

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Make empty buffers like the first keys and values."""
        self.keys = key_states.new_empty((*key_states.shape[:2], 0, key_states.shape[-1]))
        self.values = value_states.new_empty((*value_states.shape[:2], 0, value_states.shape[-1]))
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Append the columns of one forward pass; returns all columns in use."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start, self.length = self.length, self.length + key_states.shape[2]
        if self.length > self.keys.shape[2]:
            self.keys = _grown(self.keys, start, self.length + GROWTH_COLUMNS)
            self.values = _grown(self.values, start, self.length + GROWTH_COLUMNS)
        self.keys[:, :, start : self.length] = key_states
        self.values[:, :, start : self.length] = value_states
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]

    def keep_rows(self, rows: Tensor) -> None:
        """Keep these rows (indices), in this order."""
        self.keys = self.keys[:, :, : self.length].index_select(0, rows)
        self.values = self.values[:, :, : self.length].index_select(0, rows)

    def drop_columns(self, count: int) -> None:
        """Forget the first `count` columns."""
        self.keys, self.values = self.keys[:, :, count:], self.values[:, :, count:]
        self.length -= count

    def crop(self, length: int) -> None:
        """Forget the columns from `length` on."""
        self.length = length

    def put(self, rows: Tensor, other: "RowLayer") -> None:
        """Give these rows the content of another layer's rows, right-aligned."""
        start = self.length - other.length
        self.keys[rows, :, start : self.length] = other.keys[:, :, : other.length]
        self.values[rows, :, start : self.length] = other.values[:, :, : other.length]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Columns that a pass of `query_length` tokens will see, and the first one's number."""
        return self.length + query_length, 0

    def get_seq_length(self) -> int:
        """Columns in use."""
        return self.length

    def get_max_length(self) -> int:
        """No limit."""
        return -1


class RowCache(Cache):  # type: ignore[misc]
    """The cache of a whole model: the same operations on every layer."""

    def __init__(self) -> None:
        super().__init__(layer_class_to_replicate=RowLayer)

    def keep_rows(self, rows: Tensor) -> None:
        """Keep these rows, in this order."""
        for layer in self.layers:
            layer.keep_rows(rows)

    def drop_columns(self, count: int) -> None:
        """Forget the first `count` columns."""
        for layer in self.layers:
            layer.drop_columns(count)

    def crop(self, length: int) -> None:
        """Forget the columns from `length` on."""
        for layer in self.layers:
            layer.crop(length)

    def put(self, rows: Tensor, other: "RowCache") -> None:
        """Give these rows another cache's rows, right-aligned."""
        for mine, theirs in zip(self.layers, other.layers, strict=True):
            mine.put(rows, theirs)


class Forward:
    """A model's forward pass on chosen positions with a mask of our own making."""

    def __init__(self, model: Any) -> None:
        """Look up what this architecture accepts."""
        self.model = model
        self.inner = model.get_base_model() if hasattr(model, "get_base_model") else model
        self.config = self.inner.config.get_text_config()
        self.device = self.inner.device
        self.accepted = frozenset(inspect.signature(self.inner.forward).parameters)
        self.windows = _windows(self.config)

    @property
    def takes_rows(self) -> bool:
        """Whether the model is attention over cached columns throughout: no running state, positions as given."""
        stateful = getattr(self.inner, "_is_stateful", False)
        return set(self.windows) <= ATTENTION_KINDS and "position_ids" in self.accepted and not stateful

    def __call__(self, ids: Tensor, positions: Tensor, visible: Tensor, cache: RowCache, *, last: int | None) -> Tensor:
        """Logits (R, Q or `last`, vocabulary) of `ids` at `positions` (both R x Q).

        `visible` (R, Q, C) says which columns a query may see; every query must see at least one. The distance for
        sliding windows is that of the columns, so the queries are the last columns; see `choose` for other layouts.
        """
        columns = visible.shape[2]
        distance = (
            torch.arange(columns - ids.shape[1], columns, device=self.device)[:, None]
            - torch.arange(columns, device=self.device)[None, :]
        )
        return self.with_distance(ids, positions, visible, distance[None], cache, last=last)

    def with_distance(
        self,
        ids: Tensor,
        positions: Tensor,
        visible: Tensor,
        distance: Tensor,
        cache: RowCache,
        *,
        last: int | None,
    ) -> Tensor:
        """As calling, with the distance in positions between queries and columns (R or 1, Q, C) stated.

        Logits follow the `last` queries only, or all with None.
        """
        masks = {
            kind: self._additive(visible if window is None else visible & (distance < window))
            for kind, window in self.windows.items()
        }
        keep = {"logits_to_keep": last} if last is not None and "logits_to_keep" in self.accepted else {}
        logits: Tensor = self.model(
            input_ids=ids,
            position_ids=positions,
            attention_mask=masks if len(masks) > 1 else next(iter(masks.values())),
            past_key_values=cache,
            use_cache=True,
            **keep,
        ).logits
        return logits if last is None else logits[:, -last:]

    def _additive(self, visible: Tensor) -> Tensor:
        """The mask as numbers to add to the scores: every attention implementation takes that (R, 1, Q, C)."""
        dtype = self.inner.dtype
        mask = torch.zeros(visible.shape, dtype=dtype, device=self.device)
        return mask.masked_fill_(~visible, torch.finfo(dtype).min)[:, None]


def rows_tensor(rows: Iterable[int], device: torch.device) -> Tensor:
    """Row numbers as an index."""
    return torch.tensor(list(rows), dtype=torch.long, device=device)


def _grown(buffer: Tensor, used: int, columns: int) -> Tensor:
    grown = buffer.new_empty((*buffer.shape[:2], columns, buffer.shape[3]))
    grown[:, :, :used] = buffer[:, :, :used]
    return grown


def _windows(config: Any) -> dict[str, int | None]:
    """The sliding window, or None for all columns, of each kind of attention layer that the model has."""
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    if kinds:
        return {kind: window if kind == "sliding_attention" else None for kind in sorted(set(kinds))}
    return {"full_attention": window if getattr(config, "use_sliding_window", True) else None}
