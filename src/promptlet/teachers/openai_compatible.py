"""A teacher behind any OpenAI-compatible endpoint: vLLM, Ollama, llama.cpp, hosted APIs (package `openai`)."""

from __future__ import annotations

import os
from typing import Any, Self

from pydantic import Field

from promptlet.errors import MissingExtraError, TeacherError
from promptlet.teachers.base import Answer, Teacher, TeacherConfig, TeacherRequest


class OpenAICompatibleConfig(TeacherConfig):
    """Settings of an endpoint."""

    base_url: str
    """The API's root, as in ``http://127.0.0.1:8000/v1``."""
    model: str
    """The model's name at that endpoint."""
    api_key_variable: str = "OPENAI_API_KEY"
    """Environment variable that holds the key; endpoints without keys ignore it."""
    concurrency: int = Field(default=16, ge=1, le=1024)
    timeout: float = Field(default=60.0, gt=0, le=3600)
    """Seconds that one request may take."""
    retries: int = Field(default=4, ge=0, le=20)
    """Repetitions after 408, 409, 429, 5xx and lost connections, with back-off and jitter."""


class OpenAICompatible(Teacher):
    """One client for all servers that speak OpenAI's chat completions."""

    Config = OpenAICompatibleConfig

    def __init__(self, client: Any, config: OpenAICompatibleConfig) -> None:
        self.client, self.config = client, config
        self.identity = config.model
        self.concurrency = config.concurrency

    @classmethod
    def open(cls, config: OpenAICompatibleConfig) -> Self:
        try:
            import openai
        except ImportError as error:
            raise MissingExtraError("an OpenAI-compatible teacher", "distill", "openai") from error
        client = openai.OpenAI(
            base_url=config.base_url,
            api_key=os.environ.get(config.api_key_variable, "none"),
            timeout=config.timeout,
            max_retries=config.retries,
        )
        try:
            served = [model.id for model in client.with_options(timeout=10, max_retries=1).models.list()]
        except (openai.APIError, ValueError) as error:
            raise TeacherError(f"the teacher at {config.base_url} can't be reached: {_reason(error)}") from error
        if config.model not in served:
            raise TeacherError(f"{config.base_url} serves no model '{config.model}'; it serves: {', '.join(served)}")
        return cls(client, config)

    def complete(self, request: TeacherRequest) -> Answer:
        import openai

        try:
            reply = self.client.chat.completions.create(
                model=self.config.model,
                messages=list(request.messages),
                max_tokens=request.max_tokens,
                temperature=request.temperature,
                top_p=request.top_p,
                seed=request.seed,
            )
        except (openai.APIError, ValueError) as error:  # ValueError: an answer that is no JSON
            raise TeacherError(f"{self.config.base_url}: {_reason(error)}") from error
        if not reply.choices or reply.choices[0].message.content is None:
            raise TeacherError(f"{self.config.base_url} answered without any text")
        choice, usage = reply.choices[0], reply.usage
        return Answer(
            choice.message.content,
            choice.finish_reason != "length",
            usage.prompt_tokens if usage else 0,
            usage.completion_tokens if usage else 0,
        )

    def close(self) -> None:
        self.client.close()


def _reason(error: Exception) -> str:
    return " ".join(str(error.__cause__ or error).split())[:200]


TEACHER = OpenAICompatible
