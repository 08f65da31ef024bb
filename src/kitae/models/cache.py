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

from kitae.models.prompts import first_columns, virtual_tokens

GROWTH_COLUMNS = 64
ATTENTION_KINDS = frozenset({"full_attention", "sliding_attention"})


class RowLayer(CacheLayerMixin):  # type: ignore[misc]
    """One layer: keys and values (R, H, F + C, D) of which `length` columns are in use after the F fixed ones.

    Fixed columns are the same for every row and stand before all others, whatever happens to those: a trained prompt.
    """

    is_sliding = False

    def __init__(self, fixed: tuple[Tensor, Tensor] | None = None, **_: Any) -> None:
        super().__init__()
        self.length = 0
        self.start = fixed
        self.fixed = 0 if fixed is None else fixed[0].shape[2]

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Make buffers like the first keys and values, empty but for the fixed columns."""
        self.keys = key_states.new_empty((*key_states.shape[:2], self.fixed, key_states.shape[-1]))
        self.values = value_states.new_empty((*value_states.shape[:2], self.fixed, value_states.shape[-1]))
        if self.start is not None:
            self.keys[:], self.values[:] = self.start
        self.is_initialized = True

    @property
    def used(self) -> int:
        """Columns in use, the fixed ones included."""
        return self.fixed + self.length

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Append the columns of one forward pass; returns all columns in use."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start = self.used
        self.length += key_states.shape[2]
        if self.used > self.keys.shape[2]:
            self.keys = _grown(self.keys, start, self.used + GROWTH_COLUMNS)
            self.values = _grown(self.values, start, self.used + GROWTH_COLUMNS)
        self.keys[:, :, start : self.used] = key_states
        self.values[:, :, start : self.used] = value_states
        return self.keys[:, :, : self.used], self.values[:, :, : self.used]

    def keep_rows(self, rows: Tensor) -> None:
        """Keep these rows (indices), in this order."""
        self.keys = self.keys[:, :, : self.used].index_select(0, rows)
        self.values = self.values[:, :, : self.used].index_select(0, rows)

    def drop_columns(self, count: int) -> None:
        """Forget the first `count` columns after the fixed ones."""
        if self.fixed:
            # The fixed columns move up to those that stay: one small copy instead of one of everything.
            for buffer in (self.keys, self.values):
                buffer[:, :, count : count + self.fixed] = buffer[:, :, : self.fixed].clone()
        self.keys, self.values = self.keys[:, :, count:], self.values[:, :, count:]
        self.length -= count

    def crop(self, length: int) -> None:
        """Forget the columns from `length` on."""
        self.length = length

    def put(self, rows: Tensor, other: "RowLayer") -> None:
        """Give these rows the content of another layer's rows, right-aligned."""
        start = self.used - other.length
        self.keys[rows, :, start : self.used] = other.keys[:, :, other.fixed : other.used]
        self.values[rows, :, start : self.used] = other.values[:, :, other.fixed : other.used]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Columns that a pass of `query_length` tokens will see, and the first one's number."""
        return self.used + query_length, 0

    def get_seq_length(self) -> int:
        """Columns in use."""
        return self.used

    def get_max_length(self) -> int:
        """No limit."""
        return -1


class RowCache(Cache):  # type: ignore[misc]
    """The cache of a whole model: the same operations on every layer."""

    def __init__(self, fixed: list[tuple[Tensor, Tensor]] | None = None) -> None:
        if fixed is None:
            super().__init__(layer_class_to_replicate=RowLayer)
        else:
            super().__init__(layers=[RowLayer(columns) for columns in fixed])

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
        self.inner = model.get_base_model() if hasattr(model, "get_base_model") else model
        self.asked = model
        """The model as it came, for calls without a cache."""
        self.before = virtual_tokens(model)
        """Columns and positions before every prompt."""
        # With them in the cache the model below PEFT is all that is needed; PEFT would put them there once more.
        self.model = self.inner if self.before else model
        self.config = self.inner.config.get_text_config()
        self.device = self.inner.device
        self.accepted = frozenset(inspect.signature(self.inner.forward).parameters)
        self.windows = _windows(self.config)
        self.fixed = first_columns(model) if self.takes_rows else None

    @property
    def takes_rows(self) -> bool:
        """Whether the model is attention over cached columns throughout: no running state, positions as given."""
        stateful = getattr(self.inner, "_is_stateful", False)
        return set(self.windows) <= ATTENTION_KINDS and "position_ids" in self.accepted and not stateful

    def new_cache(self) -> RowCache:
        """An empty cache for this model."""
        return RowCache(self.fixed)

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
        if self.before:
            positions = positions + self.before
            distance, visible = self._with_fixed(positions, visible, distance)
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

    def _with_fixed(self, positions: Tensor, visible: Tensor, distance: Tensor) -> tuple[Tensor, Tensor]:
        """Distance and visibility with the fixed columns before the others: every query sees them."""
        rows, queries, _ = visible.shape
        seen = visible.new_ones(rows, queries, self.before)
        away = positions[:, :, None] - torch.arange(self.before, device=self.device)
        distance = distance.expand(rows, queries, -1)
        return torch.cat([away, distance], dim=2), torch.cat([seen, visible], dim=2)

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
