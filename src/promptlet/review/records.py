"""The records of a review: a prompt to be rated, and what a reviewer said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Item:
    """A prompt to be rated, or, where `check` names the kind of anchor, one whose relevance is known."""

    system: str
    task: str
    intents: tuple[str, ...]
    prompt: str
    scores: Mapping[str, float] = field(default_factory=dict)
    """What judges said, by name."""
    check: str | None = None


@dataclass(frozen=True)
class Rating:
    """What a reviewer said of an item; an answer is None until it is given."""

    relevance: int | None = None
    correctness: int | None = None
    comment: str = ""
    time: str = ""
    """Of the last change, in UTC."""

    @property
    def complete(self) -> bool:
        """Whether both questions are answered."""
        return self.relevance is not None and self.correctness is not None


@dataclass(frozen=True)
class Rated:
    """A rating with its reviewer and item."""

    reviewer: str
    number: int
    """The item's."""
    item: Item
    rating: Rating
    deleted: bool
    """Whether the item was taken out of the review; its ratings are kept, and count no more."""
