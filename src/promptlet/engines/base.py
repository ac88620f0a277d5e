"""The small door to an engine: token ids in, token ids out, under a grammar."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event
from typing import Self

from promptlet import registry
from promptlet.errors import StoppedError
from promptlet.student.format import Student

COLDEST = 0.01
"""The least temperature that is drawn at. Below it chance has next to no say, vLLM takes it instead, and far below it
logits that are divided by it are no numbers any more."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn. A temperature of 0 takes the likeliest, and so does all below `COLDEST`: it is 0."""

    temperature: float = 0.8
    # `min_p` narrows enough; `top_p` below 1 sorts the whole vocabulary for every token.
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.1

    def __post_init__(self) -> None:
        if self.temperature < COLDEST:
            object.__setattr__(self, "temperature", 0.0)


@dataclass(frozen=True, slots=True)
class Decoding:
    """One piece of text to write."""

    head: tuple[int, ...]
    max_tokens: int
    seed: int
    sampling: Sampling
    grammar: str | None = None
    """GBNF that the text must follow, or None to leave it to the model."""
    forbidden: tuple[int, ...] = ()
    """Tokens that must not be written, besides the controls, which never are."""
    bias: tuple[tuple[int, float], ...] = ()
    """What is added to the logits of tokens before one is drawn."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text written, its tokens, and whether it ended of itself.

    `logprobs` are the natural logarithms of the probabilities that the student gave to the tokens before any rule of
    drawing, that of the end included. A grammar that forbids what the student means to say leaves it only what it holds
    for unlikely.
    """

    text: str
    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finished: bool


class Engine(ABC):
    """Runs one student. The same decoding gives the same text, in any process and whatever was decoded before.

    Threads may call `decode` side by side.
    """

    name: str
    side_by_side: int = 1
    """How many calls of a few texts each are better made at once than one after the other."""

    @classmethod
    @abstractmethod
    def open(cls, student: Student, threads: int | None) -> Self:
        """Return an engine with the student's weights loaded.

        Raises:
            StudentError: if the weights can't be loaded.
        """

    @abstractmethod
    def decode(self, decodings: Sequence[Decoding], stop: Event | None = None) -> list[Decoded]:
        """Return what the student writes for each decoding, in order.

        Raises:
            StoppedError: at the next token after `stop` is set.
        """


def raise_if_stopped(stop: Event | None) -> None:
    """Raise a `StoppedError` if `stop` is set."""
    if stop is not None and stop.is_set():
        raise StoppedError("decoding was stopped")


def engine_class(name: str) -> type[Engine]:
    """Return the engine of this name, to be opened with a student.

    Raises:
        UsageError: if there is none of this name.
        MissingExtraError: if a library that it needs is not installed.
    """
    found: type[Engine] = registry.load("promptlet.engines", name).ENGINE
    return found
