"""The engine for CPUs: the student's GGUF in llama.cpp, inside this process.

Each decoding has a server to itself: the arithmetic of a batch depends on what else is in it, and the same request must
give the same text always. Several decodings run side by side, on servers of one thread each.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Condition, Event
from typing import Any, Self

from promptlet.engines.base import Decoded, Decoding, Engine, go_on
from promptlet.errors import PromptletError, StudentError
from promptlet.native import ask, ask_stepwise, start_server
from promptlet.student.format import GGUF, Student

_SMALL = 32 * 2**20
"""Bytes of weights below which a second thread gains little on an idle machine, and on a busy one loses nearly all:
threads meet after every matrix, and whoever is not running keeps the others waiting."""
_PATIENCE = 0.05
"""Seconds after which who waits for a server looks whether it shall go on."""


class LlamaCpp(Engine):
    """llama.cpp through xllamacpp, without torch."""

    name = "llamacpp"

    def __init__(self, weights: Path, student: Student, threads: int) -> None:
        self._weights, self._context, self._threads = weights, student.description.context, threads
        self._controls = [index for index in student.codec.control_ids if index != student.codec.end_id]
        self._servers = _Servers(self._start, threads, large=weights.stat().st_size >= _SMALL)

    @classmethod
    def open(cls, student: Student, threads: int | None) -> Self:
        return cls(student.file(GGUF), student, threads or os.cpu_count() or 1)

    def decode(self, decodings: Sequence[Decoding], stop: Event | None = None) -> list[Decoded]:
        def decoded(decoding: Decoding) -> Decoded:
            with self._servers.lease(len(decodings) == 1, stop) as server:
                return self._decode(server, decoding, stop)

        if len(decodings) == 1 or self._threads == 1:
            return list(map(decoded, decodings))
        with ThreadPoolExecutor(min(self._threads, len(decodings))) as threads:
            return list(threads.map(decoded, decodings))

    def _start(self, threads: int) -> Any:
        try:
            return start_server(self._weights, 1, self._context, threads)
        except PromptletError as error:
            raise StudentError(str(error)) from error

    def _decode(self, server: Any, decoding: Decoding, stop: Event | None) -> Decoded:
        sampling = decoding.sampling
        never = [[index, False] for index in (*self._controls, *decoding.never)]  # False: never
        body = {
            "prompt": list(decoding.head),
            "max_tokens": decoding.max_tokens,
            "seed": decoding.seed,
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
            go_on(stop)
        choices = [reply["choices"][0] for reply in replies]
        written = [token for choice in choices if choice["logprobs"] for token in choice["logprobs"]["content"]]
        return Decoded(
            text="".join(choice["text"] for choice in choices).strip(),
            ids=tuple(token["id"] for token in written),
            chances=tuple(token["logprob"] for token in written),
            finished=choices[-1]["finish_reason"] == "stop",
        )


class _Servers:
    """Servers of one thread each, as many as threads may compute, started when they are first needed.

    A large student has one more, of all threads, for a text that is written while no other is.
    """

    def __init__(self, start: Callable[[int], Any], threads: int, large: bool) -> None:
        self._start, self._threads, self._busy = start, threads, 0
        self._changed = Condition()
        self._whole = start(threads) if large else None
        self._free = [] if large else [start(1)]

    @contextmanager
    def lease(self, single: bool, stop: Event | None) -> Iterator[Any]:
        """Lend a server, once one is free; for a `single` text the one of all threads, if all are idle."""
        with self._changed:
            go_on(stop)
            while self._busy >= self._threads:
                self._changed.wait(_PATIENCE)
                go_on(stop)
            whole = single and self._whole is not None and self._busy == 0
            server = self._whole if whole else self._free.pop() if self._free else self._start(1)
            taken = self._threads if whole else 1
            self._busy += taken
        try:
            yield server
        finally:
            with self._changed:
                self._busy -= taken
                if not whole:
                    self._free.append(server)
                self._changed.notify(taken)


ENGINE = LlamaCpp
