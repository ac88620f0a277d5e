"""Tasks: what kinds of prompt there are. One YAML file each, found by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources

from promptlet.errors import UsageError
from promptlet.io.atomic import value_digest
from promptlet.io.yaml import parse_yaml
from promptlet.registry import unknown
from promptlet.types import Intent, Intents


@dataclass(frozen=True)
class Exemplar:
    """A hand-written pair that shows a teacher what is wanted; never training data."""

    intents: Intents
    prompt: str


@dataclass(frozen=True, eq=False)
class Task:
    """A kind of prompt: the token that commands it, and how a teacher is asked for it."""

    name: str
    digest: str
    """Of all that its file says."""
    title: str
    token: str
    always: tuple[str, ...]
    """Kinds that every sampled set of intents has."""
    phrases: Mapping[str, str]
    """Kinds of intents that occur in this task, in order, and how each is put to a teacher."""
    instructions: str
    """The teacher's system message."""
    manner: Mapping[str, str]
    """What may be added to the instructions: ``tone``, ``style`` and ``context``, each a sentence with a place."""
    request: str
    """The teacher's user message, with the fields {wish} and {words}."""
    written: str = field(repr=False)
    """The exemplars as they lie in the file: one JSON object a line, which YAML would take a second to read."""
    stand_in: str | None = None
    """A word for what any of its prompts is about: what wishes go with of which a student knows no word."""
    listed: bool = False
    """Whether a prompt is a list of terms with commas between them; otherwise such a list is a fault."""

    @cached_property
    def exemplars(self) -> tuple[Exemplar, ...]:
        """Pairs to show a teacher; students are asked without."""
        rows = map(json.loads, self.written.splitlines())
        return tuple(Exemplar(tuple(Intent.of(*pair) for pair in row["intents"]), row["prompt"]) for row in rows)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of intents that occur in this task, in the order in which they are written."""
        return tuple(self.phrases)

    def ask(self, intents: Intents, words: int) -> str:
        """Return the user message that asks a teacher for one prompt."""
        ordered = sorted(intents, key=lambda intent: self.kinds.index(intent.kind))
        wish = "".join(self.phrases[intent.kind].format(intent.value) for intent in ordered)
        return self.request.format(wish=wish, words=words)

    def instruct(self, manner: Mapping[str, str]) -> str:
        """Return the teacher's system message; `manner` has values for keys of the task's."""
        return " ".join([self.instructions, *(self.manner[key].format(value) for key, value in manner.items())])


def task_names() -> list[str]:
    """Return the names of all tasks that this installation knows."""
    files = resources.files(__name__).iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


@cache
def load_task(name: str) -> Task:
    """Return the task of this name.

    Raises:
        UsageError: if there is none; it lists those there are.
    """
    if name not in task_names():
        raise UsageError(unknown("task", name, task_names()))
    text = (resources.files(__name__) / f"{name}.yaml").read_text(encoding="utf-8")
    fields = parse_yaml(text, f"the task {name}")
    written = fields.pop("exemplars")
    return Task(name, value_digest(text), written=written, **fields | {"always": tuple(fields["always"])})
