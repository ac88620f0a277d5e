"""The page on which reviewers rate, and its API. A reviewer's token comes in the `Authorization` header.

The token stands in the fragment of the link that a reviewer gets, which browsers send nowhere; there is no cookie, so
that two reviewers can use two tabs of one browser. The answers name no system, no check and no other reviewer.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from promptlet.errors import UsageError
from promptlet.http_security import SECURITY_HEADERS, bearer_token, content_security_policy
from promptlet.review.questions import LEVELS, MOST_COMMENT_CHARACTERS, QUESTIONS
from promptlet.review.records import Rating
from promptlet.review.store import Store
from promptlet.stemming import capitalized
from promptlet.tasks import load_task, task_names
from promptlet.validation import reason

_MOST_BODY_BYTES = 64 * 1024
"""Of a request; the longest comment with each of its characters escaped takes 24,000."""
_HEADERS = SECURITY_HEADERS | {"Content-Security-Policy": content_security_policy(), "Cache-Control": "no-store"}

Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
"""An item's; SQLite knows no larger ones."""
Level = Annotated[int, Field(ge=LEVELS[0], le=LEVELS[-1], strict=True)]


class Change(BaseModel):
    """What a reviewer says of an item; what is left out stays as it was."""

    model_config = ConfigDict(extra="forbid")

    relevance: Level | None = None
    correctness: Level | None = None
    comment: str | None = Field(default=None, max_length=MOST_COMMENT_CHARACTERS)


def _reviewer(request: Request, authorization: Annotated[str, Header()] = "") -> str:
    token = bearer_token(authorization)
    name: str | None = request.app.state.store.reviewer(token) if token is not None else None
    if name is None:
        raise HTTPException(401, "This access code is not, or no longer, valid.", {"WWW-Authenticate": "Bearer"})
    return name


Reviewer = Annotated[str, Depends(_reviewer)]


def make_app(store: Store) -> FastAPI:
    """Return the application for a review."""
    app = FastAPI(openapi_url=None)
    app.state.store, title = store, store.facts()["title"]

    @app.get("/api/review")
    def review(name: Reviewer) -> dict[str, Any]:
        items = [
            {"id": number, "kind": _kind(item.task), "intents": item.intents, "prompt": item.prompt} | _answers(rating)
            for number, item, rating in store.assigned(name)
        ]
        questions = [{"name": each.name, "text": each.text, "answers": each.answers} for each in QUESTIONS]
        return {
            "title": title,
            "reviewer": name,
            "most_comment_characters": MOST_COMMENT_CHARACTERS,
            "questions": questions,
            "items": items,
        }

    @app.patch("/api/items/{number}")
    def rate(number: Number, change: Change, name: Reviewer) -> dict[str, Any]:
        return _answers(store.rate(name, number, change.relevance, change.correctness, change.comment))

    @app.exception_handler(RequestValidationError)
    def refused(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(name for name in first["loc"][1:] if isinstance(name, str)) or first["loc"][0]
        detail = f"{where}: {reason(first)}."
        # In ASCII, for what was sent may hold half a character, which has no UTF-8.
        return Response(json.dumps({"detail": detail}), 422, media_type="application/json")

    @app.exception_handler(UsageError)
    def missing(_: Request, error: UsageError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 404)

    @app.exception_handler(sqlite3.OperationalError)
    def busy(_: Request, error: sqlite3.OperationalError) -> JSONResponse:
        return JSONResponse({"detail": f"The review can't be written: {error}."}, 503)

    app.add_middleware(_LimitedBodies)  # the one that is added last is the outermost

    @app.middleware("http")
    async def secure(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        response.headers.update(_HEADERS)
        return response

    app.mount("/", StaticFiles(packages=[("promptlet.review", "page")], html=True))
    return app


class _LimitedBodies:
    """Refuses bodies larger than any of the page's: they are read before it is known whether a reviewer sends them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = 0

        async def limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > _MOST_BODY_BYTES:
                raise HTTPException(413, f"More than {_MOST_BODY_BYTES} bytes were sent.")
            return message

        await self._app(scope, limited, send)


def _answers(rating: Rating) -> dict[str, Any]:
    return {"relevance": rating.relevance, "correctness": rating.correctness, "comment": rating.comment}


def _kind(task: str) -> str:
    title = load_task(task).title if task in task_names() else task
    return f"{capitalized(title)} prompt"
