"""The page on which reviewers rate, and its API. A reviewer's token comes in the `Authorization` header.

The token stands in the fragment of the link that a reviewer gets, which browsers send nowhere; there is no cookie, so
that two reviewers can use two tabs of one browser. The answers name no system, no check and no other reviewer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field

from promptlet.errors import UsageError
from promptlet.http_security import SECURITY_HEADERS, bearer_token, content_security_policy
from promptlet.review.questions import LEVELS, MOST_COMMENT_CHARACTERS, QUESTIONS
from promptlet.review.records import Rating
from promptlet.review.store import Store
from promptlet.tasks import load_task, task_names

_HEADERS = SECURITY_HEADERS | {"Content-Security-Policy": content_security_policy(), "Cache-Control": "no-store"}

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
    def rate(number: int, change: Change, name: Reviewer) -> dict[str, Any]:
        return _answers(store.rate(name, number, change.relevance, change.correctness, change.comment))

    @app.exception_handler(UsageError)
    def missing(_: Request, error: UsageError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 404)

    @app.exception_handler(sqlite3.OperationalError)
    def busy(_: Request, error: sqlite3.OperationalError) -> JSONResponse:
        return JSONResponse({"detail": f"The review can't be written: {error}."}, 503)

    @app.middleware("http")
    async def secure(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        response.headers.update(_HEADERS)
        return response

    app.mount("/", StaticFiles(packages=[("promptlet.review", "page")], html=True))
    return app


def _answers(rating: Rating) -> dict[str, Any]:
    return {"relevance": rating.relevance, "correctness": rating.correctness, "comment": rating.comment}


def _kind(task: str) -> str:
    title = load_task(task).title if task in task_names() else task
    return f"{title[:1].upper()}{title[1:]} prompt"
