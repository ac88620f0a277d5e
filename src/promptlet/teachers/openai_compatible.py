"""A teacher behind any OpenAI-compatible endpoint: vLLM, Ollama, llama.cpp, hosted APIs (package `openai`).

The package repeats failed requests with exponential back-off and jitter, or when the endpoint's Retry-After says (up
to two minutes). Every attempt keeps to the rates, and replies are read by our own definition of them, because
endpoints answer with anything.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from promptlet.errors import TeacherError
from promptlet.extras import needing
from promptlet.io.atomic import value_digest
from promptlet.rate_limit import RateLimiter
from promptlet.remote import address, reason
from promptlet.teachers.base import Answer, Message, Teacher, TeacherConfig, TeacherRequest

_FIELDS = ("max_tokens", "temperature", "top_p", "seed", "response_format")
_BYTES_PER_TOKEN = 4
"""Of a request's body; what was really used corrects it once it is known."""
_WRAPPING_TOKENS = 16
"""What a JSON object takes beside its text."""
_THOUGHT = re.compile(r"\A.*?</think>\s*", re.DOTALL)
"""What comes before the answer of a model that thinks first, where the endpoint does not take it out."""
_IN_JSON = 'Answer with a JSON object and nothing else: {"prompt": "..."}'


class OpenAICompatibleConfig(TeacherConfig):
    """Settings of an endpoint. Those that can't change an answer do not make a run another one."""

    base_url: str = Field(exclude=True)
    """The API's root, as in ``http://127.0.0.1:8000/v1``."""
    model: str
    """The model's name at that endpoint."""
    version: str | None = Field(default=None, min_length=1, max_length=200)
    """What tells this model from others that the same name stands for, there or elsewhere; another is asked anew."""
    api_key_variable: str = Field(default="OPENAI_API_KEY", exclude=True)
    """Environment variable that holds the key; endpoints without keys ignore it."""
    concurrency: int = Field(default=16, ge=1, le=1024, exclude=True)
    """Requests in flight."""
    timeout: float = Field(default=60.0, gt=0, le=3600, exclude=True)
    """Seconds that the endpoint may stay silent before a request is given up and repeated."""
    retries: int = Field(default=6, ge=0, le=20, exclude=True)
    """Repetitions after 408, 409, 429, 5xx, silence and lost connections; the default waits some 23 seconds in all."""
    requests_per_minute: float | None = Field(default=None, gt=0, exclude=True)
    """Requests that are sent in a minute at most, repetitions included."""
    tokens_per_minute: float | None = Field(default=None, gt=0, exclude=True)
    """Tokens, of requests and answers together, that are used in a minute at most."""
    answers: Literal["plain", "json"] = "plain"
    """`json` asks for an object ``{"prompt": ...}``, in words and by a schema in `response_format`."""
    answer_schema: dict[str, Any] | None = None
    """A JSON schema of your own that plain answers are to follow, sent as `response_format`; they are not read here."""
    thinking: int = Field(default=0, ge=0, le=65_536)
    """Tokens that an answer may take beyond those of the prompt, for models that think first."""
    names: dict[str, str | None] = Field(default_factory=dict)
    """What this endpoint calls a field of a request, where it differs; null leaves the field out."""
    extra: dict[str, Any] = Field(default_factory=dict)
    """More fields for the body of every request, as in ``{min_p: 0.1}``."""

    @property
    def address(self) -> str:
        """Where it is, without credentials: what errors and reports say."""
        return address(self.base_url)

    @field_validator("base_url")
    @classmethod
    def _addressed(cls, url: str) -> str:
        address(url)
        return url

    @field_validator("names")
    @classmethod
    def _known(cls, names: dict[str, str | None]) -> dict[str, str | None]:
        for field in names:
            if field not in _FIELDS:
                raise ValueError(f"a request has no field '{field}' to rename; it has: {', '.join(_FIELDS)}")
        return names

    @field_validator("extra")
    @classmethod
    def _additional(cls, extra: dict[str, Any]) -> dict[str, Any]:
        for field in extra:
            if field in ("model", "messages", *_FIELDS):
                raise ValueError(f"'{field}' is in every request already")
        return extra


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Reply(BaseModel):
    """What is read of a chat completion."""

    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


class _Wrapped(BaseModel):
    """A prompt as a JSON answer holds it."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False})
    prompt: str


class OpenAICompatible(Teacher):
    """One client for all servers that speak OpenAI's chat completions."""

    Config = OpenAICompatibleConfig

    def __init__(self, config: OpenAICompatibleConfig) -> None:
        import openai

        self.config, self.concurrency = config, config.concurrency
        named = {"version", "answers", "answer_schema", "thinking", "names", "extra"}
        matters = config.model_dump(include=named, exclude_defaults=True)
        self.identity = config.model + (f":{value_digest(matters)[:16]}" if matters else "")
        self._request_limit = RateLimiter(config.requests_per_minute) if config.requests_per_minute else None
        self._token_limit = RateLimiter(config.tokens_per_minute) if config.tokens_per_minute else None
        self.client = openai.OpenAI(
            base_url=config.base_url,
            api_key=os.environ.get(config.api_key_variable, "none"),
            timeout=config.timeout,
            max_retries=config.retries,
            http_client=openai.DefaultHttpxClient(event_hooks={"request": [self._wait]}),
        )

    @classmethod
    def open(cls, config: OpenAICompatibleConfig) -> Self:
        with needing("an OpenAI-compatible teacher", "distill"):
            import openai
        teacher = cls(config)
        try:
            served = [model.id for model in teacher.client.with_options(timeout=10, max_retries=1).models.list()]
        except openai.NotFoundError:
            return teacher  # an endpoint that lists no models says by its answers whether it has this one
        except (openai.APIError, ValueError, AttributeError, TypeError) as error:  # a list of an unexpected shape
            teacher.close()
            raise TeacherError(f"the teacher at {config.address} can't be reached: {reason(error)}") from error
        if config.model not in served:
            teacher.close()
            raise TeacherError(f"{config.address} serves no model '{config.model}'; it serves: {', '.join(served)}")
        return teacher

    def most_tokens(self, request: TeacherRequest) -> tuple[int, int]:
        body = self._body(request)
        return len(json.dumps(body | self.config.extra).encode()), body["max_tokens"]

    def _body(self, request: TeacherRequest) -> dict[str, Any]:
        """Return what is sent, by the names that fields usually have."""
        body: dict[str, Any] = asdict(request)
        body["max_tokens"] += self.config.thinking
        if self.config.answers == "json":
            body["messages"] = _in_json(request.messages)
            body["max_tokens"] += _WRAPPING_TOKENS
            body["response_format"] = _following(_Wrapped.model_json_schema())
        elif self.config.answer_schema:
            body["response_format"] = _following(self.config.answer_schema)
        return body

    def complete(self, request: TeacherRequest) -> Answer:
        import openai

        body = self._body(request)
        named = {self.config.names.get(field, field): value for field, value in body.items()}
        named.pop(None, None)
        try:
            # The client's own method knows neither renamed nor further fields.
            response = self.client.chat.completions.with_raw_response.create(
                model=self.config.model, messages=[], extra_body=named | self.config.extra
            )
        except (openai.APIError, ValueError) as error:
            raise TeacherError(f"{self.config.address}: {reason(error)}") from error
        return self._read(response.http_response)

    def _read(self, response: Any) -> Answer:
        try:
            reply = _Reply.model_validate_json(response.content)
        except ValidationError as error:
            raise TeacherError(f"{self.config.address} gave no chat completion: {response.text[:80]!r}") from error
        choice, usage = reply.choices[0], reply.usage or _Usage()
        if self._token_limit and reply.usage:
            self._token_limit.correct(usage.prompt_tokens + usage.completion_tokens - _tokens_of(response.request))
        if choice.finish_reason == "content_filter":
            raise TeacherError(f"{self.config.address} held the answer back (content_filter)")
        text, finished = _THOUGHT.sub("", choice.message.content or "", count=1), choice.finish_reason != "length"
        if not text and finished:
            raise TeacherError(f"{self.config.address} answered without any text")
        if self.config.answers == "json" and finished:
            text = self._unwrap(text)
        return Answer(text, finished, usage.prompt_tokens, usage.completion_tokens)

    def _unwrap(self, text: str) -> str:
        bare = text.strip().removeprefix("```json").removeprefix("```").removesuffix("```")
        try:
            return _Wrapped.model_validate_json(bare).prompt
        except ValidationError as error:
            raise TeacherError(f"{self.config.address} answered no JSON object with a prompt: {text[:80]!r}") from error

    def _wait(self, request: Any) -> None:
        """Hold an attempt back until the rates allow it; time spent here is no part of the timeout."""
        if request.method != "POST":
            return
        if self._request_limit:
            self._request_limit.wait()
        if self._token_limit:
            self._token_limit.wait(_tokens_of(request))

    def close(self) -> None:
        self.client.close()


def _in_json(messages: tuple[Message, ...]) -> list[Message]:
    """Return the chat with its exemplars, and what it asks for, in the form of JSON objects."""
    system, *turns = messages
    wrapped = [
        turn | {"content": json.dumps({"prompt": turn["content"]}, ensure_ascii=False)}
        if turn["role"] == "assistant"
        else turn
        for turn in turns
    ]
    return [system | {"content": f"{system['content']} {_IN_JSON}"}, *wrapped]


def _following(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the field of a request that has the endpoint enforce a schema."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}


def _tokens_of(request: Any) -> float:
    return len(request.content) / _BYTES_PER_TOKEN


TEACHER = OpenAICompatible
