"""A student with an engine, ready to write: requests in, prompts out."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any, TypedDict, Unpack

from promptlet.commands.words import Words, count_words
from promptlet.engines.base import Decoded, Decoding, Engine, engine_class
from promptlet.errors import NoPromptError, UsageError
from promptlet.generation.plan import Draft, Plan
from promptlet.generation.ranking import Candidate, Picks
from promptlet.generation.request import Request
from promptlet.student.format import Student, default_student, load_student
from promptlet.types import Intent

MAX_THREADS = 256
_ROUND = 4
"""Texts that are drawn together. Drawing ends with the round in which a text without fault is found."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt and how it came about."""

    prompt: str
    task: str
    target_words: int | None
    words: int
    intents: tuple[str, ...]
    seed: int
    """With it, and one candidate, this prompt can be had alone, if it is `repeatable`."""
    model: dict[str, str]
    engine: str
    tokens: int
    """Tokens that were drawn for the request until this prompt was there; likewise `seconds` and `candidates`."""
    seconds: float
    candidates: int
    commands: dict[str, int]
    """What was asked of each command."""
    adherence: dict[str, int]
    """By command that needs no judge, how far the prompt misses what was asked: 0 if it obeys."""
    coverage: dict[str, float]
    """How much of each intent the prompt says, from 0 to 1."""
    relevance: float
    """The mean coverage, in which the topic counts twice."""
    kept: tuple[str, ...]
    banned: tuple[str, ...]
    """Terms that it does not say, those among them that free text did not want."""
    insisted: tuple[str, ...]
    """Values of intents that the student was made to write, for most texts before left them out."""
    repeatable: bool
    """Whether its `seed` and one candidate give it again. What was drawn after intents were insisted on, or kept terms
    put between commas, depends on the draws before it, and only the request's own seed gives it again."""
    untaught: tuple[str, ...]
    """Words of the wish that the student was not taught: they stand in the prompt where there is room, and are not
    understood. If all are, what else it says is about anything."""
    log_probability: float
    """Natural logarithm of the probability that the student gave this text."""

    def to_dict(self) -> dict[str, Any]:
        """Return the prompt as JSON values."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


class Options(TypedDict, total=False):
    """What may be asked for beside intents, task, words, number and seed; `Request` says what it means."""

    relevance: int | str
    exact: bool
    candidates: int
    keep: list[str] | tuple[str, ...]
    ban: list[str] | tuple[str, ...]
    temperature: float
    top_p: float
    top_k: int
    min_p: float
    logit_bias: Mapping[int, float]


class Generator:
    """A student with an engine, ready to write."""

    def __init__(self, student: Student, engine: Engine) -> None:
        self.student, self.engine, self._process = student, engine, os.getpid()

    @classmethod
    def load(cls, student: str | Path | None = None, engine: str = "llamacpp", threads: int | None = None) -> Generator:
        """Return a generator for the student in a folder, or for the one that the package ships.

        Args:
            student: the folder; None is the shipped student.
            engine: the engine's name.
            threads: threads that compute, 1 to 256; None is the engine's choice.

        Raises:
            StudentError: if the folder can't be used.
            UsageError: if there is no such engine, or for a number of threads that is not allowed.
            MissingExtraError: if the engine needs a library that is not installed.
            EngineError: if the engine's server can't be reached.
        """
        check_threads(threads)
        opener = engine_class(engine)
        loaded = load_student(Path(student) if student else default_student())
        return cls(loaded, opener.open(loaded, threads))

    def generate(
        self,
        intents: str | Iterable[str | Intent | tuple[str, str]],
        task: str = "t2i",
        words: int | str | None = None,
        n: int = 1,
        seed: int | None = None,
        **options: Unpack[Options],
    ) -> list[Prompt]:
        """Return `n` prompts that differ from each other; fewer if the student has no more to give.

        Args:
            intents: free text, or ``Kind: value`` strings, pairs or intents.
            task: the kind of prompt.
            words: a number, or a range such as ``"10-20"`` from which each prompt draws its own; None is 20.
            n: how many prompts.
            seed: the same seed gives the same prompts, and n=4 begins with those of n=1.
            options: what else a `Request` has. Commands of a student of your own are asked for in a `Request`.

        Raises:
            UsageError: for a value that is not allowed; it says what is.
            NoPromptError: if no candidate does what must be done.
            EngineError: if the engine's server is gone.
        """
        if isinstance(intents, Request):
            raise UsageError("intents: a Request holds more than intents; stream(request) takes it", "intents")
        values = {"intents": intents, "task": task, "words": words, "n": n, "seed": seed, **options}
        return list(self.stream(Request.of(values)))

    def stream(self, request: Request, stop: Event | None = None) -> Iterator[Prompt]:
        """Return an iterator over the prompts of a request, which come as they are found.

        Once `stop` is set, the iterator raises `StoppedError` at the next token.

        Raises:
            UsageError: at once, for what this student can't be asked for, or in a process that was forked since.
        """
        if os.getpid() != self._process:  # an engine's threads do not follow, and who asks it would wait for ever
            raise UsageError("this generator was loaded before the process was forked; load one in each process")
        return self._write(Plan.of(request, self.student), stop)

    def _write(self, plan: Plan, stop: Event | None) -> Iterator[Prompt]:
        """Yield prompts: for each, rounds of candidates are drawn until one is without fault or enough were drawn."""
        request, start = plan.request, time.perf_counter()
        seed = secrets.randbelow(2**32) if request.seed is None else request.seed
        same: dict[Decoding, Decoded] = {}
        pool: list[Candidate] = []
        ahead: list[Candidate] = []
        picks = Picks()
        while len(picks.picked) < request.n:
            most = request.candidates * (len(picks.picked) + 1)
            best = picks.best()
            while len(pool) < most and (best is None or any(best.faults)):
                if len(pool) >= _ROUND < request.candidates and (firmer := plan.insisting(pool)) is not plan:
                    plan, ahead = firmer, []
                count = min(_ROUND, most - len(pool))
                if len(ahead) < count:
                    # No fewer candidates than prompts are needed in any case, and together they are drawn sooner.
                    known = len(pool) + len(ahead)
                    more = max(count - len(ahead), min(_ROUND, request.n - known))
                    drafts = [plan.draft(derive(seed, index), index) for index in range(known, known + more)]
                    ahead += self._draw(plan, drafts, same, stop)
                pool += ahead[:count]
                picks.add(ahead[:count])
                del ahead[:count]
                best = picks.best()
            if best is None:
                break
            picks.take(best)
            yield self._prompt(plan, best, pool, time.perf_counter() - start)
        if not picks.picked:
            last = pool[-1].rejection
            assert last is not None, "what has none is picked"
            raise NoPromptError(len(pool), last)

    def _draw(
        self, plan: Plan, drafts: list[Draft], same: dict[Decoding, Decoded], stop: Event | None
    ) -> list[Candidate]:
        """Return a candidate per draft; `same` remembers texts in which no seed has a say."""
        if not plan.request.greedy:
            written = self.engine.decode([draft.decoding for draft in drafts], stop)
            return list(map(plan.judge, drafts, written))
        drafted = [replace(draft.decoding, seed=0) for draft in drafts]
        missing = [each for each in dict.fromkeys(drafted) if each not in same]
        same.update(zip(missing, self.engine.decode(missing, stop) if missing else (), strict=True))
        return [plan.judge(draft, same[each]) for draft, each in zip(drafts, drafted, strict=True)]

    def _prompt(self, plan: Plan, best: Candidate, pool: list[Candidate], seconds: float) -> Prompt:
        return Prompt(
            prompt=best.prompt,
            task=plan.request.task,
            target_words=best.values.get(Words.name),
            words=count_words(best.prompt),
            intents=tuple(map(str, plan.request.intents)),
            seed=best.seed,
            model={"name": self.student.description.name, "digest": self.student.digest},
            engine=self.engine.name,
            tokens=sum(each.tokens for each in pool),
            seconds=round(seconds, 6),
            candidates=len(pool),
            commands=best.values,
            adherence=best.adherence,
            coverage=dict(zip(map(str, plan.request.intents), best.coverage, strict=True)),
            relevance=best.relevance,
            kept=plan.kept.raw,
            banned=plan.request.ban,
            insisted=best.insisted,
            repeatable=best.repeatable,
            untaught=plan.untaught,
            log_probability=best.log_probability,
        )


def check_threads(threads: int | None) -> None:
    """Raise a `UsageError` for a number of threads that is not allowed; None is the engine's choice."""
    if threads is not None and not 1 <= threads <= MAX_THREADS:
        raise UsageError(f"threads is {threads}; 1 to {MAX_THREADS} are allowed")


def derive(seed: int, index: int) -> int:
    """Return the seed of the index-th candidate of a request; the first has the request's own."""
    if index == 0:
        return seed
    return int.from_bytes(hashlib.blake2b(f"{seed}:{index}".encode(), digest_size=4).digest(), "big")
