"""The loop: read the common beginning, then the rows' own ends, then write token by token until every row has ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from promptlet.batch_decoding.attention import PrefixCache, install
from promptlet.batch_decoding.sampling import RowSampler, TokenSampling

_READ_AT_ONCE = {"cpu": 1024, "cuda": 65536}
"""Tokens, padding included, of the rows' own beginnings that go through the model together."""
_CROWDED = 0.75
"""Rows that have ended are dropped when no more than this share still writes."""


@dataclass(frozen=True, slots=True)
class WrittenRow:
    """What a row wrote, without the token that ended it."""

    row: int
    tokens: list[int]
    ended: bool
    """Whether it ended by itself; False where `max_tokens` cut it off."""
    likelihood: float
    """Mean natural logarithm of the probability that the model itself, before any rule of drawing, gave each token."""


@dataclass(slots=True)
class _State:
    """The rows that still write: [B] and [B, N] tensors, a row each."""

    cache: PrefixCache
    sampler: RowSampler
    rows: list[int]
    places_B: torch.Tensor
    """Where each row's last token stands among its own."""
    limits_B: torch.Tensor
    """Most tokens that each row may write."""
    hidden_BW: torch.Tensor
    written_BN: torch.Tensor
    likelihood_B: torch.Tensor
    """Sum over what each row has written."""
    live_B: torch.Tensor


class BatchDecoder:
    """A causal language model of transformers, ready to write in batches."""

    def __init__(self, model: Any, stops: Sequence[int], allowed: Sequence[int] | None = None) -> None:
        """Take over a model.

        Args:
            model: a transformers causal language model in evaluation mode, with its output layer in `model.lm_head`.
            stops: tokens that end a row.
            allowed: tokens that may be written, stops included; None allows all. The output layer computes only
                these, which saves a fifth of the work of a small model with a wide vocabulary.
        """
        install(model)
        self.model, self.device = model, model.device
        ids = sorted(allowed) if allowed is not None else list(range(model.lm_head.weight.shape[0]))
        self._ids_V = torch.tensor(ids, device=self.device)
        self._head_VW = model.lm_head.weight.detach()[self._ids_V]
        self._stops_V = torch.isin(self._ids_V, torch.tensor(list(stops), device=self.device))
        assert self._stops_V.any(), stops

    @torch.inference_mode()
    def write(
        self, prompts: Sequence[Sequence[int]], limits: Sequence[int], seeds: Sequence[int], sampling: TokenSampling
    ) -> Iterator[WrittenRow]:
        """Yield what each row wrote, as rows end.

        Args:
            prompts: token ids per row; what all have in common at the beginning is read once.
            limits: most tokens that each row may write.
            seeds: each row's seed.
            sampling: how tokens are drawn.
        """
        state = self._read(prompts, limits, RowSampler(seeds, sampling))
        while state.rows:
            logits_BV = (state.hidden_BW @ self._head_VW.T).float()
            totals_B = logits_BV.logsumexp(1)
            drawn_B = state.sampler.draw(logits_BV, state.written_BN)
            stopped_B = self._stops_V[drawn_B]
            # Drawing may have changed the logits: those of the drawn tokens are computed anew.
            state.likelihood_B += (state.hidden_BW * self._head_VW[drawn_B]).sum(1).float() - totals_B
            state.written_BN = torch.cat([state.written_BN, drawn_B[:, None]], 1)
            full_B = state.written_BN.shape[1] >= state.limits_B
            ended_B = state.live_B & (stopped_B | full_B)
            yield from self._ended(state, ended_B, stopped_B)
            state.live_B &= ~ended_B
            live = int(state.live_B.sum())
            if live <= _CROWDED * len(state.rows):
                drawn_B = drawn_B[state.live_B]
                _drop_ended(state)
            if live:
                self._step(state, drawn_B)

    def _ended(self, state: _State, ended_B: torch.Tensor, stopped_B: torch.Tensor) -> Iterator[WrittenRow]:
        """Yield the rows that have ended; all at once leave the device, where each by itself would wait for it."""
        places = ended_B.nonzero()[:, 0]
        columns = stopped_B[places], state.likelihood_B[places], self._ids_V[state.written_BN[places]]
        for index, stopped, likelihood, tokens in zip(places.tolist(), *(c.tolist() for c in columns), strict=True):
            text = tokens[:-1] if stopped else tokens
            yield WrittenRow(state.rows[index], text, stopped, likelihood / len(tokens))

    def _read(self, prompts: Sequence[Sequence[int]], limits: Sequence[int], sampler: RowSampler) -> _State:
        prefix = _common(prompts)
        own = [prompt[prefix:] for prompt in prompts]
        # Rows that have ended are read on for a while, but nowhere beyond the last place that a row may reach.
        cache = PrefixCache(len(prompts), max(len(rest) + limit for rest, limit in zip(own, limits, strict=True)))
        cache.expect_prefix()
        if prefix:
            self._forward([list(prompts[0][:prefix])], torch.arange(prefix, device=self.device)[None], cache)
        hidden_BW = self._head_VW.new_zeros(len(own), self._head_VW.shape[1])
        for part in _alike(own, _READ_AT_ONCE[self.device.type]):
            lengths_B = torch.tensor([len(own[row]) for row in part], device=self.device)
            longest = int(lengths_B.max())
            places_BT = torch.arange(longest, device=self.device).expand(len(part), -1)
            rows_B = torch.tensor(part, device=self.device)
            cache.expect(places_BT, rows_B)
            padded = [[*own[row], *[0] * (longest - len(own[row]))] for row in part]
            hidden_BTW = self._forward(padded, prefix + places_BT, cache)
            hidden_BW[rows_B] = hidden_BTW[torch.arange(len(part), device=self.device), lengths_B - 1]
        return _State(
            cache,
            sampler,
            list(range(len(own))),
            torch.tensor([len(rest) - 1 for rest in own], device=self.device),
            torch.tensor(limits, device=self.device),
            hidden_BW,
            torch.zeros(len(own), 0, dtype=torch.long, device=self.device),
            torch.zeros(len(own), device=self.device),
            torch.ones(len(own), dtype=torch.bool, device=self.device),
        )

    def _step(self, state: _State, drawn_B: torch.Tensor) -> None:
        """Read the tokens just drawn."""
        state.places_B = (state.places_B + 1).clamp(max=state.cache.places - 1)
        state.cache.expect(state.places_B[:, None])
        positions_BT = state.cache.prefix_length + state.places_B[:, None]
        state.hidden_BW = self._forward(self._ids_V[drawn_B][:, None], positions_BT, state.cache)[:, 0]

    def _forward(self, ids: list[list[int]] | torch.Tensor, positions_BT: torch.Tensor, cache: PrefixCache) -> Any:
        ids_BT = ids if isinstance(ids, torch.Tensor) else torch.tensor(ids, device=self.device)
        return self.model.base_model(
            input_ids=ids_BT, position_ids=positions_BT, prefix_cache=cache, use_cache=False
        ).last_hidden_state


def _drop_ended(state: _State) -> None:
    keep_B = state.live_B.nonzero()[:, 0]
    rows = keep_B.tolist()
    state.cache.keep(keep_B)
    state.sampler.keep(rows)
    state.rows = [state.rows[row] for row in rows]
    state.places_B, state.limits_B = state.places_B[keep_B], state.limits_B[keep_B]
    state.hidden_BW, state.written_BN = state.hidden_BW[keep_B], state.written_BN[keep_B]
    state.likelihood_B, state.live_B = state.likelihood_B[keep_B], state.live_B[keep_B]


def _common(prompts: Sequence[Sequence[int]]) -> int:
    """Return how many tokens all prompts have in common at the beginning, leaving each at least one of its own."""
    first, last = min(map(tuple, prompts)), max(map(tuple, prompts))
    most = min(map(len, prompts)) - 1
    return next((index for index in range(most) if first[index] != last[index]), most)


def _alike(own: Sequence[Sequence[int]], tokens: int) -> Iterator[list[int]]:
    """Yield rows of about the same length, together of at most so many tokens (or one row)."""
    part: list[int] = []
    for row in sorted(range(len(own)), key=lambda row: len(own[row])):
        if part and (len(part) + 1) * len(own[row]) > tokens:
            yield part
            part = []
        part.append(row)
    yield part
