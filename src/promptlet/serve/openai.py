"""The API that OpenAI's clients speak: models, text completions, chat completions.

A choice is a whole prompt. It is streamed as soon as it was chosen among several draws, so it comes in one piece.
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
from promptlet.serve.bodies import asked
from promptlet.serve.errors import (
    DeadlineExceededError,
    InvalidRequestError,
    ModelNotFoundError,
    NoPromptFoundError,
    OverloadedError,
    error_responses,
)
from promptlet.serve.openai_bodies import (
    OWN,
    chat_body,
    chat_example,
    last_wish,
    text_body,
    text_example,
    wished,
)
from promptlet.serve.prompts import EVENTS, STREAMED, event, failure
from promptlet.serve.request_queue import Job
from promptlet.serve.service import Service

_HALF = "\N{REPLACEMENT CHARACTER}"
"""What a half character is decoded to."""
_RESPONSES = error_responses(
    InvalidRequestError, ModelNotFoundError, NoPromptFoundError, OverloadedError, DeadlineExceededError
) | {200: {"content": STREAMED}}


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
        request = _asked(body, last_wish(body.messages), _Chat)
        return await _complete(service, http, body, [request], _Chat())

    @router.post("/v1/completions", response_model=None, responses=_RESPONSES)
    async def text(
        http: HttpRequest,
        body: Annotated[text_type, BodyOf(openapi_examples={"free text": {"value": text_example(service.name)}})],
    ) -> Response:
        """Write prompts for each text."""
        _check_model(service, body.model)
        texts = [body.prompt] if isinstance(body.prompt, str) else body.prompt
        requests = [_asked(body, each, _Text) for each in texts]
        return await _complete(service, http, body, requests, _Text())

    return router


class _Text:
    """How text completions look."""

    prefix, whole, piece, asked_by = "cmpl", "text_completion", "text_completion", "prompt"

    def choice(self, text: str) -> dict[str, Any]:
        return {"text": text, "logprobs": None}

    def pieces(self, text: str) -> list[dict[str, Any]]:
        return [self.choice(text)]


class _Chat:
    """How chat completions look."""

    prefix, whole, piece, asked_by = "chatcmpl", "chat.completion", "chat.completion.chunk", "messages"

    def choice(self, text: str) -> dict[str, Any]:
        return {"message": {"role": "assistant", "content": text, "refusal": None}, "logprobs": None}

    def pieces(self, text: str) -> list[dict[str, Any]]:
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, {"content": text}, {}]
        return [{"delta": delta, "logprobs": None} for delta in deltas]


@dataclass(frozen=True)
class _Choice:
    index: int
    text: str
    tokens: int
    reason: str


class _Completion:
    """One completion: what its choices are cut by, and what they took."""

    def __init__(self, service: Service, body: Any, requests: Sequence[Request], field: str) -> None:
        self._service, self._requests, self._field = service, requests, field
        self._codec = service.generator.student.codec
        self._stops = [body.stop] if isinstance(body.stop, str) else body.stop or []
        self._most = getattr(body, "max_completion_tokens", None) or body.max_tokens
        self._read, self._written = [0] * len(requests), 0

    def work(self, stop: Event) -> Iterator[tuple[int, int, Prompt]]:
        """Write; yield which request and which of its prompts this is, and the prompt."""
        with _telling(self._field):
            begun = [
                self._service.generator.stream(request, stop) for request in self._requests
            ]  # all are checked at once
        return ((number, place, prompt) for number, each in enumerate(begun) for place, prompt in enumerate(each))

    def choice(self, number: int, place: int, prompt: Prompt) -> _Choice:
        """Return a prompt as it is given out, and count it."""
        self._service.metrics.count_prompt(prompt)
        request = self._requests[number]
        cut = min((found for each in self._stops if (found := prompt.prompt.find(each)) >= 0), default=None)
        text, reason = prompt.prompt[:cut].strip(), "stop"
        ids = self._codec.ids(text) if text else []
        if self._most is not None and len(ids) > self._most:
            ids, reason = ids[: self._most], "length"
            text = self._codec.decode(ids).rstrip(_HALF).rstrip()  # a token may be a part of a character
        self._read[number] = len(self._codec.head(request.intents, request.task, prompt.commands))
        self._written += len(ids)
        return _Choice(number * request.n + place, text, len(ids), reason)

    def usage(self) -> dict[str, int]:
        """Return the tokens of what was asked and given."""
        read = sum(self._read)
        return {"prompt_tokens": read, "completion_tokens": self._written, "total_tokens": read + self._written}


async def _complete(
    service: Service, http: HttpRequest, body: Any, requests: Sequence[Request], form: _Text | _Chat
) -> Response:
    completion = _Completion(service, body, requests, form.asked_by)
    head = {
        "id": f"{form.prefix}-{secrets.token_hex(12)}",
        "created": int(time.time()),
        "model": service.name,
        "system_fingerprint": service.generator.student.digest,
    }
    if body.stream:
        job = await service.start(http, completion.work)
        usage = body.stream_options is not None and body.stream_options.include_usage
        return StreamingResponse(_pieces(http, job, completion, head, form, usage), media_type=EVENTS)
    choices = [completion.choice(*each) for each in await service.run(http, completion.work)]
    shown = [form.choice(each.text) | {"index": each.index, "finish_reason": each.reason} for each in choices]
    return JSONResponse(head | {"object": form.whole, "choices": shown, "usage": completion.usage()})


async def _pieces(
    http: HttpRequest,
    job: Job[tuple[int, int, Prompt]],
    completion: _Completion,
    head: dict[str, Any],
    form: _Text | _Chat,
    usage: bool,
) -> AsyncIterator[str]:
    head = head | {"object": form.piece} | ({"usage": None} if usage else {})
    try:
        async for each in job:
            choice = completion.choice(*each)
            *first, last = form.pieces(choice.text)
            for piece, reason in [*((piece, None) for piece in first), (last, choice.reason)]:
                yield event(head | {"choices": [piece | {"index": choice.index, "finish_reason": reason}]})
        if usage:
            yield event(head | {"choices": [], "usage": completion.usage()})
        yield "data: [DONE]\n\n"
    except PromptletError as error:
        yield event(failure(http, error).to_dict())
    finally:
        job.stop()


def _asked(body: Any, text: str, form: type[_Text | _Chat]) -> Request:
    """Return the request of a text."""
    with _telling(form.asked_by):
        return asked(body, *OWN, intents=wished(text))


@contextmanager
def _telling(field: str) -> Iterator[None]:
    """Name the field that a text stood in where it is refused: OpenAI's clients know no `intents`."""
    try:
        yield
    except UsageError as error:
        if error.field != "intents":
            raise
        raise UsageError(re.sub(r"^intents\b", field, str(error)), field) from error


def _check_model(service: Service, name: str) -> None:
    if name != service.name:
        raise ModelNotFoundError(f"the model '{name[:100]}' does not exist; '{service.name}' does", "model")
