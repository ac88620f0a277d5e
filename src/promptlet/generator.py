"""From intents and commands to prompts: the one text-level API, under the command line, Python and the server."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from promptlet import registry
from promptlet.commands import with_defaults
from promptlet.curation.checks import Answer, denied, expressed, repetition, truncation
from promptlet.engines.base import Decoded, Decoding, Engine, Sampling
from promptlet.errors import StudentError, UsageError
from promptlet.lemmas import terms
from promptlet.student.format import Student, default_student, load_student
from promptlet.types import Intent, Intents, Sample, parse_intents
from promptlet.vocabulary import load_policy

MAX_N = 64
DEFAULT_DRAWS, MAX_DRAWS = 24, 64
_FORCED = -4.0
"""Logarithm of a chance so small that a token is hardly drawn freely: there the grammar had its way."""
MAX_THREADS = 256
MAX_SEED = 2**32 - 1
_WORDS = "words"


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt and how it came about."""

    prompt: str
    task: str
    target_words: int
    words: int
    intents: tuple[str, ...]
    seed: int
    model: dict[str, str]
    engine: str
    tokens: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return the prompt as JSON values."""
        return asdict(self) | {"intents": list(self.intents)}


@dataclass(frozen=True, slots=True)
class _Wish:
    """A checked request."""

    intents: Intents
    task: str
    wanted: range
    exact: bool
    draws: int
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class _Draw:
    """One text that the student wrote, and what speaks against it."""

    decoded: Decoded
    sample: Sample
    misses: bool
    """Whether it must not be given out: not the number of words that had to be, or a denied term in it."""
    faults: tuple[bool, bool, bool, bool, bool, int]
    """Whether it was there already, repeats itself, has a word that the student was not taught, says what the student
    would not have said but for the grammar, or ends in mid-phrase; and how many intents left no trace in it."""

    @property
    def rank(self) -> tuple[bool, tuple[bool, bool, bool, bool, bool, int], float]:
        """What orders draws from the best to the worst; among equals the least forced is the best."""
        return self.misses, self.faults, -self.decoded.lowest


class Generator:
    """A student with an engine, ready to write."""

    def __init__(self, student: Student, engine: Engine) -> None:
        self.student, self.engine = student, engine

    @classmethod
    def load(cls, student: str | Path | None = None, engine: str = "llamacpp", threads: int | None = None) -> Generator:
        """Return a generator for the student in a folder, or for the one that the package ships.

        Args:
            student: the folder; None is the shipped student.
            engine: the engine's name.
            threads: threads that compute, 1 to 256; None is one for a small student, else one per core.

        Raises:
            StudentError: if the folder can't be used.
            UsageError: if there is no such engine, or for a number of threads that is not allowed.
        """
        if threads is not None and not 1 <= threads <= MAX_THREADS:
            raise UsageError(f"threads is {threads}; 1 to {MAX_THREADS} are allowed")
        loaded = load_student(Path(student) if student else default_student())
        return cls(loaded, registry.load("promptlet.engines", engine).ENGINE.open(loaded, threads))

    def generate(
        self,
        intents: str | Iterable[str | Intent | tuple[str, str]],
        task: str = "t2i",
        words: int | str = 20,
        n: int = 1,
        seed: int | None = None,
        exact: bool = True,
        draws: int = DEFAULT_DRAWS,
        sampling: Sampling = Sampling(),  # noqa: B008 (frozen)
    ) -> list[Prompt]:
        """Return `n` prompts that differ from each other, as far as the student can make them.

        Args:
            intents: free text, or ``Kind: value`` strings, pairs or intents.
            task: the kind of prompt.
            words: a number, or a range such as ``"10-20"`` from which each prompt draws its own number.
            n: how many prompts, 1 to 64.
            seed: 0 to 2**32 - 1; the same seed gives the same prompts, and n=4 begins with those of n=1. Each prompt
                has a seed of its own, with which it can be had alone.
            exact: whether the number of words is enforced while decoding.
            draws: how often a prompt with a fault may be drawn, 1 to 64; the best is taken. Faults are: it was there
                already, it repeats itself, it has a word that the student was not taught, the count was forced on it,
                it ends in mid-phrase, it leaves out intents.
            sampling: how tokens are drawn.

        Raises:
            UsageError: for a value that is not allowed; it says what is.
        """
        checked = parse_intents(intents)
        if task not in self.student.description.tasks:
            raise UsageError(registry.unknown("task", task, self.student.description.tasks))
        wanted = self.student.commands[_WORDS].parse(words)
        if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MAX_N:
            raise UsageError(f"n is {n}; 1 to {MAX_N} are allowed")
        if not 1 <= draws <= MAX_DRAWS:
            raise UsageError(f"draws is {draws}; 1 to {MAX_DRAWS} are allowed")
        if seed is None:
            seed = secrets.randbelow(MAX_SEED + 1)
        if not 0 <= seed <= MAX_SEED:
            raise UsageError(f"the seed is {seed}; 0 to {MAX_SEED} are allowed")
        wish = _Wish(checked, task, wanted, exact, draws, sampling)
        prompts: list[Prompt] = []
        for index in range(n):
            own = _derive(seed, index) if index else seed
            prompts.append(self._write(wish, own, {prompt.prompt for prompt in prompts}))
        return prompts

    def _write(self, wish: _Wish, seed: int, seen: set[str]) -> Prompt:
        """Return the best of several draws from seeds derived from `seed`; the first without fault ends the drawing."""
        command = self.student.commands[_WORDS]
        target = command.draw(wish.wanted, seed)
        values = with_defaults(self.student.commands, {_WORDS: target})
        head = self.student.codec.head(wish.intents, wish.task, values)
        self.student.check_head(head)
        tokens, start = 0, time.perf_counter()
        best: _Draw | None = None
        for attempt in range(wish.draws):
            draw = self._draw(wish, target, head, _derive(seed, attempt), seen)
            tokens += draw.decoded.tokens
            if best is None or draw.rank < best.rank:
                best = draw
            if not best.misses and not any(best.faults):
                break
        assert best is not None
        if best.misses:
            raise StudentError(
                f"no prompt of {target} words without a denied term in {wish.draws} draws; "
                f"the last: {draw.decoded.text!r}"
            )
        return self._prompt(best, target, seed, tokens, time.perf_counter() - start)

    def _draw(self, wish: _Wish, target: int, head: list[int], seed: int, seen: set[str]) -> _Draw:
        command = self.student.commands[_WORDS]
        grammar = command.grammar(target) if wish.exact else None
        room = self.student.description.context - len(head)
        decoded = self.engine.decode([Decoding(tuple(head), room, seed, wish.sampling, grammar)])[0]
        sample = Sample(wish.intents, wish.task, decoded.text)
        answer = Answer.of(sample, load_policy())
        wrong_length = wish.exact and command.score(range(target, target + 1), sample) != 0
        faults = (
            decoded.text in seen,
            repetition(answer) is not None,
            not self.student.words.union(*(terms(intent.value) for intent in wish.intents)).issuperset(answer.terms),
            decoded.lowest < _FORCED,
            truncation(answer) is not None,
            len(wish.intents) - len(expressed(wish.intents, answer.terms)),
        )
        return _Draw(decoded, sample, wrong_length or denied(answer) is not None, faults)

    def _prompt(self, draw: _Draw, target: int, seed: int, tokens: int, seconds: float) -> Prompt:
        sample = draw.sample
        return Prompt(
            prompt=sample.prompt,
            task=sample.task,
            target_words=target,
            words=self.student.commands[_WORDS].measure(sample),
            intents=tuple(map(str, sample.intents)),
            seed=seed,
            model={"name": self.student.description.name, "digest": self.student.digest},
            engine=self.engine.name,
            tokens=tokens,
            seconds=round(seconds, 6),
        )


def _derive(seed: int, index: int) -> int:
    """Return a seed of 32 bits for the index-th of several things that come from one seed."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{index}".encode(), digest_size=4).digest(), "big")
