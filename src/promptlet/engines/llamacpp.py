"""The engine for CPUs: the student's GGUF in llama.cpp, inside this process.

Several decodings run side by side on servers of one thread each, which have nobody to wait for. The same request must
give the same text always, so a server takes several only where a text's numbers don't depend on who else is in the
batch: llama.cpp's kernels for weights in blocks (Q4_0, Q8_0) give the same bits for one row as for many, on x86; those
for F16 don't.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Event
from typing import Any, Self

from promptlet.cores import usable_cores
from promptlet.engines.base import Decoded, Decoding, Engine, raise_if_stopped
from promptlet.errors import PromptletError, StudentError
from promptlet.llama_server import ask, ask_stepwise, start_server
from promptlet.student.format import GGUF, Student

_SMALL = 32 * 2**20
"""Bytes of weights below which a second thread gains little on an idle machine, and on a busy one loses nearly all:
threads meet after every matrix, and whoever is not running keeps the others waiting."""
TEXTS_PER_THREAD = 4
"""Texts that a thread writes together: llama.cpp multiplies four rows in less than twice the time of one, and more of
them no faster."""
_SAME_IN_BATCHES, _SAME_ON = ("Q8_0", "Q4_0"), ("x86_64", "AMD64")
"""Weights and machines for which a row's numbers are known not to depend on the other rows of its batch."""
_LARGEST_SEED = 2**32 - 2
"""llama.cpp takes the next one for a wish to have any."""
_CROWDED = 0.5
"""Seconds after two calls met in which none gets all threads: while it had them, the others would wait."""
_PATIENCE = 0.05
"""Seconds after which who waits for a server looks whether it shall go on."""


class LlamaCpp(Engine):
    """llama.cpp through xllamacpp, without torch."""

    name = "llamacpp"

    def __init__(self, weights: Path, student: Student, threads: int) -> None:
        self._unwritable = student.codec.unwritable_ids
        self._weights, self._context, self._threads = weights, student.description.context, threads
        alike = student.description.quantization in _SAME_IN_BATCHES and platform.machine() in _SAME_ON
        large = weights.stat().st_size >= _SMALL
        self._servers = _Servers(self._start, threads, TEXTS_PER_THREAD if alike else 1, large)

    @classmethod
    def open(cls, student: Student, threads: int | None) -> Self:
        return cls(student.file(GGUF), student, threads or usable_cores())

    def decode(self, decodings: Sequence[Decoding], stop: Event | None = None) -> list[Decoded]:
        with self._servers.all_threads(len(decodings), stop) as whole:

            def decoded(decoding: Decoding) -> Decoded:
                with nullcontext(whole) if whole else self._servers.one_thread(stop) as server:
                    return self._decode(server, decoding, stop)

            at_once = min(self._servers.places, len(decodings))
            if at_once == 1:
                return list(map(decoded, decodings))
            with ThreadPoolExecutor(at_once) as threads:
                return list(threads.map(decoded, decodings))

    def _start(self, threads: int, slots: int) -> Any:
        try:
            return start_server(self._weights, slots, self._context, threads)
        except PromptletError as error:
            raise StudentError(str(error)) from error

    def _decode(self, server: Any, decoding: Decoding, stop: Event | None) -> Decoded:
        sampling = decoding.sampling
        never = [[index, False] for index in (*self._unwritable, *decoding.forbidden)]  # False: never
        body = {
            "prompt": list(decoding.head),
            "max_tokens": decoding.max_tokens,
            "seed": min(decoding.seed, _LARGEST_SEED),
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "min_p": sampling.min_p,
            "logit_bias": [*map(list, decoding.bias), *never],
            "cache_prompt": False,
            "logprobs": 1,
        }
        if decoding.grammar is not None:
            body["grammar"] = decoding.grammar
        if stop is None:
            replies = [ask(server.handle_completions, body, StudentError)]
        else:
            # A step at a time the same text takes about a twentieth longer.
            replies = ask_stepwise(server.handle_completions, body, stop.is_set, StudentError)
            raise_if_stopped(stop)
        choices = [reply["choices"][0] for reply in replies]
        written = [token for choice in choices if choice["logprobs"] for token in choice["logprobs"]["content"]]
        return Decoded(
            text="".join(choice["text"] for choice in choices).strip(),
            ids=tuple(token["id"] for token in written),
            logprobs=tuple(token["logprob"] for token in written),
            finished=choices[-1]["finish_reason"] == "stop",
        )


@dataclass(eq=False)
class _Server:
    """A server of one thread, and how many texts it is writing."""

    server: Any
    taken: int = 0


class _Servers:
    """Servers of one thread each, as many as threads may compute, started when they are first needed.

    A large student has one more, of all threads, for the few texts of a call that comes while no other is at work.
    """

    def __init__(self, start: Callable[[int, int], Any], threads: int, slots: int, large: bool) -> None:
        self._start, self._threads, self._slots = start, threads, slots
        self._changed = Condition()
        self._whole = start(threads, slots) if large else None
        self._servers = [] if large else [_Server(start(1, slots))]
        self._taken = self._waiting = 0
        self._met = -_CROWDED

    @property
    def places(self) -> int:
        """Texts that are written at a time."""
        return self._threads * self._slots

    @contextmanager
    def all_threads(self, texts: int, stop: Event | None) -> Iterator[Any]:
        """Lend the server of all threads to a call of so many texts, if it takes them and calls come one by one."""
        with self._changed:
            raise_if_stopped(stop)
            if self._taken or self._waiting:
                self._met = time.monotonic()
            alone = time.monotonic() - self._met >= _CROWDED
            lent = self._whole if alone and texts <= self._slots else None
            if lent:
                self._taken += self.places
        try:
            yield lent
        finally:
            if lent:
                self._free(self.places)

    @contextmanager
    def one_thread(self, stop: Event | None) -> Iterator[Any]:
        """Lend a server of one thread for a text, once there is a place."""
        with self._changed:
            self._wait(stop)
            lent = self._idlest()
            lent.taken += 1
            self._taken += 1
        try:
            yield lent.server
        finally:
            self._free(1, lent)

    def _wait(self, stop: Event | None) -> None:
        self._waiting += 1
        try:
            raise_if_stopped(stop)
            while self._taken >= self.places:
                self._changed.wait(_PATIENCE)
                raise_if_stopped(stop)
        finally:
            self._waiting -= 1

    def _idlest(self) -> _Server:
        """Return the server that writes the fewest texts; a new one, if all are busy and a thread is left."""
        idlest = min(self._servers, key=lambda server: server.taken, default=None)
        if idlest is None or (idlest.taken and len(self._servers) < self._threads):
            idlest = _Server(self._start(1, self._slots))
            self._servers.append(idlest)
        return idlest

    def _free(self, places: int, server: _Server | None = None) -> None:
        with self._changed:
            self._taken -= places
            if server:
                server.taken -= 1
            self._changed.notify(places)


ENGINE = LlamaCpp
