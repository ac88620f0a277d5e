"""A look ahead while training: what the student writes, free running, for a few held-out wishes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from promptlet.commands.words import Words
from promptlet.student.data import Encoded
from promptlet.student.writing import SPARE_TOKENS, write
from promptlet.tokenizer import Codec
from promptlet.types import Sample

_SHOWN = 4


@dataclass(frozen=True)
class Preview:
    """Held-out wishes, always the same, with the words that each commands (none for a student without that command)."""

    codec: Codec
    heads: list[list[int]]
    room: int
    """Most tokens of a prompt."""

    @classmethod
    def of(cls, codec: Codec, held_out: Encoded, count: int) -> Self:
        """Return `count` wishes spread over the held-out samples."""
        step = max(1, len(held_out) // max(1, count))
        heads = [held_out.head(index) for index in range(0, len(held_out), step)][:count]
        return cls(codec, heads, held_out.longest_prompt + SPARE_TOKENS)

    def look(self, model: Any) -> tuple[dict[str, float], list[dict[str, str]]]:
        """Let a copy of the model write; return the metrics, and the first wishes with their texts.

        Args:
            model: a transformers causal language model that is not used afterwards.
        """
        if not self.heads:
            return {}, []
        texts = dict(write(model, self.codec, self.heads, range(len(self.heads)), self.room))
        shown = [
            {"wish": self.codec.tokenizer.decode(head, skip_special_tokens=False), "text": texts[row]}
            for row, head in enumerate(self.heads[:_SHOWN])
        ]
        if (command := self.codec.commands.get(Words.name)) is None:
            return {}, shown
        errors = []
        for row, head in enumerate(self.heads):
            wanted = self.codec.commanded(head)[Words.name]
            errors.append(abs(command.score(wanted, Sample((), "", texts[row]))))
        return {"length_error": sum(errors) / len(errors)}, shown
