"""What all routes share: the student, the queue before its engine, and the metrics."""

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
from promptlet.serve.metrics import Metrics
from promptlet.serve.request_logging import log_fault
from promptlet.serve.request_queue import Job, RequestQueue, Work, cancel_on_disconnect
from promptlet.serve.settings import Settings
from promptlet.student.format import Student

T = TypeVar("T")
RequestResult = tuple[Request, list[Prompt]]
"""A request and its prompts."""


class Service:
    """A student that is served."""

    def __init__(self, generator: Generator, settings: Settings) -> None:
        self.settings = settings
        self.queue = RequestQueue(settings.running, settings.waiting, settings.timeout)
        self.metrics = Metrics(self.queue)
        self.generator = Generator(generator.student, _MeteredEngine(generator.engine, self.metrics))
        self.warm = False
        """Whether everything that requests need is loaded."""

    @property
    def name(self) -> str:
        """The model's name in the API."""
        return self.generator.student.description.name

    def warm_up(self) -> None:
        """Load the word lists that requests need, so that the first one does not wait for it; no text is written."""
        try:
            task = next(iter(self.generator.student.tasks))
            self.generator.stream(Request.of({"intents": "a quiet lake", "task": task, "ban": ["storm"]}))
        except Exception as error:  # noqa: BLE001 (requests will fail in the same way, and tell their clients)
            log_fault("start", error)
        finally:
            self.warm = True

    async def start(self, http: HttpRequest, work: Work[T]) -> Job[T]:
        """Wait for a place and start the work there, unless the client disconnects first."""
        return await cancel_on_disconnect(http, self.queue.start(self._observed(http, work)))

    async def run(self, http: HttpRequest, work: Work[T]) -> list[T]:
        """Do the work to its end, unless the client disconnects; return the results that came within the deadline.

        Raises:
            DeadlineExceededError: if none did.
        """

        async def collect() -> list[T]:
            job = await self.queue.start(self._observed(http, work))
            results: list[T] = []
            try:
                async for result in job:
                    results.append(result)  # noqa: PERF401 (those found before the deadline are kept)
            except DeadlineExceededError:
                results += await job.drain()
                if not results:
                    raise
            return results

        return await cancel_on_disconnect(http, collect())

    def stream_batch(
        self, requests: Iterable[Request | PromptletError], stop: Event
    ) -> Iterator[RequestResult | Exception]:
        """Yield the prompts of one request after the other; one that fails has its error in their place.

        When it is stopped, the request that runs has the prompts found until then, if there are any.
        """
        for request in requests:
            if isinstance(request, Exception):
                yield request
                continue
            prompts: list[Prompt] = []
            try:
                prompts.extend(self.generator.stream(request, stop))
            except (UsageError, NoPromptError) as error:
                yield error
                continue
            except StoppedError:
                if prompts:
                    yield request, prompts
                raise
            yield request, prompts

    def _observed(self, http: HttpRequest, work: Work[T]) -> Work[T]:
        """Return the same work with its time to the first prompt measured, from now on, and its faults hidden."""
        arrived, request_id = time.monotonic(), http.scope["state"]["request_id"]

        def observe(results: Iterator[T]) -> Iterator[T]:
            first = True
            for result in _hide_faults(request_id, results):
                if first and not isinstance(result, Exception):  # a batch may begin with requests that fail
                    self.metrics.time_to_first_prompt.observe(time.monotonic() - arrived)
                    first = False
                yield result

        return lambda stop: observe(work(stop))


class _MeteredEngine(Engine):
    """An engine whose texts are counted as they are drawn, whatever becomes of the requests that they are for."""

    def __init__(self, engine: Engine, metrics: Metrics) -> None:
        self.name, self._engine, self._metrics = engine.name, engine, metrics

    @classmethod
    def open(cls, student: Student, threads: int | None) -> Self:
        raise NotImplementedError("an engine that was opened is metered")

    def decode(self, decodings: Sequence[Decoding], stop: Event | None = None) -> list[Decoded]:
        began = time.perf_counter()
        drawn = self._engine.decode(decodings, stop)
        self._metrics.count_tokens(sum(len(each.ids) for each in drawn), time.perf_counter() - began)
        return drawn


def _hide_faults(request_id: str, results: Iterator[T]) -> Iterator[T]:
    """Yield the results; an error that is the server's fault is logged, and raised without its message."""
    try:
        yield from results
    except (UsageError, NoPromptError, StoppedError):
        raise
    except Exception as error:
        log_fault(request_id, error)
        raise InternalError from error
