"""What a teacher's answers take: requests, tokens, time and money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from promptlet.errors import TeacherError


class Price(BaseModel):
    """What a million tokens cost, in any currency."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
    prompt: float = Field(ge=0, allow_inf_nan=False)
    """Of what the teacher reads."""
    completion: float = Field(ge=0, allow_inf_nan=False)
    """Of what it writes."""

    def of(self, prompt: float, completion: float) -> float:
        """Return what so many tokens read and written cost."""
        return (self.prompt * prompt + self.completion * completion) / 1e6


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a whole run takes, judged by a sample of it; `seconds` are those of what is still to be asked."""

    requests: int
    left: int
    sampled: int
    failed: int
    prompt_tokens: float
    completion_tokens: float
    seconds: float
    cost: float | None

    @classmethod
    def of(
        cls,
        requests: int,
        known: Sequence[Mapping[str, Any]],
        sampled: int,
        failed: int,
        seconds: float,
        price: Price | None,
    ) -> Self:
        """Return the estimate.

        Args:
            requests: all of them.
            known: the journal's entries of those that were asked so far, with the sample's.
            sampled: how many of them are the sample's.
            failed: how many of the sample's failed.
            seconds: how long the sample took.
            price: of a million tokens, if it is known.

        Raises:
            TeacherError: if nothing was answered.
        """
        answers = [entry for entry in known if "error" not in entry]
        if not answers:
            why = f", the last one because: {known[-1]['error']}" if known else ""
            raise TeacherError(f"none of {len(known)} requests was answered{why}")
        left, times = requests - len(answers), requests / len(answers)
        prompt = times * sum(answer["prompt_tokens"] for answer in answers)
        completion = times * sum(answer["completion_tokens"] for answer in answers)
        cost = price.of(prompt, completion) if price else None
        return cls(requests, left, sampled, failed, prompt, completion, left * seconds / max(1, sampled), cost)

    def __str__(self) -> str:
        failed = f", {self.failed} of them failed" if self.failed else ""
        rows = {
            "requests": f"{self.requests}, {self.left} of them still to be asked",
            "sample": f"{self.sampled} asked now{failed}; their answers are kept",
            "prompt tokens": f"{self.prompt_tokens:.0f} in all",
            "completion tokens": f"{self.completion_tokens:.0f} in all",
            "time": f"{timedelta(seconds=round(self.seconds))} for what is left",
            "cost": "unknown without synthesize.price" if self.cost is None else f"{self.cost:.4f} in all",
        }
        return "\n".join(f"{name:<19}{value}" for name, value in rows.items())
