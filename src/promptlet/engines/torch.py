"""The reference engine, for CPUs and GPUs: the student's transformers model with a cache of fixed places.

Every call computes with the same shapes, whatever is decoded: rows and places that nobody needs are computed too. So
what else is in the batch changes no bit of a row. Shapes: B rows, T tokens of a head, V tokens of the vocabulary,
M words of 32 bits.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from threading import Event, Lock
from typing import Any, Self

import numpy as np
import torch
from llguidance import LLMatcher
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, StaticCache
from transformers.utils import logging

from promptlet.engines._constraint import Constraints, fill
from promptlet.engines.base import Decoded, Decoding, Engine, Sampling, go_on
from promptlet.errors import StudentError
from promptlet.student.format import WEIGHTS, Student

_ROWS = 8
_ALL = -1
"""All bits of a word."""


class Torch(Engine):
    """PyTorch in 32 bits, on the first GPU if there is one."""

    name = "torch"

    def __init__(self, student: Student, model: Any, threads: int | None) -> None:
        self.student, self.model, self.device, self.threads = student, model, model.device, threads
        self._constraints = Constraints(student.codec)
        self._places = student.description.longest_head + student.description.context
        self._shifts = torch.arange(32, dtype=torch.int32, device=self.device)
        # No control is ever written but the end.
        self._writable_V = torch.ones(len(student.codec), dtype=torch.bool, device=self.device)
        self._writable_V[student.codec.control_ids] = False
        self._writable_V[student.codec.end_id] = True
        self._turn = Lock()
        """One batch at a time: torch's number of threads belongs to the process."""

    @classmethod
    def open(cls, student: Student, threads: int | None) -> Self:
        if WEIGHTS not in student.description.digests:
            raise StudentError(f"{student.folder} has no {WEIGHTS}, which the engine torch runs; use llamacpp")
        student.file(WEIGHTS)
        logging.disable_progress_bar()
        try:
            model = AutoModelForCausalLM.from_pretrained(
                student.folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
            )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            reason = " ".join(str(error).split())
            raise StudentError(f"the model in {student.folder} can't be loaded: {reason}") from error
        return cls(student, model.eval().to("cuda" if torch.cuda.is_available() else "cpu"), threads)

    def decode(self, decodings: Sequence[Decoding], stop: Event | None = None) -> list[Decoded]:
        waiting, decoded = iter(decodings), []
        while batch := list(islice(waiting, _ROWS)):
            rows = [_Row(decoding, self._constraints) for decoding in batch]
            with self._turn, _computing_with(self.threads):
                self._write(rows, stop)
            decoded += [row.decoded(self.student) for row in rows]
        return decoded

    @torch.inference_mode()
    def _write(self, rows: list[_Row], stop: Event | None) -> None:
        """Let the rows write until all have ended."""
        for logits_BV in self._logits(rows):
            go_on(stop)
            chances_BV = logits_BV.log_softmax(1)
            for index, row in enumerate(rows):
                for token, bias in row.decoding.bias:
                    logits_BV[index, token] += bias
            logits_BV.masked_fill_(~self._allowed(rows), -torch.inf)
            for index, row in enumerate(rows):
                if row.writes:
                    token = _draw(logits_BV[index], row.decoding.sampling, row.chance)
                    row.append(token, float(chances_BV[index, token]), self.student.codec.end_id)
            if not any(row.writes for row in rows):
                return

    def _logits(self, rows: list[_Row]) -> Iterator[torch.Tensor]:
        """Yield the logits of the rows' next tokens, [B, V], again and again: first those behind the heads."""
        longest, vocabulary = self.student.description.longest_head, len(self.student.codec)
        end = self.student.codec.end_id
        heads = [list(row.decoding.head) for row in rows] + [[end]] * (_ROWS - len(rows))
        # Padding on the left brings all heads to an end at the same place.
        ids_BT = torch.tensor([[end] * (longest - len(head)) + head for head in heads], device=self.device)
        seen_BP = torch.zeros(_ROWS, self._places, dtype=torch.long, device=self.device)
        for row, head in enumerate(heads):
            seen_BP[row, longest - len(head) : longest] = 1
        positions_BT = (seen_BP[:, :longest].cumsum(1) - 1).clamp(min=0)
        cache = StaticCache(config=self.model.config, max_cache_len=self._places)
        place = longest
        while True:
            logits_BTV = self.model(
                input_ids=ids_BT,
                attention_mask=seen_BP,
                position_ids=positions_BT,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            ).logits
            yield logits_BTV[:, -1, :vocabulary].float()
            last = [row.ids[-1] for row in rows] + [end] * (_ROWS - len(rows))
            ids_BT = torch.tensor(last, device=self.device)[:, None]
            # A row that has ended stays where it is.
            writing_B = torch.tensor([row.writes for row in rows] + [False] * (_ROWS - len(rows)), device=self.device)
            positions_BT = positions_BT[:, -1:] + writing_B[:, None]
            seen_BP[:, place] = 1
            place += 1

    def _allowed(self, rows: list[_Row]) -> torch.Tensor:
        """Return which tokens each row may write next, [B, V]."""
        bits_BM = np.full((_ROWS, (len(self._writable_V) + 31) // 32), _ALL, dtype=np.int32)
        for index, row in enumerate(rows):
            if row.matcher is not None and row.writes:
                fill(bits_BM, index, row.matcher)
        bits_BM32 = torch.from_numpy(bits_BM).to(self.device)[:, :, None] >> self._shifts
        allowed_BV = (bits_BM32 & 1).bool().flatten(1)[:, : len(self._writable_V)] & self._writable_V
        for index, row in enumerate(rows):
            allowed_BV[index, list(row.decoding.never)] = False
        return allowed_BV


class _Row:
    """One decoding on its way."""

    def __init__(self, decoding: Decoding, constraints: Constraints) -> None:
        self.decoding, self.chance = decoding, random.Random(decoding.seed)
        self.matcher: LLMatcher | None = constraints.matcher(decoding.grammar) if decoding.grammar else None
        self.ids: list[int] = []
        self.chances: list[float] = []
        self.finished = False

    @property
    def writes(self) -> bool:
        """Whether it goes on."""
        return not self.finished and len(self.ids) < self.decoding.max_tokens

    def append(self, token: int, chance: float, end: int) -> None:
        """Take the next token and the logarithm of its chance."""
        self.ids.append(token)
        self.chances.append(chance)
        self.finished = token == end
        if self.matcher is not None and not self.finished:
            assert self.matcher.consume_token(token), self.matcher.get_error()

    def decoded(self, student: Student) -> Decoded:
        """Return what was written."""
        return Decoded(student.codec.decode(self.ids), tuple(self.ids), tuple(self.chances), self.finished)


@contextmanager
def _computing_with(threads: int | None) -> Iterator[None]:
    """Let torch use so many threads. Their number belongs to the process: whatever else it computes keeps its own."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _draw(logits: torch.Tensor, how: Sampling, chance: random.Random) -> int:
    """Return a token, narrowed down in llama.cpp's order: top-k, top-p, min-p, temperature."""
    if how.temperature == 0:
        return int(logits.argmax())
    top, tokens = logits.topk(min(how.top_k or len(logits), len(logits)))
    shares = top.softmax(0)
    drawn = (shares.cumsum(0) - shares < how.top_p) & (shares >= how.min_p * shares[0])
    sums = (top[drawn] / how.temperature).softmax(0).cumsum(0)
    place = int((sums <= chance.random() * sums[-1]).sum())
    return int(tokens[drawn][min(place, len(sums) - 1)])


ENGINE = Torch
