"""Measuring contenders side by side: each lives in a process of its own, and they take turns."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

from promptlet.errors import PromptletError
from promptlet.progress import metering
from promptlet.speed.contenders import Contender, Writer
from promptlet.speed.machine import resident_bytes

BATCHES = (1, 8, 32)
SUGGESTIONS = 4
START, EXACT, AS_LONG = "start-up", "exact", "as long as exact"
FIRST, SUGGEST = "first token", f"{SUGGESTIONS} suggestions"
"""Measures; start-up is the time from the start of a process to its first prompt. As long as exact is a text written
freely, with as many tokens as the exact one before it: reading the head weighs the more the shorter a text is."""


def batch(heads: int) -> str:
    """Return the name of the measure of so many texts at once."""
    return f"batch {heads}"


@dataclass
class Measured:
    """What was measured of one contender: per measure, the (seconds, tokens) of each repeat."""

    name: str
    weights: int
    resident: int | None = None
    """Bytes of memory at the end."""
    samples: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    skipped: str | None = None
    """Why it was not measured."""

    def seconds(self, measure: str, share: float = 0.5) -> float | None:
        """Return the time within which a share of the repeats was done, or None if none was."""
        return _quantile([seconds for seconds, _ in self.samples.get(measure, ())], share)

    @property
    def exact_cost(self) -> float | None:
        """The share of its speed that counting words while decoding costs, or None if that was not measured."""
        pairs = zip(self.samples.get(EXACT, ()), self.samples.get(AS_LONG, ()), strict=True)
        return _quantile([1 - free / exact for (exact, _), (free, _) in pairs], 0.5)

    def rate(self, measure: str, share: float = 0.5) -> float | None:
        """Return the tokens per second that a share of the repeats reached."""
        return _quantile([tokens / seconds for seconds, tokens in self.samples.get(measure, ())], 1 - share)


def measure(contenders: Sequence[Contender], tokens: int, repeats: int, starts: int) -> list[Measured]:
    """Return what was measured of each contender.

    Args:
        contenders: who is measured; one that can't be opened is skipped with the reason.
        tokens: how many are written per text.
        repeats: how often each measure is taken; the contenders take turns within a repeat.
        starts: how often each is started, in a new process every time.
    """
    found = [Measured(each.name, each.weights) for each in contenders]
    jobs: list[tuple[str, str, tuple[int, ...]]] = [
        *((batch(heads), "write", (heads, tokens)) for heads in BATCHES),
        (FIRST, "write", (1, 1)),
        (EXACT, "write_exact", ()),
        (SUGGEST, "suggest", (SUGGESTIONS,)),
    ]
    workers: dict[str, _Worker] = {}
    try:
        with metering("bench", "measures", len(found) * (starts + repeats * len(jobs)), 0) as meter:
            for _ in range(starts):
                for contender, result in zip(contenders, found, strict=True):
                    if result.skipped is None:
                        if contender.name in workers:
                            workers.pop(contender.name).stop()
                        _start(contender, result, workers)
                    meter.advance()
            for repeat in range(repeats):
                for name, method, arguments in jobs:
                    for result in found:
                        if result.skipped is None:
                            worker = workers[result.name]
                            written = worker.add(result, name, method, *arguments, repeat)
                            if name == EXACT and written is not None:
                                worker.add(result, AS_LONG, "write", 1, written, repeat)
                        meter.advance(note=result.name)
    finally:
        for worker in workers.values():
            worker.stop()
    return found


def _start(contender: Contender, result: Measured, workers: dict[str, _Worker]) -> None:
    worker = _Worker(contender)
    seconds, error = worker.opened()
    if error is None:
        workers[contender.name] = worker
        result.samples.setdefault(START, []).append((seconds, 0))
    else:
        worker.stop()
        result.skipped = error


class _Worker:
    """A process with one contender."""

    def __init__(self, contender: Contender) -> None:
        spawned = multiprocessing.get_context("spawn")
        self._pipe, other = spawned.Pipe()
        self._begun = time.perf_counter()
        self._process = spawned.Process(target=_work, args=(contender, other), daemon=True)
        self._process.start()
        other.close()

    def opened(self) -> tuple[float, str | None]:
        """Wait for the first prompt; return how long it took, and why there is none."""
        error = self._receive()
        return time.perf_counter() - self._begun, error

    def add(self, result: Measured, measure: str, method: str, *arguments: int) -> int | None:
        """Add a sample of what a method of the writer does to a result; return its tokens, None if it can't do it."""
        self._pipe.send((method, arguments))
        tokens: int | None
        seconds, tokens, result.resident = self._receive()
        if tokens is not None:
            result.samples.setdefault(measure, []).append((seconds, tokens))
        return tokens

    def stop(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join()

    def _receive(self) -> Any:
        try:
            return self._pipe.recv()
        except EOFError as error:
            self._process.join()
            raise PromptletError(f"a measured process ended with status {self._process.exitcode}") from error


def _work(contender: Contender, pipe: Connection) -> None:
    """Open the contender and do what is asked until the pipe is closed."""
    try:
        writer: Writer = contender.open()
        writer.suggest(1, 0)
    except PromptletError as error:
        pipe.send(str(error))
        return
    pipe.send(None)
    while True:
        try:
            method, arguments = pipe.recv()
        except EOFError:
            return
        start = time.perf_counter()
        tokens = getattr(writer, method)(*arguments)
        pipe.send((time.perf_counter() - start, tokens, resident_bytes()))


def _quantile(values: Sequence[float], share: float) -> float | None:
    """Return the value below which a share of the values lies, the nearest of them."""
    if not values:
        return None
    if share == 0.5:
        return median(values)
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) - 0.5)))]
