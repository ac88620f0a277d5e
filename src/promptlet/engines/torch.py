"""The reference engine, for CPUs and GPUs: the student's transformers model, decoding with fixed shapes.

On a CPU it computes in 32 bits and always as many rows, so what else is in a batch changes no bit of a row. On a GPU it
computes in bfloat16, and few rows in a smaller batch than many: the same call gives the same texts. M is the number of
32-bit words that hold a bit for each token.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Lock
from typing import Any, Self

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from promptlet.engines._constraint import Constraints, fill, take
from promptlet.engines._fixed import Decoder, install
from promptlet.engines.base import Decoded, Decoding, Engine, raise_if_stopped
from promptlet.errors import StudentError, one_line
from promptlet.student.format import WEIGHTS, Student

_ROWS = {"cpu": (8,), "cuda": (1, 8, 64, 512)}
"""Sizes of batches; the smallest that holds all decodings is taken, or the largest again and again."""
_LOOK = {"cpu": 1, "cuda": 8}
"""Steps after which is looked whether all rows have ended: a GPU that is not asked runs ahead."""
_ALL = -1
"""All bits of a word."""


class Torch(Engine):
    """PyTorch, on the first GPU if there is one."""

    name = "torch"

    def __init__(self, student: Student, model: Any, threads: int | None) -> None:
        install(model)
        self.student, self.model, self.device, self.threads = student, model, model.device, threads
        self._constraints = Constraints(student.codec)
        self._writable_V = torch.ones(len(student.codec), dtype=torch.bool, device=self.device)
        self._writable_V[student.codec.unwritable_ids] = False
        self._decoders: dict[tuple[int, int], Decoder] = {}
        """By rows and most tokens of a head."""
        self._turn = Lock()
        """One batch at a time: the decoders are shared, and torch's number of threads belongs to the process."""

    @classmethod
    def open(cls, student: Student, threads: int | None) -> Self:
        if WEIGHTS not in student.description.digests:
            raise StudentError(f"{student.folder} has no {WEIGHTS}, which the engine torch runs; use llamacpp")
        student.file(WEIGHTS)
        logging.disable_progress_bar()
        device, dtype = ("cuda", torch.bfloat16) if torch.cuda.is_available() else ("cpu", torch.float32)
        try:
            model = AutoModelForCausalLM.from_pretrained(
                student.folder, local_files_only=True, use_safetensors=True, dtype=dtype
            )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise StudentError(f"the model in {student.folder} can't be loaded: {one_line(error)}") from error
        return cls(student, model.eval().to(device), threads)

    def decode(self, decodings: Sequence[Decoding], stop: Event | None = None) -> list[Decoded]:
        sizes, decoded = _ROWS[self.device.type], dict[int, Decoded]()
        for head, places in self._by_room(decodings).items():
            rows = next((size for size in sizes if size >= len(places)), sizes[-1])
            for first in range(0, len(places), rows):
                part = places[first : first + rows]
                with self._turn, _computing_with(self.threads), torch.inference_mode():
                    written = self._write([decodings[place] for place in part], self._decoder(rows, head), stop)
                decoded.update(zip(part, written, strict=True))
        return [decoded[place] for place in range(len(decodings))]

    def _by_room(self, decodings: Sequence[Decoding]) -> dict[int, list[int]]:
        """Return the places of decodings by how many tokens their batch has room for before what is written.

        A text that was begun for the student may stand behind a longer head than any that it was trained on. It is
        written apart from the others, whose numbers would not be the same in a wider batch.
        """
        trained, found = self.student.description.longest_head, dict[int, list[int]]()
        for place, decoding in enumerate(decodings):
            room = trained if len(decoding.head) <= trained else self.student.description.context
            found.setdefault(room, []).append(place)
        return found

    def _write(self, decodings: Sequence[Decoding], decoder: Decoder, stop: Event | None) -> list[Decoded]:
        """Let the decodings be written, as rows of one batch, until all have ended."""
        decoder.begin(decodings)
        guards = _Guards(decodings, self._constraints, decoder) if any(d.grammar for d in decodings) else None
        most = min(decoder.tokens, max(decoding.max_tokens for decoding in decodings))
        look = 1 if guards else _LOOK[self.device.type]
        for step in range(most):
            raise_if_stopped(stop)
            if guards:
                guards.apply_grammar()
            decoder.draw()
            if guards:
                guards.take(step)
            if (step + 1) % look == 0 and not decoder.active_B.any():
                break
            decoder.step()
        texts = zip(decodings, decoder.written_BN.tolist(), decoder.logprobs_BN.tolist(), strict=False)
        return [self._decoded(ids[: d.max_tokens], logprobs) for d, ids, logprobs in texts]

    def _decoded(self, ids: list[int], logprobs: list[float]) -> Decoded:
        end = self.student.codec.end_id
        finished = end in ids
        ids = ids[: ids.index(end) + 1] if finished else ids
        return Decoded(self.student.codec.decode(ids), tuple(ids), tuple(logprobs[: len(ids)]), finished)

    def _decoder(self, rows: int, head: int) -> Decoder:
        if (rows, head) not in self._decoders:
            context, end = self.student.description.context, self.student.codec.end_id
            self._decoders[rows, head] = Decoder(self.model, rows, head, context, self._writable_V, end)
        return self._decoders[rows, head]


class _Guards:
    """The grammars of a batch: before each token they say what is allowed, and after it what it was."""

    def __init__(self, decodings: Sequence[Decoding], constraints: Constraints, decoder: Decoder) -> None:
        self._decoder = decoder
        self._matchers = [d.grammar and constraints.matcher(d.grammar) for d in decodings]
        self._bits_BM = np.full(tuple(decoder.bits_BM.shape), _ALL, dtype=np.int32)
        self._writes = [True] * len(decodings)

    def apply_grammar(self) -> None:
        """Let each row that still writes draw only what its grammar allows."""
        for row, matcher in enumerate(self._matchers):
            if matcher and self._writes[row]:
                fill(self._bits_BM, row, matcher)
        self._decoder.bits_BM.copy_(torch.from_numpy(self._bits_BM))
        self._decoder.apply_grammar()

    def take(self, step: int) -> None:
        """Tell each grammar the token that its row has drawn."""
        drawn, goes_on = self._decoder.written_BN[:, step].tolist(), self._decoder.active_B.tolist()
        for row, matcher in enumerate(self._matchers):
            if matcher and self._writes[row] and drawn[row] != self._decoder.end:
                take(matcher, drawn[row])
            self._writes[row] = goes_on[row]


@contextmanager
def _computing_with(threads: int | None) -> Iterator[None]:
    """Let torch use so many threads. Their number belongs to the process: whatever else it computes keeps its own."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


ENGINE = Torch
