"""The API that OpenAI's clients speak: models, text completions, chat completions.

A choice is a whole prompt, the best of several draws, so a stream brings it in one piece.
"""

# No `from __future__ import annotations`: FastAPI reads annotations that name types made here for this student.

import re
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Body as BodyOf
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, Response, StreamingResponse

from promptlet.errors import PromptletError, UsageError
from promptlet.generation import Prompt, Request
from promptlet.serve.bodies import to_request
from promptlet.serve.errors import (
    DeadlineExceededError,
    InvalidRequestError,
    ModelNotFoundError,
    NoPromptFoundError,
    OverloadedError,
    error_responses,
)
from promptlet.serve.openai_bodies import (
    NOT_GENERATION_FIELDS,
    chat_body,
    chat_example,
    last_user_text,
    split_intents,
    text_body,
    text_example,
)
from promptlet.serve.request_queue import Job
from promptlet.serve.service import Service
from promptlet.serve.sse import SSE_CONTENT, SSE_MEDIA_TYPE, sse_event, stream_error

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
"""What an incomplete character is decoded to."""
_RESPONSES = error_responses(
    InvalidRequestError, ModelNotFoundError, NoPromptFoundError, OverloadedError, DeadlineExceededError
) | {200: {"content": SSE_CONTENT}}


def openai_routes(service: Service) -> APIRouter:
    """Return the routes that OpenAI's clients call."""
    router, student, limits = APIRouter(tags=["OpenAI"]), service.generator.student, service.settings.limits
    chat_type: Any = chat_body(student, limits)
    text_type: Any = text_body(student, limits)
    model = {"id": service.name, "object": "model", "created": int(time.time()), "owned_by": "promptlet"}

    @router.get("/v1/models")
    async def models() -> dict[str, Any]:
        """List the one model that is served."""
        return {"object": "list", "data": [model]}

    @router.get("/v1/models/{name}", responses=error_responses(ModelNotFoundError))
    async def one_model(name: str) -> dict[str, Any]:
        """Describe the model."""
        _check_model(service, name)
        return model

    @router.post("/v1/chat/completions", response_model=None, responses=_RESPONSES)
    async def chat(
        http: HttpRequest,
        body: Annotated[chat_type, BodyOf(openapi_examples={"intents": {"value": chat_example(service.name)}})],
    ) -> Response:
        """Write prompts for what the user said last."""
        _check_model(service, body.model)
        request = _to_request(body, last_user_text(body.messages), _ChatFormat)
        return await _complete(service, http, body, [request], _ChatFormat())

    @router.post("/v1/completions", response_model=None, responses=_RESPONSES)
    async def text(
        http: HttpRequest,
        body: Annotated[text_type, BodyOf(openapi_examples={"free text": {"value": text_example(service.name)}})],
    ) -> Response:
        """Write prompts for each text."""
        _check_model(service, body.model)
        texts = [body.prompt] if isinstance(body.prompt, str) else body.prompt
        requests = [_to_request(body, each, _TextFormat) for each in texts]
        return await _complete(service, http, body, requests, _TextFormat())

    return router


class _TextFormat:
    """The JSON of text completions."""

    id_prefix, object, chunk_object, input_field = "cmpl", "text_completion", "text_completion", "prompt"

    def choice(self, text: str) -> dict[str, Any]:
        return {"text": text, "logprobs": None}

    def chunks(self, text: str) -> list[dict[str, Any]]:
        return [self.choice(text)]


class _ChatFormat:
    """The JSON of chat completions."""

    id_prefix, object, chunk_object, input_field = "chatcmpl", "chat.completion", "chat.completion.chunk", "messages"

    def choice(self, text: str) -> dict[str, Any]:
        return {"message": {"role": "assistant", "content": text, "refusal": None}, "logprobs": None}

    def chunks(self, text: str) -> list[dict[str, Any]]:
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, {"content": text}, {}]
        return [{"delta": delta, "logprobs": None} for delta in deltas]


@dataclass(frozen=True)
class _Choice:
    index: int
    text: str
    finish_reason: str


class _Completion:
    """One completion: where its choices are cut off, and the tokens that they took."""

    def __init__(self, service: Service, body: Any, requests: Sequence[Request], input_field: str) -> None:
        self._service, self._requests, self._input_field = service, requests, input_field
        self._codec = service.generator.student.codec
        self._stops = [body.stop] if isinstance(body.stop, str) else body.stop or []
        self._max_tokens = getattr(body, "max_completion_tokens", None) or body.max_tokens
        self._prompt_tokens, self._completion_tokens = [0] * len(requests), 0

    def work(self, stop: Event) -> Iterator[tuple[int, int, Prompt]]:
        """Check all requests, then write; yield the index of a request, the index of a prompt in it, and the prompt."""
        with _naming_field(self._input_field):
            streams = [self._service.generator.stream(request, stop) for request in self._requests]
        return ((index, nth, prompt) for index, stream in enumerate(streams) for nth, prompt in enumerate(stream))

    def choice(self, index: int, nth: int, prompt: Prompt) -> _Choice:
        """Return the nth prompt of a request as a choice, and count it."""
        self._service.metrics.count_prompt(prompt)
        request = self._requests[index]
        end = min((start for stop in self._stops if (start := prompt.prompt.find(stop)) >= 0), default=None)
        text, finish_reason = prompt.prompt[:end].strip(), "stop"
        ids = self._codec.ids(text) if text else []
        if self._max_tokens is not None and len(ids) > self._max_tokens:
            ids, finish_reason = ids[: self._max_tokens], "length"
            text = self._codec.decode(ids).rstrip(_REPLACEMENT).rstrip()  # a token may be a part of a character
        self._prompt_tokens[index] = len(self._codec.head(request.intents, request.task, prompt.commands))
        self._completion_tokens += len(ids)
        return _Choice(index * request.n + nth, text, finish_reason)

    def usage(self) -> dict[str, int]:
        """Return the tokens of the requests and of the choices given until now."""
        read, written = sum(self._prompt_tokens), self._completion_tokens
        return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


async def _complete(
    service: Service, http: HttpRequest, body: Any, requests: Sequence[Request], form: _TextFormat | _ChatFormat
) -> Response:
    completion = _Completion(service, body, requests, form.input_field)
    head = {
        "id": f"{form.id_prefix}-{secrets.token_hex(12)}",
        "created": int(time.time()),
        "model": service.name,
        "system_fingerprint": service.generator.student.digest,
    }
    if body.stream:
        job = await service.start(http, completion.work)
        usage = body.stream_options is not None and body.stream_options.include_usage
        return StreamingResponse(_events(http, job, completion, head, form, usage), media_type=SSE_MEDIA_TYPE)
    choices = [completion.choice(*result) for result in await service.run(http, completion.work)]
    dicts = [form.choice(each.text) | {"index": each.index, "finish_reason": each.finish_reason} for each in choices]
    return JSONResponse(head | {"object": form.object, "choices": dicts, "usage": completion.usage()})


async def _events(
    http: HttpRequest,
    job: Job[tuple[int, int, Prompt]],
    completion: _Completion,
    head: dict[str, Any],
    form: _TextFormat | _ChatFormat,
    usage: bool,
) -> AsyncIterator[str]:
    """Yield the events of a stream: the chunks of each choice, and the usage if that is wanted."""
    head = head | {"object": form.chunk_object} | ({"usage": None} if usage else {})
    try:
        async for result in job:
            choice = completion.choice(*result)
            *first, last = form.chunks(choice.text)
            for chunk, finish_reason in [*((chunk, None) for chunk in first), (last, choice.finish_reason)]:
                yield sse_event(head | {"choices": [chunk | {"index": choice.index, "finish_reason": finish_reason}]})
        if usage:
            yield sse_event(head | {"choices": [], "usage": completion.usage()})
        yield "data: [DONE]\n\n"
    except PromptletError as error:
        yield sse_event(stream_error(http, error).to_dict())
    finally:
        job.stop()


def _to_request(body: Any, text: str, form: type[_TextFormat | _ChatFormat]) -> Request:
    """Return the request for one text of a body."""
    with _naming_field(form.input_field):
        return to_request(body, *NOT_GENERATION_FIELDS, intents=split_intents(text))


@contextmanager
def _naming_field(field: str) -> Iterator[None]:
    """Let errors about `intents` name the field that the client sent them in."""
    try:
        yield
    except UsageError as error:
        if error.field != "intents":
            raise
        raise UsageError(re.sub(r"^intents\b", field, str(error)), field) from error


def _check_model(service: Service, name: str) -> None:
    if name != service.name:
        raise ModelNotFoundError(f"the model '{name[:100]}' does not exist; '{service.name}' does", "model")
