"""Tasks: what kinds of prompt there are. One YAML file each, found by name."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from promptlet.errors import UsageError, one_line, unread
from promptlet.io.atomic import value_digest
from promptlet.io.json_lines import parse_object
from promptlet.io.yaml import parse_yaml
from promptlet.registry import unknown
from promptlet.types import KINDS, Intent, Intents
from promptlet.validation import explain

_TOKEN = re.compile(r"<\|[A-Z][A-Z0-9]+\|>")
"""Capital letters: those of commands and of the format are numbers or in small letters."""
_TOKEN_LINE = re.compile(r"""^token:[ \t]*["']?(<\|[^\s"']*)""", re.MULTILINE)
"""Where a file says its token: looked for in the other tasks' files, which need not be read as a whole."""


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
    file: str
    """Where it is written, for errors."""
    written: str = field(repr=False)
    """The exemplars as they lie in the file: one JSON object a line, which YAML would take a second to read."""
    stand_in: str | None = None
    """A word for what any of its prompts is about: what wishes go with of which a student knows no word."""
    listed: bool = False
    """Whether a prompt is a list of terms with commas between them; otherwise such a list is a fault."""

    @cached_property
    def exemplars(self) -> tuple[Exemplar, ...]:
        """Pairs to show a teacher; students are asked without.

        Raises:
            UsageError: naming the line that holds none.
        """
        return tuple(self._exemplars())

    def _exemplars(self) -> Iterator[Exemplar]:
        for number, line in enumerate(self.written.splitlines(), start=1):
            if not line.strip():
                continue
            try:
                exemplar = _exemplar(parse_object(line))
                for intent in exemplar.intents:
                    if intent.kind not in self.kinds:
                        raise UsageError(f"'{intent}' is of a kind that phrases lacks; there: {', '.join(self.kinds)}")
            except UsageError as error:
                raise UsageError(f"{self.file}: exemplars, line {number}: {one_line(error)}") from error
            yield exemplar

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


def _exemplar(row: Mapping[str, Any]) -> Exemplar:
    form = 'an exemplar is {"intents": [["Topic", "birthday"]], "prompt": "..."}'
    intents, prompt = row.get("intents"), row.get("prompt")
    if row.keys() != {"intents", "prompt"} or not isinstance(intents, list):
        raise UsageError(form)
    if not (isinstance(prompt, str) and prompt.strip()):
        raise UsageError(f"its prompt is no text; {form}")
    if not all(
        isinstance(each, list) and len(each) == 2 and all(isinstance(part, str) for part in each) for each in intents
    ):
        raise UsageError(f"its intents are no pairs of texts; {form}")
    return Exemplar(tuple(Intent.of(*pair) for pair in intents), prompt)


def _with_places(needed: str, *others: str) -> Callable[[str], str]:
    """Return a check that a text has the place `needed`, and no other place than this one and `others`."""
    allowed = " and ".join(f"{{{name}}}" for name in (needed, *others))

    def check(text: str) -> str:
        try:
            found = list(string.Formatter().parse(text))
        except ValueError as error:
            raise ValueError(f"{error}; {allowed} may stand there, and a brace is written twice: {{{{") from error
        for _, name, form, conversion in found:
            if name is not None and (name not in (needed, *others) or form or conversion):
                written = "".join((name, f"!{conversion}" if conversion else "", f":{form}" if form else ""))
                raise ValueError(f"there is no place {{{written}}}; {allowed} may stand there")
        if needed not in (name for _, name, _, _ in found):
            raise ValueError(f"{{{needed}}} must stand there")
        return text

    return check


def _known_kind(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(unknown("kind of intent", kind, KINDS))
    return kind


_Text = Annotated[str, Field(min_length=1)]
_Filled = Annotated[str, AfterValidator(_with_places(""))]


class _Manner(BaseModel):
    """What may be added to the instructions."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    tone: _Filled
    style: _Filled
    context: _Filled


class _TaskFile(BaseModel):
    """What a task's file says; `Task` tells what of it means what. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: _Text
    token: str
    always: tuple[str, ...]
    phrases: dict[str, _Filled]
    instructions: _Text
    manner: _Manner
    request: Annotated[str, AfterValidator(_with_places("wish", "words"))]
    exemplars: str
    stand_in: _Text | None = None
    listed: bool = False

    @field_validator("token")
    @classmethod
    def _of_its_own(cls, token: str) -> str:
        if not _TOKEN.fullmatch(token):
            raise ValueError("a token is two or more capital letters and digits, such as <|IP|>")
        return token

    @field_validator("always")
    @classmethod
    def _known(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(_known_kind, kinds))

    @field_validator("phrases")
    @classmethod
    def _of_known_kinds(cls, phrases: dict[str, str]) -> dict[str, str]:
        if "Topic" not in [_known_kind(kind) for kind in phrases]:
            raise ValueError("'Topic' is missing; every combination has one")
        return phrases

    @model_validator(mode="after")
    def _always_said(self) -> _TaskFile:
        for kind in self.always:
            if kind not in self.phrases:
                raise ValueError(f"always has '{kind}', which phrases lacks; there: {', '.join(self.phrases)}")
        return self


def task_names() -> list[str]:
    """Return the names of all tasks that this installation knows."""
    files = resources.files(__name__).iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


@cache
def load_task(name: str) -> Task:
    """Return the task of this name.

    Raises:
        UsageError: if there is none, and it lists those there are; or its file says something that is not allowed, or
            has the token of another task.
    """
    names, folder = task_names(), resources.files(__name__)
    if name not in names:
        raise UsageError(unknown("task", name, names))
    file = folder / f"{name}.yaml"
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} can't be read: {unread(error)}") from error
    content = parse_yaml(text, str(file))
    if not isinstance(content, dict):
        raise UsageError(f"{file} holds no keys; a task has: {', '.join(_TaskFile.model_fields)}")
    try:
        told = _TaskFile.model_validate(content)
    except ValidationError as error:
        raise UsageError(f"{file}: {explain(error, _TaskFile)}") from error
    for other in names:
        found = _TOKEN_LINE.search((folder / f"{other}.yaml").read_bytes().decode(errors="replace"))
        if other != name and found and found[1] == told.token:
            raise UsageError(
                f"{file}: token is {told.token}, which is that of the task {other}; each has one of its own"
            )
    fields = {key: getattr(told, key) for key in _TaskFile.model_fields if key not in ("exemplars", "manner")}
    return Task(
        name, value_digest(text), file=str(file), written=told.exemplars, manner=told.manner.model_dump(), **fields
    )
