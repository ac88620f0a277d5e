"""Who is measured: anything that opens a student and writes a given number of tokens behind given heads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from promptlet.commands import with_defaults
from promptlet.engines.base import Decoding, Sampling
from promptlet.generation import Generator
from promptlet.student.format import GGUF, WEIGHTS, Student, load_student
from promptlet.types import Intent

INTENTS = (Intent("Topic", "birthday party"), Intent("Mood", "festive"))
SUGGESTED_WORDS = 20
_TRANSFORMERS_WEIGHTS = ("torch", "vllm")
"""Engines that read the weights of transformers for every token; the others read the GGUF."""


class Writer(ABC):
    """A contender at work, in a process of its own."""

    @abstractmethod
    def write(self, heads: int, tokens: int, seed: int) -> int:
        """Write exactly `tokens` sampled tokens behind each of so many heads, ends of text forbidden; return how many.

        The model reads the same head as all contenders, and samples at temperature 0.8.
        """

    @abstractmethod
    def suggest(self, prompts: int, seed: int) -> int:
        """Write so many prompts of `SUGGESTED_WORDS` words and return how many tokens that took."""

    def write_exact(self, seed: int) -> int | None:  # noqa: ARG002
        """Write one prompt whose words are counted while decoding; None for who can't. Return its tokens."""
        return None


class Contender(ABC):
    """Who can be measured; it travels to a process of its own, where it is opened."""

    name: str
    weights: int
    """Bytes that are read for every token."""

    @abstractmethod
    def open(self) -> Writer:
        """Return the writer, its model loaded.

        Raises:
            PromptletError: if it can't be used here; the message says why.
        """


@dataclass(frozen=True)
class OurEngine(Contender):
    """One of promptlet's engines.

    Raises:
        StudentError: if the student is damaged; measuring would go on for minutes with the engines that can do without
            what is.
    """

    name: str
    engine: str
    folder: Path
    threads: int | None
    """None is the engine's choice; one that computes elsewhere allows no other."""
    judged: bool = True
    """Whether suggestions are those that users get, the best of several draws; else the first draw of each."""

    def __post_init__(self) -> None:
        student = load_student(self.folder)
        student.file(GGUF)
        if WEIGHTS in student.description.digests and (self.folder / WEIGHTS).exists():
            student.file(WEIGHTS)

    @property
    def weights(self) -> int:  # type: ignore[override] # a field there, found here
        path = self.folder / (WEIGHTS if self.engine in _TRANSFORMERS_WEIGHTS else GGUF)
        return path.stat().st_size if path.exists() else 0

    def open(self) -> Writer:
        return _Ours(Generator.load(self.folder, self.engine, self.threads), self.judged)


class _Ours(Writer):
    def __init__(self, generator: Generator, judged: bool) -> None:
        self.generator, self.judged = generator, judged
        self.task = next(iter(generator.student.tasks))

    def write(self, heads: int, tokens: int, seed: int) -> int:
        return self._decode(heads, tokens, seed, None, forbidden=(self.generator.student.codec.end_id,))

    def write_exact(self, seed: int) -> int:
        return self._exact(1, seed)

    def suggest(self, prompts: int, seed: int) -> int:
        if not self.judged:
            return self._exact(prompts, seed)
        return self.generator.generate(INTENTS, self.task, SUGGESTED_WORDS, prompts, seed)[-1].tokens

    def _exact(self, prompts: int, seed: int) -> int:
        student = self.generator.student
        grammar = student.commands["words"].grammar(SUGGESTED_WORDS)
        return self._decode(prompts, student.description.context, seed, grammar)

    def _decode(self, heads: int, tokens: int, seed: int, grammar: str | None, forbidden: tuple[int, ...] = ()) -> int:
        head = tuple(head_ids(self.generator.student))
        room = min(tokens, self.generator.student.description.context - len(head))
        decodings = [Decoding(head, room, seed + index, Sampling(), grammar, forbidden) for index in range(heads)]
        return sum(len(decoded.ids) for decoded in self.generator.engine.decode(decodings))


def head_ids(student: Student) -> list[int]:
    """Return the token ids of the head that all contenders write behind."""
    values = with_defaults(student.commands, {"words": SUGGESTED_WORDS})
    return student.codec.head(INTENTS, next(iter(student.tasks)), values)
