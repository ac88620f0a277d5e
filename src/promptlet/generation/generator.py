"""A student with an engine, ready to write: requests in, prompts out."""

from __future__ import annotations

import hashlib
import random
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from promptlet import registry
from promptlet.commands.words import count_words
from promptlet.curation.checks import Answer, repetition, truncation
from promptlet.engines.base import Decoded, Decoding, Engine
from promptlet.errors import StudentError, UsageError
from promptlet.generation.ranking import Candidate, coverage, pick
from promptlet.generation.request import Request
from promptlet.generation.terms import Banned, Kept, Term, placed, spans, word_tokens
from promptlet.judges.words import mean
from promptlet.lemmas import terms
from promptlet.student.format import Student, default_student, load_student
from promptlet.types import MAX_INTENTS, Intent, Sample
from promptlet.vocabulary import load_policy

MAX_THREADS = 256
DEFAULT_WORDS = 20
_ROUND = 8
"""Texts that are drawn together. Drawing ends with the round in which a text without fault is found."""
_WORDS = "words"


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt and how it came about."""

    prompt: str
    task: str
    target_words: int | None
    words: int
    intents: tuple[str, ...]
    seed: int
    """With it, and one candidate, this prompt can be had alone."""
    model: dict[str, str]
    engine: str
    tokens: int
    """Tokens that were drawn for the request until this prompt was there; likewise `seconds` and `candidates`."""
    seconds: float
    candidates: int
    commands: dict[str, int]
    """What was asked of each command."""
    adherence: dict[str, int]
    """By command, how far the prompt misses what was asked: 0 if it obeys."""
    coverage: dict[str, float]
    """How much of each intent the prompt says, from 0 to 1."""
    relevance: float
    """The mean coverage, in which the topic counts twice."""
    kept: tuple[str, ...]
    log_probability: float
    """Natural logarithm of the chance that the student gave this text."""

    def to_dict(self) -> dict[str, Any]:
        """Return the prompt as JSON values."""
        return asdict(self) | {"intents": list(self.intents), "kept": list(self.kept)}


@dataclass(frozen=True)
class _Plan:
    """A request that was checked against the student."""

    request: Request
    wanted: dict[str, range]
    kept: Kept
    banned: Banned
    never: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Draft:
    """A candidate that is yet to be written."""

    seed: int
    values: dict[str, int]
    order: tuple[Term, ...]
    decoding: Decoding


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
            threads: threads that compute, 1 to 256; None is the engine's choice.

        Raises:
            StudentError: if the folder can't be used.
            UsageError: if there is no such engine, or for a number of threads that is not allowed.
        """
        if threads is not None and not 1 <= threads <= MAX_THREADS:
            raise UsageError(f"threads is {threads}; 1 to {MAX_THREADS} are allowed")
        opener = registry.load("promptlet.engines", engine).ENGINE
        loaded = load_student(Path(student) if student else default_student())
        return cls(loaded, opener.open(loaded, threads))

    def generate(
        self,
        intents: str | Iterable[str | Intent | tuple[str, str]],
        task: str = "t2i",
        words: int | str | None = None,
        n: int = 1,
        seed: int | None = None,
        **others: Any,
    ) -> list[Prompt]:
        """Return `n` prompts that differ from each other; fewer if the student has no more to give.

        Args:
            intents: free text, or ``Kind: value`` strings, pairs or intents.
            task: the kind of prompt.
            words: a number, or a range such as ``"10-20"`` from which each prompt draws its own; None is 20.
            n: how many prompts.
            seed: the same seed gives the same prompts, and n=4 begins with those of n=1.
            others: what else a `Request` has (`keep`, `ban`, `exact`, `candidates`, `temperature`, ...), and values of
                the student's other commands, such as `relevance`.

        Raises:
            UsageError: for a value that is not allowed; it says what is.
            StudentError: if no candidate does what must be done.
        """
        values = {"intents": intents, "task": task, "words": words, "n": n, "seed": seed}
        return list(self.stream(Request.of(values | others)))

    def stream(self, request: Request) -> Iterator[Prompt]:
        """Return an iterator over the prompts of a request, which come as they are found.

        Raises:
            UsageError: at once, for what this student can't be asked for.
        """
        return self._write(self._plan(request))

    def _plan(self, request: Request) -> _Plan:
        tasks, commands = self.student.description.tasks, self.student.commands
        if request.task not in tasks:
            raise UsageError(registry.unknown("task", request.task, tasks))
        for name in request.commands:
            if name not in commands:
                known = [*Request.model_fields, *commands]
                raise UsageError(registry.unknown("setting", name, known))
        wanted = {}
        for name, command in commands.items():
            asked = request.commands.get(name, DEFAULT_WORDS if name == _WORDS else command.default())
            if asked is None:
                raise UsageError(f"this student must be asked for '{name}'; {command.values()} are allowed")
            wanted[name] = command.parse(asked)
        policy = load_policy()
        kept, banned = Kept(request.keep), Banned(request.ban, policy)
        for term in kept.raw:
            if found := banned.find(term):
                raise UsageError(f"the term '{term}' can't be kept: {found} is banned")
        if _WORDS in wanted and kept.words:
            wanted[_WORDS] = _with_room(wanted[_WORDS], kept.words)
        return _Plan(request, wanted, kept, banned, banned.tokens(self._word_tokens) if request.ban else ())

    @cached_property
    def _word_tokens(self) -> dict[str, list[int]]:
        return word_tokens(self.student.codec.tokenizer.get_vocab())

    def _write(self, plan: _Plan) -> Iterator[Prompt]:
        """Yield prompts: for each, rounds of candidates are drawn until one is without fault or enough were drawn."""
        request, start = plan.request, time.perf_counter()
        seed = secrets.randbelow(2**32) if request.seed is None else request.seed
        pool: list[Candidate] = []
        picked: list[Candidate] = []
        while len(picked) < request.n:
            most = request.candidates * (len(picked) + 1)
            best = pick(pool, picked)
            while len(pool) < most and (best is None or any(best.faults)):
                seeds = [derive(seed, len(pool) + index) for index in range(min(_ROUND, most - len(pool)))]
                pool += self._draw(plan, seeds)
                best = pick(pool, picked)
            if best is None:
                break
            picked.append(best)
            yield self._prompt(plan, best, pool, time.perf_counter() - start)
        if not picked:
            raise StudentError(f"no prompt in {len(pool)} candidates; the last one {pool[-1].misses}")

    def _draw(self, plan: _Plan, seeds: list[int]) -> list[Candidate]:
        drafts = [self._draft(plan, seed) for seed in seeds]
        written = self.engine.decode([draft.decoding for draft in drafts])
        return [self._judge(plan, draft, decoded) for draft, decoded in zip(drafts, written, strict=True)]

    def _draft(self, plan: _Plan, seed: int) -> _Draft:
        request, kept = plan.request, plan.kept
        values = {name: self.student.commands[name].draw(wanted, seed) for name, wanted in plan.wanted.items()}
        planned, chance, order = dict(values), random.Random(seed), ()
        if _WORDS in values:  # the tags are not the student's to write
            allowed = self.student.commands[_WORDS].values()
            planned[_WORDS] = max(allowed[0], values[_WORDS] - kept.tag_words)
        head = self._head(request, kept, planned)
        room = self.student.description.context - len(head)
        grammar = None
        if kept.terms or (request.exact and _WORDS in values):
            command = self.student.commands[_WORDS]
            order = kept.order(chance)
            own = values[_WORDS] - kept.tag_words
            grammar = command.grammar(own if request.exact else None, placed(order, chance, own))
        return _Draft(
            seed, values, order, Decoding(tuple(head), room, seed, request.sampling, grammar, plan.never)
        )

    def _head(self, request: Request, kept: Kept, values: dict[str, int]) -> list[int]:
        """Return the ids that ask for a prompt. Kept terms are wished for too, as far as the student has room."""
        codec = self.student.codec
        head = codec.head(request.intents, request.task, values)
        self.student.check_head(head)
        intents = request.intents
        for term in kept.terms if WISH else ():
            wider = (*intents, Intent(WISH, term.spoken))
            ids = codec.head(wider, request.task, values)
            if len(wider) <= MAX_INTENTS and len(ids) <= self.student.description.longest_head:
                intents, head = wider, ids
        return head

    def _judge(self, plan: _Plan, draft: _Draft, decoded: Decoded) -> Candidate:
        request = plan.request
        said = Sample(request.intents, request.task, decoded.text)
        sample = replace(said, prompt=plan.kept.render(decoded.text, draft.order))
        covered = coverage(request.intents, sample.prompt)
        relevance = round(mean(sample, covered), 4)
        sample = replace(sample, scores={"relevance": relevance})
        adherence = {
            name: command.score(range(draft.values[name], draft.values[name] + 1), sample)
            for name, command in self.student.commands.items()
        }
        answer = Answer.of(said, plan.banned.policy)
        known = self.student.words.union(*(terms(text) for text in (*request.keep, *(i.value for i in request.intents))))
        flaws = (
            repetition(answer) is not None,
            not known.issuperset(answer.terms),
            truncation(answer) is not None or not decoded.finished,
        )
        return Candidate(
            seed=draft.seed,
            values=draft.values,
            prompt=sample.prompt,
            tokens=len(decoded.ids),
            chances=self._own_chances(decoded, spans(decoded.text, draft.order)),
            log_probability=round(sum(decoded.chances), 4),
            misses=_misses(plan, sample.prompt, adherence),
            adherence=adherence,
            coverage=covered,
            relevance=relevance,
            flaws=flaws,
        )

    def _own_chances(self, decoded: Decoded, spans: list[tuple[int, int]]) -> tuple[float, ...]:
        """Return the chances of the tokens outside the spans of the text: those that the student chose."""
        if not spans:
            return decoded.chances
        decode = self.student.codec.tokenizer.decode
        ends = [len(decode(list(decoded.ids[: count + 1])).lstrip()) for count in range(len(decoded.ids))]
        starts = [0, *ends[:-1]]
        return tuple(
            chance
            for chance, start, end in zip(decoded.chances, starts, ends, strict=True)
            if not any(start < last and first < end for first, last in spans)
        )

    def _prompt(self, plan: _Plan, best: Candidate, pool: list[Candidate], seconds: float) -> Prompt:
        return Prompt(
            prompt=best.prompt,
            task=plan.request.task,
            target_words=best.values.get(_WORDS),
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
            log_probability=best.log_probability,
        )


WISH = "Scene object"


def _with_room(wanted: range, kept: int) -> range:
    """Return the counts that leave the student a word beside the kept ones."""
    if wanted[-1] <= kept:
        raise UsageError(f"the kept terms have {kept} words; ask for more than {kept} words, not {wanted[-1]}")
    return range(max(wanted[0], kept + 1), wanted[-1] + 1)


def _misses(plan: _Plan, prompt: str, adherence: dict[str, int]) -> str | None:
    """Return what must not be and is, or None."""
    if plan.request.exact and adherence.get(_WORDS):
        return f"has not the words asked for: {prompt!r}"
    if missing := plan.kept.missing(prompt):
        return f"lacks '{missing}': {prompt!r}"
    if found := plan.banned.find(prompt):
        return f"says '{found}': {prompt!r}"
    return None


def derive(seed: int, index: int) -> int:
    """Return the seed of the index-th candidate of a request; the first has the request's own."""
    if index == 0:
        return seed
    return int.from_bytes(hashlib.blake2b(f"{seed}:{index}".encode(), digest_size=4).digest(), "big")
