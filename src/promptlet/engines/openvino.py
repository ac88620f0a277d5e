"""The engine for many texts on CPUs: the student's GGUF in OpenVINO (Apache-2.0).

Four texts and more are written some two to three times as fast as by llama.cpp. The texts that wait, whoever wants
them, are the rows of the next batch, and a batch is written to its end. What else is in it changes no bit of a row:
heads are padded to a width that depends on themselves alone, and a batch has never fewer rows than this processor needs
to compute all of them alike, which is tried out when the engine is opened. Shapes: B rows, T tokens of a call, P
places, V tokens of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Condition, Event
from typing import Self

from promptlet.cores import usable_cores
from promptlet.engines.base import Decoded, Decoding, Engine, raise_if_stopped
from promptlet.extras import needing
from promptlet.student.format import GGUF, Student

with needing("the engine openvino", "openvino"):
    import numpy as np

    from promptlet.engines._company import WIDTHS, Company, find_company
    from promptlet.engines._constraint import Constraints, bar, take
    from promptlet.engines._drawing import Scores, draw, uniforms
    from promptlet.engines._gpt2_graph import Compiled, compile_student

_MOST_ROWS = 32
_PATIENCE = 0.05
"""Seconds after which who waits for another's batch looks whether it shall go on."""


class OpenVINO(Engine):
    """OpenVINO's plugin for CPUs, without torch."""

    name = "openvino"
    side_by_side = 16

    def __init__(self, student: Student, compiled: Compiled, company: Company) -> None:
        self.student, self._compiled, self._company = student, compiled, company
        self._one_thread = ThreadPoolExecutor(1, "openvino")
        """Computes, for OpenVINO keeps some 100 MB for every thread that ever asked it."""
        self._constraints = Constraints(student.codec)
        self._barred_V = np.zeros(len(student.codec), dtype=np.float32)
        self._barred_V[student.codec.unwritable_ids] = -np.inf
        self._changed, self._driven = Condition(), False
        """Whether some call computes; the others wait until their rows have ended, or it is their turn."""
        self._waiting: list[_Row] = []
        self._active: list[_Row] = []
        """The rows of the batch whose keys and values the request holds, at the places `_before`."""
        self._before: list[int] = []

    @classmethod
    def open(cls, student: Student, threads: int | None) -> Self:
        weights, threads = student.file(GGUF), threads or usable_cores()
        company = find_company(compile_student(weights, threads, layers=1), len(student.codec), _MOST_ROWS)
        return cls(student, compile_student(weights, threads), company)

    def decode(self, decodings: Sequence[Decoding], stop: Event | None = None) -> list[Decoded]:
        rows = [_Row(decoding, self) for decoding in decodings]
        with self._changed:
            self._waiting += rows
        try:
            while not all(row.ended for row in rows):
                with self._turn(rows) as mine:
                    raise_if_stopped(stop)
                    while mine and not all(row.ended for row in rows):
                        self._one_thread.submit(self._advance).result()
                        raise_if_stopped(stop)
        finally:
            for row in rows:
                row.ended = True  # nobody waits for it any more
        return [row.decoded() for row in rows]

    @contextmanager
    def _turn(self, rows: Sequence[_Row]) -> Iterator[bool]:
        """Wait until nobody computes or the rows have ended, but not for ever; yield whether to compute now."""
        with self._changed:
            self._changed.wait_for(lambda: not self._driven or all(row.ended for row in rows), _PATIENCE)
            mine = not self._driven
            self._driven = True
        try:
            yield mine
        finally:
            if mine:
                with self._changed:
                    self._driven = False
                    self._changed.notify_all()

    def _advance(self) -> None:
        """Write a token of each row of the batch; if it has ended, begin the next one before."""
        going = [place for place, row in enumerate(self._active) if not row.ended]
        self._active, self._before = [self._active[place] for place in going], [self._before[place] for place in going]
        try:
            if not self._active and not self._begin():
                return
            for row, chances in zip(self._active, self._step(), strict=False):
                row.take(chances[: len(self._barred_V)])
        except BaseException as error:
            for row in self._active:
                row.fail(error)
            raise
        self._before = list(range(len(self._active)))
        if any(row.ended for row in self._active):
            with self._changed:
                self._changed.notify_all()

    def _begin(self) -> bool:
        """Make a batch of the row that waits longest and others of its width; return False if none waits."""
        with self._changed:
            self._waiting = [row for row in self._waiting if not row.ended]
            alike = [row for row in self._waiting if row.width == self._waiting[0].width]
            self._active = alike[:_MOST_ROWS]
            self._waiting = [row for row in self._waiting if row not in self._active]
        if self._active:
            heads = list(dict.fromkeys(row.decoding.head for row in self._active))  # drafts of a wish share theirs
            self._before = [heads.index(row.decoding.head) for row in self._active]
            self._read(heads, self._active[0].width)
        return bool(self._active)

    def _read(self, heads: Sequence[tuple[int, ...]], width: int) -> None:
        """Read all heads but their last tokens, a row each."""
        count = max(len(heads), self._company.fewest)
        ids_BT, places_BT = np.zeros((2, count, width), dtype=np.int64)
        padding_B1 = np.full((count, 1), width)
        for row, head in enumerate(heads):
            padding_B1[row] = width - len(head) + 1
            ids_BT[row, padding_B1[row, 0] :] = head[:-1]
            places_BT[row, padding_B1[row, 0] :] = np.arange(len(head) - 1)
        self._compiled.begin(ids_BT, places_BT, padding_B1, at_once=self._company.at_once)

    def _step(self) -> Scores:
        """Read the last token of each row; return what may come, [B, V]."""
        missing = max(0, self._company.fewest - len(self._active))
        rows = [*self._active, *self._active[:1] * missing]
        ids_B1, places_B1 = np.array([[row.last] for row in rows]), np.array([[row.place] for row in rows])
        padding_B11 = np.array([[[row.padding]] for row in rows])
        seen_B1P = np.arange(rows[0].padding + rows[0].place + 1) >= padding_B11
        return self._compiled.go_on(ids_B1, places_B1, seen_B1P, [*self._before, *self._before[:1] * missing])


class _Row:
    """A text that is being written."""

    def __init__(self, decoding: Decoding, engine: OpenVINO) -> None:
        self.decoding, self._codec = decoding, engine.student.codec
        self.width = max(WIDTHS, -(-(len(decoding.head) - 1) // WIDTHS) * WIDTHS)
        self.padding = self.width - len(decoding.head) + 1
        self.room = max(0, min(decoding.max_tokens, engine.student.description.context - len(decoding.head)))
        self._uniforms, self._ids, self._logprobs = uniforms(decoding, self.room), list[int](), list[float]()
        self._bias_V = engine._barred_V.copy()
        for token, bias in decoding.bias:
            self._bias_V[token] += bias
        self._bias_V[list(decoding.forbidden)] = -np.inf
        self._matcher = engine._constraints.matcher(decoding.grammar) if decoding.grammar else None
        self._failure: BaseException | None = None
        self.ended = not self.room

    @property
    def last(self) -> int:
        """The token that is read next."""
        return self._ids[-1] if self._ids else self.decoding.head[-1]

    @property
    def place(self) -> int:
        """Where that token stands, from 0."""
        return len(self.decoding.head) - 1 + len(self._ids)

    def take(self, chances: Scores) -> None:
        """Draw a token by the logarithms of probabilities; where none is allowed any more, the text breaks off."""
        scores = chances + self._bias_V
        if self._matcher:
            bar(scores, self._matcher, self.decoding.sampling)
        token = draw(scores, self.decoding.sampling, self._uniforms[len(self._ids)])
        if scores[token] == -np.inf:
            self.ended = True
            return
        if self._matcher and token != self._codec.end_id:
            take(self._matcher, token)
        self._ids.append(token)
        self._logprobs.append(float(chances[token]))
        if token == self._codec.end_id or len(self._ids) == self.room:
            self.ended = True

    def fail(self, error: BaseException) -> None:
        """End without a text."""
        self._failure, self.ended = error, True

    def decoded(self) -> Decoded:
        if self._failure is not None:
            raise RuntimeError("the batch that held this text failed") from self._failure
        finished = self._codec.end_id in self._ids[-1:]
        return Decoded(self._codec.decode(self._ids), tuple(self._ids), tuple(self._logprobs), finished)


ENGINE = OpenVINO
