"""What a teacher's answers take: requests, tokens, time and money, before a run and after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_TOKENS_PER_PRICE = 1_000_000


class Price(BaseModel):
    """What a million tokens cost, in any currency."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    prompt: float = Field(ge=0)
    completion: float = Field(ge=0)

    def of(self, tokens: Tokens) -> float:
        """Return what so many tokens cost."""
        return (self.prompt * tokens.prompt + self.completion * tokens.completion) / _TOKENS_PER_PRICE


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens that were read and written."""

    prompt: float = 0
    completion: float = 0

    @classmethod
    def of(cls, answers: Iterable[Mapping[str, Any]]) -> Tokens:
        """Return the sum over journal entries; failed ones count nothing."""
        prompt = completion = 0
        for answer in answers:
            prompt += answer.get("prompt_tokens", 0)
            completion += answer.get("completion_tokens", 0)
        return cls(prompt, completion)

    def with_more(self, other: Tokens, times: float) -> Tokens:
        """Return these and `times` others."""
        return Tokens(self.prompt + times * other.prompt, self.completion + times * other.completion)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a whole run will have taken, judged by a sample of it; `seconds` is for what is still to be asked."""

    requests: int
    answered: int
    sampled: int
    failed: int
    tokens: Tokens
    seconds: float
    price: Price | None

    def __str__(self) -> str:
        cost = f"{self.price.of(self.tokens):.4f}" if self.price else "unknown: give synthesize.price"
        left = self.requests - self.answered - self.failed
        failed = f", {self.failed} of them failed" if self.failed else ""
        return "\n".join(
            [
                f"requests           {self.requests}, {left} of them still to be asked",
                f"sample             {self.sampled} requests asked now{failed}; their answers are kept",
                f"prompt tokens      {self.tokens.prompt:.0f} in all",
                f"completion tokens  {self.tokens.completion:.0f} in all",
                f"time               {timedelta(seconds=round(self.seconds))} for what is left",
                f"cost               {cost}",
            ]
        )


def estimate(
    requests: int, before: Tokens, answered: int, sample: list[dict[str, Any]], seconds: float, price: Price | None
) -> Estimate:
    """Return what `requests` requests take.

    Args:
        requests: all of them.
        before: tokens of those answered before the sample.
        answered: how many those are.
        sample: journal entries of the sample, asked in `seconds`.
        seconds: how long it took.
        price: of a million tokens, if it is known.
    """
    failed = sum("error" in entry for entry in sample)
    good = len(sample) - failed
    left = requests - answered - good
    tokens = before.with_more(Tokens.of(sample), 1 + (left / good if good else 0))
    rest = (requests - answered - len(sample)) * seconds / max(len(sample), 1)
    return Estimate(requests, answered + good, len(sample), failed, tokens, rest, price)
