"""The queue before the engine: so many requests run at once, so many wait, and any more are refused.

Each request runs in a thread of its own, which ends by itself, or at the next token once nobody waits for its results
any more. Its place is free only when the thread has ended, so there are never more threads than places. Results wait
in memory for the client: a slow reader keeps a few prompts there, but no place.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from threading import Event
from typing import Any, Generic, TypeVar

from starlette.requests import Request

from promptlet.errors import StoppedError
from promptlet.serve.errors import ApiError, ClientDisconnectedError, DeadlineExceededError, OverloadedError

T = TypeVar("T")

Work = Callable[[Event], Iterator[T]]
"""Checks a request and returns an iterator over its results, which ends at the next token once the event is set."""
_LATEST_WEIGHT = 0.1
"""Weight of the latest request in the moving average of how long requests take."""
_DRAIN_SECONDS = 1.0
"""For work that was stopped to hand over what it found; an engine that is a server may not notice sooner."""
_MAX_RETRY_AFTER = 30.0
"""Seconds."""


@dataclass(frozen=True)
class _Result(Generic[T]):
    value: T


class _Signal(Enum):
    STARTED = auto()
    DONE = auto()


class Job(Generic[T]):
    """A request that is running: an asynchronous iterator over its results."""

    def __init__(self, deadline: float) -> None:
        self.deadline, self._stop = deadline, Event()
        self._stop_reason: ApiError | None = None
        self._messages: asyncio.Queue[_Result[T] | _Signal | Exception] = asyncio.Queue()

    def stop(self, reason: ApiError | None = None) -> None:
        """End the work at the next token. Whoever reads on gets the first reason as an error."""
        self._stop_reason = self._stop_reason or reason
        self._stop.set()

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        message = await self._next()
        if not isinstance(message, _Result):
            raise StopAsyncIteration
        return message.value

    async def drain(self) -> list[T]:
        """Return the remaining results of work that was stopped, without waiting long for it to end."""
        results: list[T] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while isinstance(message := await self._messages.get(), _Result):
                    results.append(message.value)
        return results

    async def wait_until_started(self) -> None:
        """Return once the request was checked and its work has started; raise what was wrong with it otherwise."""
        await self._next()

    async def _next(self) -> _Result[T] | _Signal:
        try:
            async with asyncio.timeout_at(self.deadline):
                message = await self._messages.get()
        except TimeoutError as error:
            self.stop(_deadline_exceeded())
            raise _deadline_exceeded() from error
        except asyncio.CancelledError:
            self.stop()
            raise
        if isinstance(message, Exception):
            raise message
        return message

    def run(self, work: Work[T], loop: asyncio.AbstractEventLoop) -> None:
        """Do the work in this thread, and send its results to the event loop's."""

        def send(message: _Result[T] | _Signal | Exception) -> None:
            loop.call_soon_threadsafe(self._messages.put_nowait, message)

        try:
            results = work(self._stop)
            send(_Signal.STARTED)
            for result in results:
                send(_Result(result))
            send(_Signal.DONE)
        except StoppedError as error:
            send(self._stop_reason or error)
        except Exception as error:  # noqa: BLE001 (it is raised where somebody waits for a result)
            send(error)


class RequestQueue:
    """Admits requests to the engine; there is one per server."""

    def __init__(self, max_running: int, max_waiting: int, timeout: float) -> None:
        self.max_running, self.max_waiting, self._timeout = max_running, max_waiting, timeout
        self.running = self.waiting = 0
        self.closed = False
        """Whether new requests are refused, because the server is about to end."""
        self._stopped = False
        self._places = asyncio.Semaphore(max_running)
        self._threads = ThreadPoolExecutor(max_running, "request")
        self._jobs: set[Job[Any]] = set()
        self._mean_seconds = 0.5

    @property
    def idle(self) -> bool:
        """Whether no request runs or waits."""
        return self.running == self.waiting == 0

    @property
    def full(self) -> bool:
        """Whether one more request would be refused."""
        return self.closed or (self._places.locked() and self.waiting >= self.max_waiting)

    def stop(self) -> None:
        """End all work at the next token and admit no more requests, those that wait included."""
        self.closed = self._stopped = True
        for job in self._jobs:
            job.stop(_shutting_down())
        self._threads.shutdown(wait=False)

    async def start(self, work: Work[T]) -> Job[T]:
        """Wait for a place, start a request there and return it.

        Raises:
            OverloadedError: at once, if too many wait already.
            DeadlineExceededError: if no place is free within the request's time.
            UsageError: if the request can't be met.
        """
        if self.full:
            raise OverloadedError("the server has too much to do; try again later", retry_after=self._expected_wait())
        loop = asyncio.get_running_loop()
        job: Job[T] = Job(loop.time() + self._timeout)
        self.waiting += 1
        try:
            async with asyncio.timeout_at(job.deadline):
                await self._places.acquire()
        except TimeoutError as error:
            raise DeadlineExceededError("the request's turn did not come in time; try again later") from error
        finally:
            self.waiting -= 1
        if self._stopped:
            self._places.release()
            raise _shutting_down()
        self.running += 1
        self._jobs.add(job)
        started = time.monotonic()

        # Reading stops the job at its deadline; where nobody reads, because the client has gone, this timer does.
        timer = loop.call_at(job.deadline, job.stop, _deadline_exceeded())

        def release_place(*_: object) -> None:
            timer.cancel()
            self.running -= 1
            self._jobs.discard(job)
            self._mean_seconds += _LATEST_WEIGHT * (time.monotonic() - started - self._mean_seconds)
            self._places.release()

        try:
            running = loop.run_in_executor(self._threads, job.run, work, loop)
        except RuntimeError:  # the system gives no further thread
            release_place()
            raise
        running.add_done_callback(release_place)
        await job.wait_until_started()
        return job

    def _expected_wait(self) -> float:
        return min(_MAX_RETRY_AFTER, self._mean_seconds * (self.waiting + 1) / self.max_running)


def _deadline_exceeded() -> DeadlineExceededError:
    return DeadlineExceededError("the request could not be done in time; ask for less, or later")


def _shutting_down() -> OverloadedError:
    return OverloadedError("the server is about to end; try again later", retry_after=1)


async def cancel_on_disconnect(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns; cancel it when the client of the request disconnects.

    Raises:
        ClientDisconnectedError: if it was cancelled.
    """
    task, disconnected = asyncio.ensure_future(work), asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({task, disconnected}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnectedError("the client has gone")
        return task.result()
    finally:
        task.cancel()
        disconnected.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
