"""The engine for many texts on CPUs: the student's GGUF in OpenVINO (Apache-2.0).

Four texts and more are written some two to three times as fast as by llama.cpp. Texts that begin together are the rows
of one batch. What else is in it changes no bit of a row: heads are padded to a width that depends on themselves alone,
and a batch has never fewer rows than this processor needs to compute all of them alike, which is tried out when the
engine is opened. Shapes: B rows, T tokens of a call, P places, V tokens of the vocabulary, W numbers of an embedding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Event, Lock
from typing import Any, Self

import numpy as np

from promptlet.cores import usable_cores
from promptlet.engines._constraint import Constraints, fill
from promptlet.engines._drawing import Scores, draw, uniforms
from promptlet.engines._gpt2_graph import EMBEDDED, MASK, ROWS, Compiled, compile_student
from promptlet.engines.base import Decoded, Decoding, Engine, raise_if_stopped
from promptlet.student.format import GGUF, Student

_MOST_ROWS = 32
_WIDTHS = 8
"""Heads are read without their last token, padded to a multiple of so many."""


class OpenVINO(Engine):
    """OpenVINO's plugin for CPUs, without torch."""

    name = "openvino"

    def __init__(self, student: Student, compiled: Compiled) -> None:
        self.student, self._request, self._embeddings = student, compiled.request, compiled.embeddings
        self._constraints = Constraints(student.codec)
        self._barred_V = np.zeros(len(student.codec), dtype=np.float32)
        self._barred_V[student.codec.unwritable_ids] = -np.inf
        self._turn = Lock()
        """One batch at a time: the states of its rows are the request's."""
        self._fewest = self._fewest_rows()

    @classmethod
    def open(cls, student: Student, threads: int | None) -> Self:
        return cls(student, compile_student(student.file(GGUF), threads or usable_cores()))

    def decode(self, decodings: Sequence[Decoding], stop: Event | None = None) -> list[Decoded]:
        rows = [_Row(decoding, self) for decoding in decodings]
        widths = sorted({row.width for row in rows})
        for width in widths:
            alike = [row for row in rows if row.width == width]
            for first in range(0, len(alike), _MOST_ROWS):
                with self._turn:
                    self._write(alike[first : first + _MOST_ROWS], width, stop)
        return [row.decoded() for row in rows]

    def _write(self, rows: Sequence[_Row], width: int, stop: Event | None) -> None:
        """Write the texts of some rows, until all have ended; those that have leave the batch."""
        active = [row for row in rows if row.room]
        if not active:
            return
        heads = list(dict.fromkeys(row.decoding.head for row in active))  # drafts of one wish share theirs
        self._read(heads, width)
        before = [heads.index(row.decoding.head) for row in active]
        while active:
            raise_if_stopped(stop)
            chances_BV = self._step(active, before)
            for row, chances in zip(active, chances_BV, strict=False):
                row.take(chances[: len(self._barred_V)])
            before = [place for place, row in enumerate(active) if row.writes]
            active = [row for row in active if row.writes]

    def _read(self, heads: Sequence[tuple[int, ...]], width: int) -> None:
        """Read all heads but their last tokens, a row each."""
        self._request.reset_state()
        count = max(len(heads), -(-self._fewest // width))
        ids_BT, places_BT = np.zeros((2, count, width), dtype=np.int64)
        padding_B1 = np.full((count, 1), width)
        for row, head in enumerate(heads):
            padding_B1[row] = width - len(head) + 1
            ids_BT[row, padding_B1[row, 0] :] = head[:-1]
            places_BT[row, padding_B1[row, 0] :] = np.arange(len(head) - 1)
        places = np.arange(width)
        seen_BTT = (places <= places[:, None]) & (places >= padding_B1[:, None])
        # Padding sees itself, so that it stays a number.
        self._call(ids_BT, places_BT, seen_BTT | np.eye(width, dtype=bool), range(count))

    def _step(self, active: Sequence[_Row], before: Sequence[int]) -> Scores:
        """Read the last token of each row, which stood at a place `before`; return what may come, [B, V]."""
        missing = max(0, self._fewest - len(active))
        active, before = [*active, *[active[0]] * missing], [*before, *[before[0]] * missing]
        ids_B1 = np.array([[row.last] for row in active])
        places_B1 = np.array([[row.place] for row in active])
        padding_B11 = np.array([[[row.padding]] for row in active])
        width = active[0].padding + active[0].place + 1
        return self._call(ids_B1, places_B1, np.arange(width) >= padding_B11, before)

    def _call(self, ids_BT: Any, places_BT: Any, seen_BTP: Any, before: Iterable[int]) -> Scores:
        mask_B1TP = np.where(seen_BTP, np.float32(0), np.float32(-np.inf))[:, None]
        embedded_BTW = self._embeddings(ids_BT, places_BT)
        self._request.infer({EMBEDDED: embedded_BTW, MASK: mask_B1TP, ROWS: np.array(list(before), dtype=np.int32)})
        found: Scores = self._request.get_output_tensor(0).data
        return found

    def _fewest_rows(self) -> int:
        """Return how many rows a batch needs so that more of them change no bit of a row.

        Processors have other ways to multiply few rows, that add up in another order.
        """
        ids_B1 = np.arange(_MOST_ROWS)[:, None] % len(self.student.codec)
        sizes, found = [2**power for power in range(_MOST_ROWS.bit_length())], dict[int, bytes]()
        for size in sizes:
            self._request.reset_state()
            for place in range(2):
                places_B1 = np.full((size, 1), place)
                seen_B1P = np.ones((size, 1, place + 1), dtype=bool)
                chances_BV = self._call(ids_B1[:size], places_B1, seen_B1P, range(size))
            found[size] = chances_BV[0].tobytes()
        different = [size for size in sizes if found[size] != found[_MOST_ROWS]]
        return 2 * max(different) if different else 1


class _Row:
    """A text that is being written."""

    def __init__(self, decoding: Decoding, engine: OpenVINO) -> None:
        self.decoding, self._codec = decoding, engine.student.codec
        self.width = max(_WIDTHS, -(-(len(decoding.head) - 1) // _WIDTHS) * _WIDTHS)
        self.padding = self.width - len(decoding.head) + 1
        self.room = max(0, min(decoding.max_tokens, engine.student.description.context - len(decoding.head)))
        self._uniforms, self._ids, self._logprobs = uniforms(decoding, self.room), list[int](), list[float]()
        self._bias_V = engine._barred_V.copy()
        for token, bias in decoding.bias:
            self._bias_V[token] += bias
        self._bias_V[list(decoding.forbidden)] = -np.inf
        self._matcher = engine._constraints.matcher(decoding.grammar) if decoding.grammar else None
        self._bits_1M = np.zeros((1, (len(self._codec) + 31) // 32), dtype=np.int32)

    @property
    def last(self) -> int:
        """The token that is read next."""
        return self._ids[-1] if self._ids else self.decoding.head[-1]

    @property
    def place(self) -> int:
        """Where that token stands, from 0."""
        return len(self.decoding.head) - 1 + len(self._ids)

    @property
    def writes(self) -> bool:
        """Whether there is room and no end yet."""
        return len(self._ids) < self.room and self._codec.end_id not in self._ids[-1:]

    def take(self, chances: Scores) -> None:
        """Draw a token by the logarithms of probabilities."""
        scores = chances + self._bias_V
        if self._matcher:
            fill(self._bits_1M, 0, self._matcher)
            allowed = np.unpackbits(self._bits_1M.view(np.uint8), bitorder="little", count=len(scores))
            scores[allowed == 0] = -np.inf
        token = draw(scores, self.decoding.sampling, self._uniforms[len(self._ids)])
        if self._matcher and token != self._codec.end_id:
            taken = self._matcher.consume_token(token)
            assert taken, self._matcher.get_error()
        self._ids.append(token)
        self._logprobs.append(float(chances[token]))

    def decoded(self) -> Decoded:
        finished = self._codec.end_id in self._ids[-1:]
        return Decoded(self._codec.decode(self._ids), tuple(self._ids), tuple(self._logprobs), finished)


ENGINE = OpenVINO
