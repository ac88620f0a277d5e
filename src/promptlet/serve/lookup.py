"""Routes that look something up: tasks and limits, intents by the beginning of their names, what free text says."""

# No `from __future__ import annotations`: FastAPI reads annotations that name types made here for this student.

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import cached_property
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Query
from pydantic import BaseModel

from promptlet.generation import Request
from promptlet.intents.graph import Graph, load_graph
from promptlet.intents.techniques import load_techniques
from promptlet.serve.errors import InvalidRequestError, error_responses
from promptlet.serve.service import Service
from promptlet.types import KINDS, Intent

_MAX_INTENTS = 50
_POLL_SECONDS = 0.05
"""Between checks of whether the service is warm."""


class IntentAnswer(BaseModel):
    """A node of the creative graph."""

    intent: str
    kind: str
    value: str


class IntentsAnswer(BaseModel):
    """Intents, the best known first."""

    intents: list[IntentAnswer]


class ReadingAnswer(BaseModel):
    """What a wish in free words is taken for."""

    intents: list[IntentAnswer]
    keep: list[str]
    """What stands in every prompt as it is, like `--ar 16:9`."""
    ban: list[str]
    """What no prompt says: "people" in "a beach without people"."""
    unread: list[str]
    """Parts that are none of these, and have no effect: "in 15 words", "8k"."""
    untaught: list[str]
    """Words of the intents that the student does not know. They are added to what it writes."""


class TaskAnswer(BaseModel):
    """A kind of prompt, and the kinds of intents that occur in it."""

    name: str
    title: str
    kinds: list[str]


class RangeAnswer(BaseModel):
    """What may be asked of a command."""

    low: int
    high: int


class TasksAnswer(BaseModel):
    """What the student can be asked for, and how much at once."""

    tasks: list[TaskAnswer]
    commands: dict[str, RangeAnswer]
    limits: dict[str, int]
    model: dict[str, str]


class IntentIndex:
    """Finds the intents of a graph, and further ones behind them, by the beginning of a word of their names."""

    def __init__(self, graph: Graph, further: Iterable[Intent] = ()) -> None:
        weight = {node: sum(map(len, kinds.values())) for node, kinds in graph.neighbours.items()}
        nodes = sorted(graph.aliases, key=lambda node: (-weight[node], node.value.casefold()))
        self._names = [(node.value.casefold(), node) for node in (*nodes, *further)]
        self._aliases = [(alias.casefold(), node) for node in nodes for alias in graph.aliases[node]]

    def find(self, prefix: str, kinds: Iterable[str], limit: int) -> list[Intent]:
        """Return intents of some kinds: those of just this name, then those of which a word or an alias begins so."""
        prefix, kinds = " ".join(prefix.casefold().split()), frozenset(kinds)
        found: list[Intent] = []
        for named in (self._names, self._aliases):
            candidates = [(name, node) for name, node in named if node.kind in kinds]
            found += [node for name, node in candidates if name == prefix]
            found += [node for name, node in candidates if name.startswith(prefix)]
            found += [node for name, node in candidates if f" {prefix}" in name or f"-{prefix}" in name]
        return list(dict.fromkeys(found))[:limit]


class _LazyIndex:
    """Builds the index when it is first needed, in a thread, because that takes a second."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @cached_property
    def _index(self) -> IntentIndex:
        return IntentIndex(load_graph(), load_techniques())

    async def get(self) -> IntentIndex:
        async with self._lock:
            return await asyncio.to_thread(lambda: self._index)


def lookup_routes(service: Service) -> APIRouter:
    """Return the routes that only look something up."""
    student, index = service.generator.student, _LazyIndex()

    async def preload() -> None:
        """Build the index before the first request needs it, but after what writing prompts needs is loaded."""
        while not service.warm:
            await asyncio.sleep(_POLL_SECONDS)
        await index.get()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        preloading = asyncio.create_task(preload())
        yield
        preloading.cancel()

    router = APIRouter(tags=["choices"], lifespan=lifespan)
    task_name: Any = Literal[tuple(student.tasks)]
    usual_task = next(iter(student.tasks))

    @router.get("/v1/intents", response_model=IntentsAnswer, responses=error_responses(InvalidRequestError))
    async def intents(
        prefix: Annotated[str, Query(max_length=120, description="How a word of its name begins.")] = "",
        task: Annotated[task_name | None, Query(description="Only kinds of this task.")] = None,
        kind: Annotated[Literal[KINDS] | None, Query(description="Only this kind.")] = None,  # type: ignore[valid-type]
        limit: Annotated[int, Query(ge=1, le=_MAX_INTENTS)] = 10,
    ) -> Any:
        """Find intents of the creative graph, and how pictures are made: `cinematic`, `bokeh`."""
        kinds = set(KINDS) if task is None else set(student.tasks[task].kinds)
        found = (await index.get()).find(prefix, kinds & {kind} if kind else kinds, limit)
        return {"intents": list(map(_to_dict, found))}

    @router.get("/v1/reading", response_model=ReadingAnswer, responses=error_responses(InvalidRequestError))
    def reading(  # in a thread, for the graph may have to be read first
        text: Annotated[str, Query(min_length=1, max_length=service.settings.limits.text_characters)],
        task: Annotated[task_name, Query(description="What it is to be a prompt for.")] = usual_task,
    ) -> Any:
        """Say what a wish in free words is taken for; `POST /v1/prompts` takes it in the same way."""
        request = Request.of({"intents": text, "task": task})
        return {
            "intents": list(map(_to_dict, request.intents)),
            "keep": request.keep,
            "ban": request.ban,
            "unread": request.unread,
            "untaught": student.untaught(intent.value for intent in request.intents),
        }

    @router.get("/v1/tasks", response_model=TasksAnswer)
    async def tasks() -> Any:
        """Say what can be asked for."""
        ranges = {name: command.values() for name, command in student.commands.items()}
        return {
            "tasks": [{"name": n, "title": task.title, "kinds": list(task.kinds)} for n, task in student.tasks.items()],
            "commands": {name: {"low": values[0], "high": values[-1]} for name, values in ranges.items()},
            "limits": asdict(service.settings.limits),
            "model": {"name": service.name, "digest": student.digest},
        }

    return router


def _to_dict(intent: Intent) -> dict[str, str]:
    return {"intent": str(intent), "kind": intent.kind, "value": intent.value}
