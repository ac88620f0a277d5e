"""The native API: `POST /v1/prompts`, one request or a batch, at once or as prompts are found."""

# No `from __future__ import annotations`: FastAPI reads annotations that name types made here for this student.

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Body as BodyOf
from fastapi import Request as HttpRequest
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, create_model

from promptlet.errors import PromptletError, UsageError
from promptlet.generation import Prompt, Request
from promptlet.serve.bodies import EXAMPLE, Body, prompt_body, to_request
from promptlet.serve.errors import (
    DeadlineExceededError,
    ErrorDetails,
    InvalidRequestError,
    NoPromptFoundError,
    OverloadedError,
    error_responses,
    to_api_error,
)
from promptlet.serve.request_queue import Job
from promptlet.serve.service import RequestResult, Service
from promptlet.serve.spans import Span, spans
from promptlet.serve.sse import SSE_CONTENT, SSE_MEDIA_TYPE, sse_event, stream_error


class PromptAnswer(BaseModel):
    """One prompt, and how it came about."""

    model_config = ConfigDict(extra="allow")
    prompt: str
    task: str
    target_words: int | None
    words: int
    intents: list[str]
    seed: int
    commands: dict[str, int]
    adherence: dict[str, int]
    coverage: dict[str, float]
    relevance: float
    repeatable: bool
    """Whether its own seed, with one candidate, gives it again."""
    untaught: list[str]
    """Words of the wish that the student was not taught; if all are, the prompt is about anything."""
    spans: list[Span]


class PromptsAnswer(BaseModel):
    """The prompts of one request; fewer than asked for if the student has no more that differ, or time was over."""

    prompts: list[PromptAnswer]
    asked: int
    """How many were asked for."""
    seed: int
    """With it the same request gives the same prompts again."""


class FailedAnswer(BaseModel):
    """Why a request of a batch has no prompts."""

    error: ErrorDetails


class BatchAnswer(BaseModel):
    """What became of the requests of a batch, in order."""

    results: list[PromptsAnswer | FailedAnswer]


def to_dict(prompt: Prompt) -> dict[str, Any]:
    """Return a prompt as clients get it: with the spans where it says its intents."""
    return prompt.to_dict() | {"spans": spans(prompt.prompt, prompt.intents)}


_SINGLE, _BATCH = "a request", "a batch"
"""Tags of the union of bodies. They stand in pydantic's error paths; a space tells them from names of fields there."""
_EXAMPLES: dict[str, Any] = {
    "one": {"summary": "Four prompts of 19 words", "value": EXAMPLE},
    "free": {"summary": "Free text", "value": {"intents": "a fox in the snow", "words": "10-14"}},
    "stream": {"summary": "As they are found", "value": EXAMPLE | {"stream": True}},
    "batch": {"summary": "Several requests", "value": {"requests": [EXAMPLE, {"intents": "a quiet lake"}]}},
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The prompts, the best of a request first; or events.",
        "content": SSE_CONTENT,
        "model": PromptsAnswer | BatchAnswer,
    },
    **error_responses(InvalidRequestError, NoPromptFoundError, OverloadedError, DeadlineExceededError),
}


def prompt_routes(service: Service) -> APIRouter:
    """Return the native API's route that writes prompts."""
    router, limits = APIRouter(tags=["prompts"]), service.settings.limits
    request_type: Any = prompt_body(service.generator.student, limits)
    stream = Field(False, description="Whether prompts come as server-sent events, each as soon as it is found.")
    single_type: Any = create_model("SinglePromptRequest", __base__=request_type, stream=(bool, stream))
    # Any: a request that is wrong gets an error of its own, and the others of the batch are answered.
    item_type: Any = Annotated[request_type | Any, Field(union_mode="left_to_right")]
    requests_type = Annotated[list[item_type], Field(min_length=1, max_length=limits.batch)]
    batch_type: Any = create_model(
        "BatchRequest", __base__=Body, requests=(requests_type, Field(description="Answered in order."))
    )
    body_type: Any = Annotated[
        Annotated[single_type, Tag(_SINGLE)] | Annotated[batch_type, Tag(_BATCH)],
        Discriminator(_body_tag),
        BodyOf(openapi_examples=_EXAMPLES),
    ]

    @router.post("/v1/prompts", response_model=None, responses=_RESPONSES)
    async def write(http: HttpRequest, body: body_type) -> Response:
        """Write prompts to order."""
        if isinstance(body, batch_type):
            requests = [_batch_item(request_type, each) for each in body.requests]
            results = await service.run(http, partial(service.stream_batch, requests))
            late = DeadlineExceededError("the time of the batch was over before a prompt for this was found")
            results += [late] * (len(requests) - len(results))
            return JSONResponse({"results": [_result_dict(service, result) for result in results]})
        request = to_request(body, "stream")
        work = partial(service.generator.stream, request)
        if not body.stream:
            return JSONResponse(_prompts_dict(service, request, await service.run(http, work)))
        job = await service.start(http, work)
        return StreamingResponse(_events(service, http, job, request), media_type=SSE_MEDIA_TYPE)

    return router


def _body_tag(body: Any) -> str:
    return _BATCH if isinstance(body, dict) and "requests" in body else _SINGLE


def _batch_item(request_type: type[Body], item: Any) -> Request | PromptletError:
    """Return an item of a batch as a request, or what is wrong with it."""
    try:
        return to_request(item if isinstance(item, request_type) else request_type.model_validate(item))
    except ValidationError as error:
        return to_api_error(RequestValidationError([each | {"loc": ("body", *each["loc"])} for each in error.errors()]))
    except UsageError as error:
        return error


def _result_dict(service: Service, result: RequestResult | Exception) -> dict[str, Any]:
    return to_api_error(result).to_dict() if isinstance(result, Exception) else _prompts_dict(service, *result)


def _prompts_dict(service: Service, request: Request, prompts: list[Prompt]) -> dict[str, Any]:
    """Return the prompts of a request as they are given out, and count them."""
    for prompt in prompts:
        service.metrics.count_prompt(prompt)
    return {"prompts": list(map(to_dict, prompts)), "asked": request.n, "seed": request.seed}


async def _events(service: Service, http: HttpRequest, job: Job[Prompt], request: Request) -> AsyncIterator[str]:
    """Yield a prompt's event as soon as it is found, and at the end an event `done` or `error`."""
    found = 0
    try:
        async for prompt in job:
            found += 1
            service.metrics.count_prompt(prompt)
            yield sse_event(to_dict(prompt))
        yield sse_event({"found": found, "asked": request.n, "seed": request.seed}, "done")
    except PromptletError as error:
        yield sse_event(stream_error(http, error).to_dict(), "error")
    finally:
        job.stop()
