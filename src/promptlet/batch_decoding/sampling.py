"""Drawing the next token of many rows at once, each row from its own seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class TokenSampling:
    """How tokens are drawn, in this order."""

    repeat_penalty: float = 1.0
    """Divides the score of tokens that the row has written (multiplies it, where it is negative)."""
    no_repeat: int = 0
    """Length of the runs of tokens that a row may not write twice; 0 allows all."""
    top_k: int = 64
    min_p: float = 0.0
    """Tokens less likely than this share of the likeliest are not drawn."""
    temperature: float = 1.0
    """0 takes the likeliest."""
    top_p: float = 1.0


class RowSampler:
    """Draws for rows that each have a seed; B rows, V tokens, N tokens written so far, K candidates."""

    def __init__(self, seeds: Sequence[int], sampling: TokenSampling) -> None:
        self._rngs = [random.Random(seed) for seed in seeds]
        self.sampling = sampling

    def keep(self, rows: Sequence[int]) -> None:
        """Forget all rows but these."""
        self._rngs = [self._rngs[row] for row in rows]

    def draw(self, logits_BV: torch.Tensor, written_BN: torch.Tensor) -> torch.Tensor:
        """Return one token per row, [B]; `logits_BV` is changed."""
        how = self.sampling
        if written_BN.shape[1]:
            self._discourage(logits_BV, written_BN)
        top_BK, tokens_BK = logits_BV.topk(min(how.top_k, logits_BV.shape[1]), dim=1)
        if how.temperature == 0:
            return tokens_BK[:, 0]
        top_BK = top_BK.float()
        if how.min_p > 0:
            least_B1 = top_BK[:, :1] + torch.log(torch.tensor(how.min_p))
            top_BK = top_BK.masked_fill(top_BK < least_B1, -torch.inf)
        sums_BK = (top_BK / how.temperature).softmax(1).cumsum(1)
        # The token at which the sum passes `top_p` is the last that may be drawn.
        whole_B1 = sums_BK.gather(1, (sums_BK < how.top_p).sum(1, keepdim=True).clamp(max=sums_BK.shape[1] - 1))
        uniform_B1 = torch.tensor([[rng.random()] for rng in self._rngs], device=logits_BV.device)
        place_B1 = (sums_BK <= uniform_B1 * whole_B1).sum(1, keepdim=True).clamp(max=sums_BK.shape[1] - 1)
        return tokens_BK.gather(1, place_B1)[:, 0]

    def _discourage(self, logits_BV: torch.Tensor, written_BN: torch.Tensor) -> None:
        penalty, run = self.sampling.repeat_penalty, self.sampling.no_repeat
        if penalty != 1:
            scores_BN = logits_BV.gather(1, written_BN)
            logits_BV.scatter_(1, written_BN, torch.where(scores_BN > 0, scores_BN / penalty, scores_BN * penalty))
        if run and written_BN.shape[1] >= run:
            runs_BMR = written_BN.unfold(1, run, 1)
            last_BR = written_BN[:, written_BN.shape[1] - run + 1 :]
            again_BM = (runs_BMR[:, :, :-1] == last_BR[:, None]).all(2)
            rows, places = again_BM.nonzero(as_tuple=True)
            logits_BV[rows, runs_BMR[rows, places, -1]] = -torch.inf
