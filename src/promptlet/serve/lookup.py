"""What a page needs to let people choose: tasks, commands, limits, and intents by the beginning of their names."""

# No `from __future__ import annotations`: FastAPI reads annotations that name types made here for this student.

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import cached_property
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Query
from pydantic import BaseModel

from promptlet.intents.graph import Graph, load_graph
from promptlet.serve.errors import InvalidRequestError, error_responses
from promptlet.serve.service import Service
from promptlet.types import KINDS, Intent

_MOST = 50
_GLANCE = 0.05
"""Seconds between looks whether prompts can be written."""


class IntentAnswer(BaseModel):
    """A node of the creative graph."""

    intent: str
    kind: str
    value: str


class IntentsAnswer(BaseModel):
    """Intents, the best known first."""

    intents: list[IntentAnswer]


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


class Names:
    """The intents of a graph, to be found by how a word of their names begins."""

    def __init__(self, graph: Graph) -> None:
        weight = {node: sum(map(len, kinds.values())) for node, kinds in graph.neighbours.items()}
        named = ((name.casefold(), node) for node, aliases in graph.aliases.items() for name in (node.value, *aliases))
        self._named = sorted(named, key=lambda pair: (-weight[pair[1]], pair[0]))

    def find(self, prefix: str, kinds: Iterable[str], limit: int) -> list[Intent]:
        """Return intents of some kinds: first those whose name begins so, then those that have a word that does."""
        wanted, kinds = " ".join(prefix.casefold().split()), frozenset(kinds)
        among = [(name, node) for name, node in self._named if node.kind in kinds]
        begin = [node for name, node in among if name.startswith(wanted)]
        later = [node for name, node in among if f" {wanted}" in name or f"-{wanted}" in name]
        return list(dict.fromkeys([*begin, *later]))[:limit]


class _Lookup:
    """Reads the graph when it is first asked for, which takes a second, in a thread."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @cached_property
    def _names(self) -> Names:
        return Names(load_graph())

    async def names(self) -> Names:
        async with self._lock:
            return await asyncio.to_thread(lambda: self._names)


def lookup_routes(service: Service) -> APIRouter:
    """Return the routes that only look something up."""
    student, lookup = service.generator.student, _Lookup()

    async def read_ahead() -> None:
        """Spare who asks first the wait, once prompts can be written."""
        while not service.warm:
            await asyncio.sleep(_GLANCE)
        await lookup.names()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        reading = asyncio.create_task(read_ahead())
        yield
        reading.cancel()

    router = APIRouter(tags=["choices"], lifespan=lifespan)
    task_name: Any = Literal[tuple(student.tasks)]

    @router.get("/v1/intents", response_model=IntentsAnswer, responses=error_responses(InvalidRequestError))
    async def intents(
        prefix: Annotated[str, Query(max_length=120, description="How a word of its name begins.")] = "",
        task: Annotated[task_name | None, Query(description="Only kinds of this task.")] = None,
        kind: Annotated[Literal[KINDS] | None, Query(description="Only this kind.")] = None,  # type: ignore[valid-type]
        limit: Annotated[int, Query(ge=1, le=_MOST)] = 10,
    ) -> Any:
        """Find intents of the creative graph."""
        kinds = set(KINDS) if task is None else set(student.tasks[task].kinds)
        found = (await lookup.names()).find(prefix, kinds & {kind} if kind else kinds, limit)
        return {"intents": [{"intent": str(each), "kind": each.kind, "value": each.value} for each in found]}

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
