"""The engine for CPUs: the student's GGUF in llama.cpp, inside this process.

Decodings run one after another in one slot: the arithmetic of a batch depends on what else is in it, and the same
request must give the same text always.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
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

    def __init__(self, server: Any, controls: list[int]) -> None:
        self.server, self._controls = server, controls

    @classmethod
    def open(cls, student: Student, threads: int | None) -> Self:
        controls = [index for index in student.codec.control_ids if index != student.codec.end_id]
        weights = student.file(GGUF)
        if threads is None:
            threads = 1 if weights.stat().st_size < _SMALL else os.cpu_count() or 1
        try:
            server = start_server(weights, 1, student.description.context, threads)
        except PromptletError as error:
            raise StudentError(str(error)) from error
        return cls(server, controls)

    def decode(self, decodings: Sequence[Decoding]) -> list[Decoded]:
        return [self._decode(decoding) for decoding in decodings]

    def _decode(self, decoding: Decoding) -> Decoded:
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
        reply = ask(self.server.handle_completions, body, StudentError)
        choice = reply["choices"][0]
        written = choice["logprobs"]["content"]
        return Decoded(
            text=choice["text"].strip(),
            ids=tuple(token["id"] for token in written),
            chances=tuple(token["logprob"] for token in written),
            finished=choice["finish_reason"] == "stop",
        )


ENGINE = LlamaCpp
