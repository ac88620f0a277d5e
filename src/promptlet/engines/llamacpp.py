"""The engine for CPUs: the student's GGUF in llama.cpp, inside this process.

Each decoding has a server to itself: the arithmetic of a batch depends on what else is in it, and the same request must
give the same text always. Several decodings run side by side, on servers of one thread each.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Self

from promptlet.engines.base import Decoded, Decoding, Engine
from promptlet.errors import PromptletError, StudentError
from promptlet.native import ask, start_server
from promptlet.student.format import GGUF, Student

_SMALL = 32 * 2**20
"""Bytes of weights below which a second thread gains little on an idle machine, and on a busy one loses nearly all:
threads meet after every matrix, and whoever is not running keeps the others waiting."""


class LlamaCpp(Engine):
    """llama.cpp through xllamacpp, without torch."""

    name = "llamacpp"

    def __init__(self, weights: Path, student: Student, threads: int) -> None:
        self._weights, self._context, self._threads = weights, student.description.context, threads
        self._controls = [index for index in student.codec.control_ids if index != student.codec.end_id]
        self._alone = self._start(1 if weights.stat().st_size < _SMALL else threads)

    @classmethod
    def open(cls, student: Student, threads: int | None) -> Self:
        return cls(student.file(GGUF), student, threads or os.cpu_count() or 1)

    def decode(self, decodings: Sequence[Decoding]) -> list[Decoded]:
        if len(decodings) == 1 or self._threads == 1:
            return [self._decode(self._alone, decoding) for decoding in decodings]

        def on_an_idle_server(decoding: Decoding) -> Decoded:
            server = self._idle.get()
            try:
                return self._decode(server, decoding)
            finally:
                self._idle.put(server)

        with ThreadPoolExecutor(self._threads) as threads:
            return list(threads.map(on_an_idle_server, decodings))

    @cached_property
    def _idle(self) -> SimpleQueue[Any]:
        """The servers of one thread each; as many as threads may compute."""
        servers: SimpleQueue[Any] = SimpleQueue()
        for _ in range(self._threads):
            servers.put(self._start(1))
        return servers

    def _start(self, threads: int) -> Any:
        try:
            return start_server(self._weights, 1, self._context, threads)
        except PromptletError as error:
            raise StudentError(str(error)) from error

    def _decode(self, server: Any, decoding: Decoding) -> Decoded:
        sampling = decoding.sampling
        body = {
            "prompt": list(decoding.head),
            "max_tokens": decoding.max_tokens,
            "seed": decoding.seed,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "min_p": sampling.min_p,
            "logit_bias": [[index, False] for index in (*self._controls, *decoding.never)],  # False: never
            "cache_prompt": False,
            "logprobs": 1,
        }
        if decoding.grammar is not None:
            body["grammar"] = decoding.grammar
        reply = ask(server.handle_completions, body, StudentError)
        choice = reply["choices"][0]
        written = choice["logprobs"]["content"]
        return Decoded(
            text=choice["text"].strip(),
            ids=tuple(token["id"] for token in written),
            chances=tuple(token["logprob"] for token in written),
            finished=choice["finish_reason"] == "stop",
        )


ENGINE = LlamaCpp
