"""Settings of rounds, free of torch so that recipes load without it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from promptlet.student.config import LoopConfig, defaulting

OWN = "own"
"""The folder of what a round learns from of the student's own, and of the rejects."""
_LOOP: dict[str, Any] = {"steps": 200, "learning_rate": 3e-4, "warmup": 20}


class RoundConfig(BaseModel):
    """How a student learns from itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
    prompts: int = Field(default=4000, ge=10, le=100_000_000)
    """Prompts that the student writes in a round."""
    temperature: float = Field(default=0.8, gt=0, le=2)
    """At which it writes them: as it is asked, for how far it is off depends on it (docs/experiments.md)."""
    share: float = Field(default=0.3, gt=0, lt=1)
    """Share of its own prompts among the samples of a round; the rest are the teacher's."""
    replay: float = Field(default=1.0, ge=0, le=1)
    """Share of its prompts of earlier rounds that it sees again."""
    wishes: int = Field(default=400, ge=10, le=100_000)
    """Held-out wishes on which a round is judged."""
    loop: Annotated[LoopConfig, defaulting(_LOOP)] = LoopConfig(**_LOOP)
    """How it learns in a round; what its last step leaves is judged."""
