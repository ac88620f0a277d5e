"""What all routes share: the student, the line before its engine, and what is measured."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from threading import Event
from typing import TypeVar

from starlette.requests import Request as HttpRequest

from promptlet.errors import NoPromptError, StoppedError, UsageError
from promptlet.generation import Generator, Prompt, Request
from promptlet.serve.errors import FaultError
from promptlet.serve.line import Line, Start, Turn, attended
from promptlet.serve.measures import Measures
from promptlet.serve.settings import Settings
from promptlet.serve.watch import log_fault

T = TypeVar("T")
Written = tuple[Request, list[Prompt]]
"""A request and its prompts."""


class Service:
    """A student that is served."""

    def __init__(self, generator: Generator, settings: Settings) -> None:
        self.generator, self.settings = generator, settings
        self.line = Line(settings.running, settings.waiting, settings.timeout)
        self.measures = Measures(self.line)

    @property
    def name(self) -> str:
        """What clients call the model."""
        return self.generator.student.description.name

    async def begin(self, http: HttpRequest, start: Start[T]) -> Turn[T]:
        """Wait for the turn of a request and begin it, as long as its client waits."""
        return await attended(http, self.line.begin(self._observed(http, start)))

    async def finish(self, http: HttpRequest, start: Start[T]) -> list[T]:
        """Do a request from beginning to end, as long as its client waits."""

        async def all_of_it() -> list[T]:
            return [item async for item in await self.line.begin(self._observed(http, start))]

        return await attended(http, all_of_it())

    def writing(self, request: Request) -> Start[Prompt]:
        """Return what writes the prompts of a request."""

        def start(stop: Event) -> Iterator[Prompt]:
            return self._counted(self.generator.stream(request, stop))

        return start

    def writing_all(self, requests: Iterable[Request | UsageError]) -> Start[Written | Exception]:
        """Return what writes one request after the other; one that fails has its error in place of prompts."""

        def start(stop: Event) -> Iterator[Written | Exception]:
            for request in requests:
                try:
                    if isinstance(request, UsageError):
                        raise request
                    yield request, list(self.writing(request)(stop))
                except (UsageError, NoPromptError) as error:
                    yield error

        return start

    def _observed(self, http: HttpRequest, start: Start[T]) -> Start[T]:
        """Return the same work, its time to the first result measured (waiting is part of it), its faults logged."""
        arrived, number = time.monotonic(), http.scope["state"]["id"]

        def observed(results: Iterator[T]) -> Iterator[T]:
            for index, result in enumerate(_told(number, results)):
                if index == 0:
                    self.measures.first.observe(time.monotonic() - arrived)
                yield result

        return lambda stop: observed(start(stop))

    def _counted(self, prompts: Iterator[Prompt]) -> Iterator[Prompt]:
        last = None
        for last in prompts:
            self.measures.count(last)
            yield last
        if last is not None:
            self.measures.drew(last.tokens, last.seconds)


def _told(number: str, results: Iterator[T]) -> Iterator[T]:
    """Yield the results; what fails by the server's fault is logged, and told without what it was."""
    try:
        yield from results
    except (UsageError, NoPromptError, StoppedError):
        raise
    except Exception as error:
        log_fault(number, error)
        raise FaultError from error
