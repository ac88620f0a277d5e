"""Decoding with fixed shapes: every tensor stays where it is, so on a GPU a step is a CUDA graph that is replayed.

Rows and places that nobody needs are computed too; what else is in a batch changes no bit of a row. Shapes: B rows,
T tokens of a head, N tokens that may be written, P = T + N places, V tokens of the vocabulary, M words of 32 bits,
H heads, G key heads, D values per head.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from promptlet.engines._drawing import uniforms
from promptlet.engines.base import COLDEST, Decoding

NAME = "promptlet_static_cache"
_WARMUP_RUNS = 3
"""Runs before a graph is recorded: libraries set themselves up in the first ones."""


def install(model: Any) -> None:
    """Let a transformers model keep its keys and values in the `StaticKVCache` that each call is given."""
    ALL_ATTENTION_FUNCTIONS.register(NAME, _attention)
    ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, lambda *_, **__: None)
    model.set_attn_implementation(NAME)


class StaticKVCache:
    """The keys and values of all rows, and the places of a call's tokens."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._kept: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self.at_T = torch.zeros(0)

    def update(self, layer: int, key_BGTD: torch.Tensor, value_BGTD: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Put new keys and values of a layer at their places; return those of all places, [B, G, P, D]."""
        if layer not in self._kept:
            rows, groups, _, size = key_BGTD.shape
            shape = (rows, groups, self.count, size)
            self._kept[layer] = key_BGTD.new_zeros(shape), value_BGTD.new_zeros(shape)
        keys_BGPD, values_BGPD = self._kept[layer]
        keys_BGPD.index_copy_(2, self.at_T, key_BGTD)
        values_BGPD.index_copy_(2, self.at_T, value_BGTD)
        return keys_BGPD, values_BGPD


def _attention(
    module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, seen_B1TP: torch.Tensor, **others: Any
) -> tuple[torch.Tensor, None]:
    """Attend as transformers asks its attention functions to."""
    cache: StaticKVCache = others["kv_cache"]
    keys, values = cache.update(module.layer_idx, key, value)
    scale, grouped = others.get("scaling"), query.shape[1] != key.shape[1]
    found = scaled_dot_product_attention(query, keys, values, seen_B1TP, scale=scale, enable_gqa=grouped)
    return found.transpose(1, 2), None


class Decoder:
    """A model with room for `rows` rows: `begin` with decodings, then `draw` and `step` in turn."""

    def __init__(self, model: Any, rows: int, head: int, tokens: int, writable: torch.Tensor, end: int) -> None:
        """Make the room, and on a GPU record what a step does.

        Args:
            model: a transformers causal language model on which `install` was called.
            rows: how many; fewer may be used.
            head: most tokens of a head.
            tokens: most tokens to write.
            writable: which tokens may be written at all.
            end: the token that ends a text, and fills heads.
        """
        self.model, self.rows, self.head, self.tokens, self.end = model, rows, head, tokens, end
        self.device, vocabulary = model.device, len(writable)
        self._cache = StaticKVCache(head + tokens)
        self._all_P = torch.arange(head + tokens, device=self.device)
        self._ranks_V = torch.arange(vocabulary, device=self.device)
        self._shifts = torch.arange(32, dtype=torch.int32, device=self.device)
        self._barred_V = torch.zeros(vocabulary, device=self.device).masked_fill_(~writable, -torch.inf)
        self.ids_BT = self._zeros(rows, head, of=torch.long)
        self.attended_BP = self._zeros(rows, head + tokens, of=torch.bool)
        self.bias_BV, self.logits_BV = self._zeros(rows, vocabulary), self._zeros(rows, vocabulary)
        self.bits_BM = self._zeros(rows, (vocabulary + 31) // 32, of=torch.int32)
        self.mask_BV = self._zeros(rows, vocabulary)
        self.how_B4, self.uniform_BN = self._zeros(rows, 4), self._zeros(rows, tokens)
        self.room_B, self.written_BN = self._zeros(rows, of=torch.long), self._zeros(rows, tokens, of=torch.long)
        self.logprobs_BN, self.active_B = self._zeros(rows, tokens), self._zeros(rows, of=torch.bool)
        self.position_B, self.step_1 = self._zeros(rows, of=torch.long), self._zeros(1, of=torch.long)
        self._read_heads = self._recorded(self._heads)
        self.apply_grammar = self._recorded(self._apply_grammar)
        self._draw = {sort: self._recorded(partial(self._choose, sort)) for sort in (False, True)}
        self.step = self._recorded(self._step)
        self.draw = self._draw[False]

    def _zeros(self, *shape: int, of: torch.dtype = torch.float32) -> torch.Tensor:
        return torch.zeros(*shape, dtype=of, device=self.device)

    def begin(self, decodings: Sequence[Decoding]) -> None:
        """Take decodings, at most as many as there are rows, and read their heads."""
        count = len(decodings)
        heads = [list(decoding.head) for decoding in decodings] + [[self.end]] * (self.rows - count)
        # Padding on the left brings all heads to an end at the same place.
        padding_B = torch.tensor([self.head - len(head) for head in heads])
        self.ids_BT.copy_(torch.tensor([[self.end] * (self.head - len(head)) + head for head in heads]))
        self.attended_BP.copy_(torch.arange(self.head + self.tokens) >= padding_B[:, None])
        self.bias_BV.copy_(self._barred_V.expand_as(self.bias_BV))
        for row, decoding in enumerate(decodings):
            for token, bias in decoding.bias:
                self.bias_BV[row, token] += bias
            if decoding.forbidden:
                self.bias_BV[row, list(decoding.forbidden)] = -torch.inf
        how, uniform = zip(
            *((_how(d, self.bias_BV.shape[1]), uniforms(d, self.tokens)) for d in decodings), strict=True
        )
        self.how_B4[:count].copy_(torch.tensor(how))
        self.uniform_BN[:count].copy_(torch.tensor(uniform))
        self.room_B.zero_()
        self.room_B[:count].copy_(torch.tensor([min(decoding.max_tokens, self.tokens) for decoding in decodings]))
        self.active_B.copy_(self.room_B > 0)
        self.step_1.zero_()
        self.mask_BV.zero_()
        self.draw = self._draw[any(d.sampling.top_p < 1 or d.sampling.top_k for d in decodings)]
        self._read_heads()

    def _heads(self) -> None:
        positions_BT = (self.attended_BP[:, : self.head].long().cumsum(1) - 1).clamp(min=0)
        self._cache.at_T = self._all_P[: self.head]
        # Padding sees itself, so that it stays a number.
        seen_BTP = self.attended_BP[:, None] & (self._all_P <= self._cache.at_T[:, None])
        self._forward(self.ids_BT, positions_BT, seen_BTP | (self._all_P == self._cache.at_T[:, None]))
        self.position_B.copy_(positions_BT[:, -1])

    def _step(self) -> None:
        """Read the tokens just drawn."""
        self.position_B += self.active_B  # a row that has ended stays where it is
        self._cache.at_T = self.step_1 + (self.head - 1)
        seen_BP = self.attended_BP & (self._all_P <= self._cache.at_T)
        drawn_B1 = self.written_BN.gather(1, (self.step_1 - 1).expand(self.rows, 1))
        self._forward(drawn_B1, self.position_B[:, None], seen_BP[:, None])

    def _forward(self, ids_BT: torch.Tensor, positions_BT: torch.Tensor, seen_BTP: torch.Tensor) -> None:
        # A mask of four dimensions is taken as it is; without one, transformers looks at the values for what it needs.
        hidden_BTD = self.model.base_model(
            input_ids=ids_BT,
            attention_mask=seen_BTP[:, None],
            position_ids=positions_BT,
            use_cache=False,
            kv_cache=self._cache,
        ).last_hidden_state
        logits_BV = self.model.get_output_embeddings()(hidden_BTD[:, -1])
        self.logits_BV.copy_(logits_BV[:, : self.logits_BV.shape[1]])

    def _apply_grammar(self) -> None:
        """Bar the tokens whose bits are not set: for grammars only, before each draw."""
        bits_BM32 = (self.bits_BM[:, :, None] >> self._shifts) & 1
        allowed_BV = bits_BM32.flatten(1)[:, : self.mask_BV.shape[1]].bool()
        self.mask_BV.zero_().masked_fill_(~allowed_BV, -torch.inf)

    def _choose(self, sort: bool) -> None:
        """Draw a token for each row that still writes, and take it down with its log-probability."""
        scores_BV = self.logits_BV + self.bias_BV + self.mask_BV
        best_B1, likeliest_B1 = scores_BV.max(1, keepdim=True)
        temperature_B1, top_p_B1, top_k_B1, least_B1 = self.how_B4.T[:, :, None]
        tokens_BV = None
        if sort:
            scores_BV, tokens_BV = scores_BV.sort(1, descending=True)
            scores_BV = scores_BV.masked_fill(self._ranks_V >= top_k_B1, -torch.inf)
            shares_BV = scores_BV.softmax(1)
            scores_BV = scores_BV.masked_fill(shares_BV.cumsum(1) - shares_BV >= top_p_B1, -torch.inf)
        behind_BV = scores_BV - best_B1
        weights_BV = (behind_BV / temperature_B1.clamp(min=COLDEST)).exp() * (behind_BV >= least_B1)
        sums_BV = weights_BV.cumsum(1)
        drawn_B1 = self.uniform_BN.gather(1, self.step_1.expand(self.rows, 1)) * sums_BV[:, -1:]
        place_B1 = (sums_BV <= drawn_B1).sum(1, keepdim=True).clamp(max=sums_BV.shape[1] - 1)
        token_B1 = place_B1 if tokens_BV is None else tokens_BV.gather(1, place_B1)
        # Rounding may lead one past the last token with any weight.
        sure_B1 = (temperature_B1 == 0) | (weights_BV.gather(1, place_B1) == 0)
        token_B1 = torch.where(sure_B1, likeliest_B1, token_B1)
        logprob_B1 = self.logits_BV.gather(1, token_B1) - self.logits_BV.logsumexp(1, keepdim=True)
        self.written_BN.index_copy_(1, self.step_1, token_B1)
        self.logprobs_BN.index_copy_(1, self.step_1, logprob_B1)
        self.step_1 += 1
        self.active_B &= (token_B1[:, 0] != self.end) & (self.step_1 < self.room_B)

    def _recorded(self, work: Callable[[], None]) -> Callable[[], None]:
        """Return the work itself, or on a GPU what replays it."""
        if self.device.type != "cuda":
            return work
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARMUP_RUNS):
                self.step_1.fill_(1)
                work()
        torch.cuda.current_stream().wait_stream(stream)
        self.step_1.fill_(1)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            work()
        replay: Callable[[], None] = graph.replay
        return replay


def _how(decoding: Decoding, vocabulary: int) -> list[float]:
    """Return temperature, top-p, top-k and the logarithm of min-p."""
    how = decoding.sampling
    return [how.temperature, how.top_p, how.top_k or vocabulary, math.log(how.min_p) if how.min_p else -math.inf]
