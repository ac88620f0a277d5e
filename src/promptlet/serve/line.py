"""The line before the engine: so many requests are worked on, so many wait, and the next one is told to come later.

A request is worked on by a thread of its own, which ends by itself or at the next token once nobody waits for it any
more. Its place is free when the thread has ended, so there are never more threads than places. What it writes is held
for the client: a slow reader keeps memory for a few prompts, not a place.
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

Start = Callable[[Event], Iterator[T]]
"""Checks a request and returns the iterator that does it, which ends at the next token once the event is set."""
_MEMORY = 0.1
"""What the latest request weighs in the mean time that requests take."""
_LAST = 1.0
"""Seconds that stopped work has to hand over what it found; an engine that is a server may not notice sooner."""
_LONGEST_WAIT = 30.0
"""Seconds that a client is told to wait, at most."""


@dataclass(frozen=True)
class _Result(Generic[T]):
    value: T


class _Event(Enum):
    BEGUN = auto()
    DONE = auto()


class Turn(Generic[T]):
    """A request that is being worked on: an asynchronous iterator over what it gives."""

    def __init__(self, deadline: float) -> None:
        self.deadline, self._stop = deadline, Event()
        self._why: ApiError | None = None
        self._news: asyncio.Queue[_Result[T] | _Event | Exception] = asyncio.Queue()

    def stop(self, why: ApiError | None = None) -> None:
        """End the work at the next token. Who reads on, if somebody does, is told the first reason."""
        self._why = self._why or why
        self._stop.set()

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        news = await self._next()
        if not isinstance(news, _Result):
            raise StopAsyncIteration
        return news.value

    async def rest(self) -> list[T]:
        """Return what work that was stopped gave, or hands over now; what does not end soon is not waited for."""
        found: list[T] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST):
                while isinstance(news := await self._news.get(), _Result):
                    found.append(news.value)
        return found

    async def begun(self) -> None:
        """Wait until the request was found to be one that can be done."""
        await self._next()

    async def _next(self) -> _Result[T] | _Event:
        try:
            async with asyncio.timeout_at(self.deadline):
                news = await self._news.get()
        except TimeoutError as error:
            self.stop(_over())
            raise _over() from error
        except asyncio.CancelledError:
            self.stop()
            raise
        if isinstance(news, Exception):
            raise news
        return news

    def work(self, start: Start[T], loop: asyncio.AbstractEventLoop) -> None:
        """Do the request, in this thread."""

        def tell(news: _Result[T] | _Event | Exception) -> None:
            loop.call_soon_threadsafe(self._news.put_nowait, news)

        try:
            results = start(self._stop)
            tell(_Event.BEGUN)
            for result in results:
                tell(_Result(result))
            tell(_Event.DONE)
        except StoppedError as error:
            tell(self._why or error)
        except Exception as error:  # noqa: BLE001 (whatever it is, who waits must know; it is raised there)
            tell(error)


class Line:
    """The bounded line; one per server."""

    def __init__(self, running: int, waiting: int, timeout: float) -> None:
        self.places, self.most_waiting, self._timeout = running, waiting, timeout
        self.running = self.waiting = 0
        self.closed = False
        """Whether new requests are refused, for the server is about to end."""
        self._ended = False
        self._free = asyncio.Semaphore(running)
        self._threads = ThreadPoolExecutor(running, "request")
        self._turns: set[Turn[Any]] = set()
        self._mean = 0.5

    @property
    def idle(self) -> bool:
        """Whether nothing is worked on and nobody waits."""
        return self.running == self.waiting == 0

    @property
    def full(self) -> bool:
        """Whether one more request would be refused."""
        return self.closed or (self._free.locked() and self.waiting >= self.most_waiting)

    def stop(self) -> None:
        """End all work at the next token, and let nobody in, not even who waits."""
        self.closed = self._ended = True
        for turn in self._turns:
            turn.stop(_ending())
        self._threads.shutdown(wait=False)

    async def begin(self, start: Start[T]) -> Turn[T]:
        """Wait for a place, begin a request there and return it.

        Raises:
            OverloadedError: at once, if too many wait already.
            DeadlineExceededError: if the request's time is over before its turn comes.
            UsageError: if the request can't be done.
        """
        if self.full:
            raise OverloadedError("the server has too much to do; try again later", retry_after=self._expected_wait())
        loop = asyncio.get_running_loop()
        turn: Turn[T] = Turn(loop.time() + self._timeout)
        self.waiting += 1
        try:
            async with asyncio.timeout_at(turn.deadline):
                await self._free.acquire()
        except TimeoutError as error:
            raise DeadlineExceededError("the request's turn did not come in time; try again later") from error
        finally:
            self.waiting -= 1
        if self._ended:
            self._free.release()
            raise _ending()
        self.running += 1
        self._turns.add(turn)
        began = time.monotonic()

        # Who never reads on, because the client left in between, must not keep the place either.
        alarm = loop.call_at(turn.deadline, turn.stop, _over())

        def leave(*_: object) -> None:
            alarm.cancel()
            self.running -= 1
            self._turns.discard(turn)
            self._mean += _MEMORY * (time.monotonic() - began - self._mean)
            self._free.release()

        try:
            working = loop.run_in_executor(self._threads, turn.work, start, loop)
        except RuntimeError:  # the machine has no thread left: the place is free again
            leave()
            raise
        working.add_done_callback(leave)
        await turn.begun()
        return turn

    def _expected_wait(self) -> float:
        return min(_LONGEST_WAIT, self._mean * (self.waiting + 1) / self.places)


def _over() -> DeadlineExceededError:
    return DeadlineExceededError("the request could not be done in time; ask for less, or later")


def _ending() -> OverloadedError:
    return OverloadedError("the server is about to end; try again later", retry_after=1)


async def attended(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return what the work gives, as long as the client waits for it.

    Raises:
        ClientDisconnectedError: if the client goes; the work was cancelled.
    """
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnectedError("the client has gone")
        return task.result()
    finally:
        task.cancel()
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
