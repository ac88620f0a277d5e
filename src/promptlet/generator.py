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
from promptlet.engines.base import Decoded, Decoding, Engine, Sampling
from promptlet.errors import StudentError, UsageError
from promptlet.student.format import Student, default_student, load_student
from promptlet.types import Intent, Intents, Sample, parse_intents

MAX_N = 64
MAX_THREADS = 256
MAX_SEED = 2**32 - 1
_ATTEMPTS = 4
"""Draws per prompt before one that was there already is accepted."""
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
    sampling: Sampling


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
            threads: threads that compute, 1 to 256; None is one per core.

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
        if seed is None:
            seed = secrets.randbelow(MAX_SEED + 1)
        if not 0 <= seed <= MAX_SEED:
            raise UsageError(f"the seed is {seed}; 0 to {MAX_SEED} are allowed")
        wish = _Wish(checked, task, wanted, exact, sampling)
        prompts: list[Prompt] = []
        for index in range(n):
            own = _derive(seed, index) if index else seed
            prompts.append(self._write(wish, own, {prompt.prompt for prompt in prompts}))
        return prompts

    def _write(self, wish: _Wish, seed: int, seen: set[str]) -> Prompt:
        """Return one prompt, drawn again from a derived seed while it repeats one already seen or breaks the count."""
        command = self.student.commands[_WORDS]
        target = command.draw(wish.wanted, seed)
        head = self.student.codec.head(wish.intents, wish.task, {_WORDS: target})
        self.student.check_head(head)
        grammar = command.grammar(target) if wish.exact else None
        room = self.student.description.context - len(head)
        tokens, start = 0, time.perf_counter()
        for attempt in range(_ATTEMPTS):
            decoding = Decoding(tuple(head), room, _derive(seed, attempt), wish.sampling, grammar)
            decoded = self.engine.decode([decoding])[0]
            tokens += decoded.tokens
            sample = Sample(wish.intents, wish.task, decoded.text)
            missed = wish.exact and command.score(range(target, target + 1), sample) != 0
            if not missed and decoded.text not in seen:
                break
        if missed:
            raise StudentError(
                f"no prompt of exactly {target} words in {_ATTEMPTS} attempts; the last: {decoded.text!r}"
            )
        return self._prompt(decoded, sample, target, seed, tokens, time.perf_counter() - start)

    def _prompt(self, decoded: Decoded, sample: Sample, target: int, seed: int, tokens: int, seconds: float) -> Prompt:
        return Prompt(
            prompt=decoded.text,
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
