"""Attention over a prefix that all rows share, and over what each row has of its own (cascade attention).

Registered with transformers under `NAME`, so any model that picks its attention there can use it as it is. Shapes:
B rows, H heads, G key heads, T new tokens, P prefix tokens, L places of a row's own, D values per head.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

NAME = "promptlet_shared_prefix"
_NEVER = -1e9
"""Added to the score of a place that must not be seen; finite, so that rows of padding stay numbers."""


class PrefixCache:
    """The keys and values of a prefix, and places for those of `rows` rows.

    Fill it with three kinds of calls to the model, each announced by a method: the prefix alone, the rows' own
    beginnings (padded on the right), then one token per row at a time.
    """

    def __init__(self, rows: int, places: int) -> None:
        self.rows, self.places = rows, places
        self._prefix: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._own: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._at: tuple[torch.Tensor | slice, torch.Tensor] | None = None
        self._seen = torch.zeros(())
        self._length = 0

    @property
    def prefix_length(self) -> int:
        """Tokens of the prefix; 0 if there is none."""
        return self._prefix[0][0].shape[1] if self._prefix else 0

    def expect_prefix(self) -> None:
        """Announce the prefix, as a batch of one."""
        self._at = None

    def expect(self, places_BT: torch.Tensor, rows_B: torch.Tensor | None = None) -> None:
        """Announce tokens for these places of these rows, or of all; each sees its row's places up to its own."""
        self._length = int(places_BT.max()) + 1
        assert self._length <= self.places, (self._length, self.places)
        self._at = slice(None) if rows_B is None else rows_B, places_BT
        all_places = torch.arange(self._length, device=places_BT.device)
        self._seen = torch.where(all_places <= places_BT[:, :, None], 0.0, _NEVER)[:, None, None]

    def keep(self, rows_B: torch.Tensor) -> None:
        """Drop all rows but these."""
        self.rows = len(rows_B)
        self._own = {layer: (keys[rows_B], values[rows_B]) for layer, (keys, values) in self._own.items()}

    def attend(
        self, layer: int, query_BHTD: torch.Tensor, key_BGTD: torch.Tensor, value_BGTD: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Store the new keys and values of a layer; return what the queries find, [B, H, T, D]."""
        if self._at is None:
            self._prefix[layer] = key_BGTD[0], value_BGTD[0]
            return scaled_dot_product_attention(
                query_BHTD, key_BGTD, value_BGTD, is_causal=True, scale=scale, enable_gqa=True
            )
        keys, values = self._store(layer, key_BGTD, value_BGTD)
        none = key_BGTD[0, :, :0]
        prefix_keys, prefix_values = self._prefix.get(layer, (none, none))
        rows, heads, new, size = query_BHTD.shape
        groups, prefix = prefix_keys.shape[:2]
        together = rows * (heads // groups) * new

        def as_one(by_row: torch.Tensor) -> torch.Tensor:
            return by_row.transpose(0, 1).reshape(groups, together, -1)

        def as_rows(by_group: torch.Tensor) -> torch.Tensor:
            return by_group.view(groups, rows, together // rows, -1).transpose(0, 1)

        query = query_BHTD.reshape(rows, groups, -1, size) * scale
        on_prefix = as_rows(as_one(query) @ prefix_keys.transpose(1, 2))
        on_own = (query @ keys.transpose(2, 3)).view(rows, groups, -1, new, self._length) + self._seen
        weights = torch.cat([on_prefix, on_own.view(rows, groups, -1, self._length)], -1).float().softmax(-1)
        weights = weights.to(query.dtype)
        found = as_rows(as_one(weights[..., :prefix]) @ prefix_values) + weights[..., prefix:] @ values
        return found.reshape(rows, heads, new, size)

    def _store(self, layer: int, key_BGTD: torch.Tensor, value_BGTD: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Put new keys and values at the announced places; return those of the announced rows, [B, G, L, D]."""
        assert self._at is not None
        rows_B, places_BT = self._at
        if layer not in self._own:
            shape = (self.rows, key_BGTD.shape[1], self.places, key_BGTD.shape[3])
            self._own[layer] = key_BGTD.new_zeros(shape), value_BGTD.new_zeros(shape)
        both = self._own[layer]
        every_B = torch.arange(self.rows, device=places_BT.device)[rows_B]
        for kept, new in zip(both, (key_BGTD, value_BGTD), strict=True):
            kept[every_B[:, None], :, places_BT] = new.transpose(1, 2)
        return both[0][rows_B, :, : self._length], both[1][rows_B, :, : self._length]


def _attention(
    module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, _mask: None, **others: Any
) -> tuple[torch.Tensor, None]:
    """Attend as transformers asks its attention functions to."""
    cache: PrefixCache = others["prefix_cache"]
    scale = others.get("scaling") or query.shape[-1] ** -0.5
    return cache.attend(module.layer_idx, query, key, value, scale).transpose(1, 2), None


def install(model: Any) -> None:
    """Let a transformers model attend this way; each call then needs a `prefix_cache`."""
    ALL_ATTENTION_FUNCTIONS.register(NAME, _attention)
    ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, lambda *_, **__: None)
    model.set_attn_implementation(NAME)
