"""What a command is: the one place that knows how a property of a prompt is measured, asked for and judged.

Upside-down reinforcement learning (paper, section 3.2) turns an outcome into an input. The same class labels the
training data in hindsight, gives the tokenizer its tokens, reads what a user asks for, and scores obedience.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from promptlet import registry
from promptlet.errors import UsageError
from promptlet.types import Sample


@dataclass(frozen=True, slots=True)
class Placed:
    """A text that must stand in a prompt, with at most `latest` words before it; a loose one may begin a sentence."""

    text: str
    latest: int
    loose: bool = False


class Command(ABC):
    """A measurable property with one special token per value. Values are small integers."""

    name: ClassVar[str]
    judged: ClassVar[bool] = False
    """Whether measuring a prompt takes the scores that a judge gave it."""
    ranged: ClassVar[bool] = False
    """Whether a range of values may be asked for, as in "10-20"."""

    @classmethod
    @abstractmethod
    def make(cls, settings: Mapping[str, Any]) -> Self:
        """Return the command as a recipe or a student's folder describes it.

        Raises:
            UsageError: for a setting that is unknown or out of range.
        """

    @classmethod
    def refuse_unknown(cls, settings: Mapping[str, Any], known: Sequence[str]) -> None:
        """Refuse settings that `make` knows nothing of.

        Raises:
            UsageError: naming one, and those there are.
        """
        for name in settings:
            if name not in known:
                raise UsageError(f"the command {cls.name}: {registry.unknown('setting', name, known)}")

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return what `make` needs to build this command again."""

    def fitted(self, samples: Iterable[Sample]) -> Self:  # noqa: ARG002
        """Return the command with what it takes from the samples that a student is trained on; most take nothing."""
        return self

    def default(self) -> int | None:
        """Return the value that is asked for when a user names none, or None where there is no best one."""
        return None

    @abstractmethod
    def values(self) -> range:
        """Return the values that can be asked for."""

    @abstractmethod
    def measure(self, sample: Sample) -> int:
        """Return the value that the sample's prompt achieves, whether or not it can be asked for."""

    @abstractmethod
    def tokens(self) -> list[str]:
        """Return all special tokens of this command."""

    @abstractmethod
    def encode(self, value: int) -> str:
        """Return the special token of one value."""

    @abstractmethod
    def parse(self, raw: object) -> range:
        """Return the values that satisfy what a user asked for.

        Raises:
            UsageError: naming the value and what is allowed.
        """

    def score(self, wanted: int, sample: Sample) -> int:
        """Return how far the sample misses a value: 0 if it obeys, below 0 for too little, above 0 for too much."""
        return self.measure(sample) - wanted

    def draw(self, wanted: range, seed: int) -> int:
        """Return one of the wanted values, the same for the same seed."""
        return random.Random(f"{self.name}:{seed}").choice(wanted)

    def grammar(self, value: int | None, placed: Sequence[Placed] = (), words_before: int = 0) -> str | None:  # noqa: ARG002
        """Return a GBNF grammar of the texts that have this value (None: any) and hold the placed texts, in order.

        With `words_before` it is of what comes after so many words of a text.

        None if decoding can't enforce it.
        """
        return None
