"""The native API: `POST /v1/prompts`, one request or a batch, at once or as prompts are found."""

# No `from __future__ import annotations`: FastAPI reads annotations that name types made here for this student.

import json
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
from promptlet.serve.bodies import EXAMPLE, Body, asked, prompt_body
from promptlet.serve.errors import (
    ApiError,
    DeadlineExceededError,
    ErrorDetails,
    InvalidRequestError,
    NoPromptFoundError,
    OverloadedError,
    error_responses,
    to_api_error,
)
from promptlet.serve.request_logging import STREAM_STATUS
from promptlet.serve.request_queue import Job
from promptlet.serve.service import RequestResult, Service
from promptlet.serve.spans import Span, spans

EVENTS = "text/event-stream"
STREAMED: dict[str, Any] = {
    EVENTS: {
        "schema": {
            "type": "object",
            "description": "One event; its data is JSON.",
            "properties": {"event": {"type": "string"}, "data": {"type": "string"}},
            "required": ["data"],
        }
    }
}
"""What the OpenAPI says of streams."""


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
    """Return a prompt as clients get it: with the places where it says its intents."""
    return prompt.to_dict() | {"spans": spans(prompt.prompt, prompt.intents)}


def event(data: Any, name: str | None = None) -> str:
    """Return a server-sent event."""
    return (f"event: {name}\n" if name else "") + f"data: {json.dumps(data, ensure_ascii=False)}\n\n"


def failure(http: HttpRequest, error: PromptletError) -> ApiError:
    """Return the error that ends a stream; its status, too late to be sent, is still logged and counted."""
    api_error = to_api_error(error)
    http.scope["state"][STREAM_STATUS] = api_error.status_code
    return api_error


def prompt_routes(service: Service) -> APIRouter:
    """Return the routes of the native API that write."""
    router, limits = APIRouter(tags=["prompts"]), service.settings.limits
    one: Any = prompt_body(service.generator.student, limits)
    single: Any = create_model("SinglePromptRequest", __base__=one, stream=(bool, Field(False, description=STREAM)))
    # What is no request has its error in its place, and the others are answered.
    item: Any = Annotated[one | Any, Field(union_mode="left_to_right")]
    requests = Annotated[list[item], Field(min_length=1, max_length=limits.batch)]
    batch: Any = create_model(
        "BatchRequest", __base__=Body, requests=(requests, Field(description="Answered in order."))
    )
    either: Any = Annotated[
        Annotated[single, Tag("a request")] | Annotated[batch, Tag("a batch")],
        Discriminator(_kind),
        BodyOf(openapi_examples=_EXAMPLES),
    ]

    @router.post("/v1/prompts", response_model=None, responses=_RESPONSES)
    async def write(http: HttpRequest, body: either) -> Response:
        """Write prompts to order."""
        if isinstance(body, batch):
            orders = [_checked(one, each) for each in body.requests]
            results = await service.run(http, partial(service.stream_batch, orders))
            late = [DeadlineExceededError("the time of the batch was over before a prompt for this was found")] * (
                len(orders) - len(results)
            )
            return JSONResponse({"results": [_result(service, each) for each in (*results, *late)]})
        request = asked(body, "stream")
        work = partial(service.generator.stream, request)
        if not body.stream:
            return JSONResponse(_found(service, request, await service.run(http, work)))
        job = await service.start(http, work)
        return StreamingResponse(_events(service, http, job, request), media_type=EVENTS)

    return router


STREAM = "Whether prompts come as server-sent events, each as soon as it is found."
_EXAMPLES: dict[str, Any] = {
    "one": {"summary": "Four prompts of 19 words", "value": EXAMPLE},
    "free": {"summary": "Free text", "value": {"intents": "a fox in the snow", "words": "10-14"}},
    "stream": {"summary": "As they are found", "value": EXAMPLE | {"stream": True}},
    "batch": {"summary": "Several requests", "value": {"requests": [EXAMPLE, {"intents": "a quiet lake"}]}},
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The prompts, the best of a request first; or events.",
        "content": STREAMED,
        "model": PromptsAnswer | BatchAnswer,
    },
    **error_responses(InvalidRequestError, NoPromptFoundError, OverloadedError, DeadlineExceededError),
}


def _kind(body: Any) -> str:
    return "a batch" if isinstance(body, dict) and "requests" in body else "a request"


def _checked(one: type[Body], item: Any) -> Request | PromptletError:
    """Return the request that an item of a batch is, or what is wrong with it."""
    try:
        return asked(item if isinstance(item, one) else one.model_validate(item))
    except ValidationError as error:
        return to_api_error(RequestValidationError([each | {"loc": ("body", *each["loc"])} for each in error.errors()]))
    except UsageError as error:
        return error


def _result(service: Service, result: RequestResult | Exception) -> dict[str, Any]:
    return to_api_error(result).to_dict() if isinstance(result, Exception) else _found(service, *result)


def _found(service: Service, request: Request, prompts: list[Prompt]) -> dict[str, Any]:
    for prompt in prompts:
        service.metrics.count_prompt(prompt)
    return {"prompts": list(map(to_dict, prompts)), "asked": request.n, "seed": request.seed}


async def _events(service: Service, http: HttpRequest, job: Job[Prompt], request: Request) -> AsyncIterator[str]:
    """Yield prompts as they are found, then what was found; an error in the middle ends it."""
    found = 0
    try:
        async for prompt in job:
            found += 1
            service.metrics.count_prompt(prompt)
            yield event(to_dict(prompt))
        yield event({"found": found, "asked": request.n, "seed": request.seed}, "done")
    except PromptletError as error:
        yield event(failure(http, error).to_dict(), "error")
    finally:
        job.stop()
