"""What all routes share: the student, the line before its engine, and what is measured."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from threading import Event
from typing import Self, TypeVar

from starlette.requests import Request as HttpRequest

from promptlet.engines.base import Decoded, Decoding, Engine
from promptlet.errors import NoPromptError, PromptletError, StoppedError, UsageError
from promptlet.generation import Generator, Prompt, Request
from promptlet.serve.errors import DeadlineExceededError, InternalError
from promptlet.serve.line import Line, Start, Turn, attended
from promptlet.serve.measures import Measures
from promptlet.serve.settings import Settings
from promptlet.serve.watch import log_fault
from promptlet.student.format import Student

T = TypeVar("T")
Written = tuple[Request, list[Prompt]]
"""A request and its prompts."""


class Service:
    """A student that is served."""

    def __init__(self, generator: Generator, settings: Settings) -> None:
        self.settings = settings
        self.line = Line(settings.running, settings.waiting, settings.timeout)
        self.measures = Measures(self.line)
        self.generator = Generator(generator.student, _Measured(generator.engine, self.measures))
        self.warm = False
        """Whether a request would find read what it needs."""

    @property
    def name(self) -> str:
        """What clients call the model."""
        return self.generator.student.description.name

    def warm_up(self) -> None:
        """Read the lists that requests need, so that the first one does not wait for them; nothing is written."""
        try:
            task = next(iter(self.generator.student.tasks))
            self.generator.stream(Request.of({"intents": "a quiet lake", "task": task, "ban": ["storm"]}))
        except Exception as error:  # noqa: BLE001 (requests will fail likewise, and their clients be told)
            log_fault("start", error)
        finally:
            self.warm = True

    async def begin(self, http: HttpRequest, start: Start[T]) -> Turn[T]:
        """Wait for the turn of a request and begin it, as long as its client waits."""
        return await attended(http, self.line.begin(self._observed(http, start)))

    async def finish(self, http: HttpRequest, start: Start[T]) -> list[T]:
        """Do a request from beginning to end, as long as its client waits; return what it gave while there was time.

        Raises:
            DeadlineExceededError: if there was time for nothing.
        """

        async def all_of_it() -> list[T]:
            turn = await self.line.begin(self._observed(http, start))
            found: list[T] = []
            try:
                async for item in turn:
                    found.append(item)  # noqa: PERF401 (what was found when the time is over stays)
            except DeadlineExceededError:
                found += await turn.rest()
                if not found:
                    raise
            return found

        return await attended(http, all_of_it())

    def writing(self, request: Request) -> Start[Prompt]:
        """Return what writes the prompts of a request."""

        def start(stop: Event) -> Iterator[Prompt]:
            return self.generator.stream(request, stop)

        return start

    def writing_all(self, requests: Iterable[Request | PromptletError]) -> Start[Written | Exception]:
        """Return what writes one request after the other; one that fails has its error in place of prompts.

        The one in which time is over has what it found, if anything.
        """

        def start(stop: Event) -> Iterator[Written | Exception]:
            for request in requests:
                if isinstance(request, Exception):
                    yield request
                    continue
                found: list[Prompt] = []
                try:
                    found.extend(self.writing(request)(stop))
                except (UsageError, NoPromptError) as error:
                    yield error
                    continue
                except StoppedError:
                    if found:
                        yield request, found
                    raise
                yield request, found

        return start

    def _observed(self, http: HttpRequest, start: Start[T]) -> Start[T]:
        """Return the same work, its time to the first prompt measured (waiting is part of it), its faults logged."""
        arrived, number = time.monotonic(), http.scope["state"]["id"]

        def observed(results: Iterator[T]) -> Iterator[T]:
            first = True
            for result in _told(number, results):
                if first and not isinstance(result, Exception):  # a batch may begin with requests that fail
                    self.measures.first.observe(time.monotonic() - arrived)
                    first = False
                yield result

        return lambda stop: observed(start(stop))


class _Measured(Engine):
    """An engine whose texts are counted as they are drawn, whatever becomes of the requests that they are for."""

    def __init__(self, engine: Engine, measures: Measures) -> None:
        self.name, self._engine, self._measures = engine.name, engine, measures

    @classmethod
    def open(cls, student: Student, threads: int | None) -> Self:
        raise NotImplementedError("an engine that was opened is measured")

    def decode(self, decodings: Sequence[Decoding], stop: Event | None = None) -> list[Decoded]:
        began = time.perf_counter()
        drawn = self._engine.decode(decodings, stop)
        self._measures.drew(sum(len(each.ids) for each in drawn), time.perf_counter() - began)
        return drawn


def _told(number: str, results: Iterator[T]) -> Iterator[T]:
    """Yield the results; what fails by the server's fault is logged, and told without what it was."""
    try:
        yield from results
    except (UsageError, NoPromptError, StoppedError):
        raise
    except Exception as error:
        log_fault(number, error)
        raise InternalError from error
