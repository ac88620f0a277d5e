"""What every teacher offers: chat messages in, one answer out, called from many threads at once."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_serializer, model_validator

from promptlet import registry
from promptlet.errors import TeacherError, UsageError
from promptlet.validation import explain

Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class TeacherRequest:
    """One question. Its fields, and the teacher's identity, are all that an answer may depend on, rounding aside:
    llama.cpp gives other last digits, and rarely another word, for a prompt whose beginning it has read before."""

    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float
    top_p: float
    seed: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What the teacher said; `finished` is False where it was cut off by `max_tokens`."""

    text: str
    finished: bool
    prompt_tokens: int
    completion_tokens: int
    likelihood: float | None = None
    """Mean natural logarithm of the probability that the teacher gave its own tokens, where it says."""


class TeacherConfig(BaseModel):
    """Settings of a teacher; each teacher's own class adds to them."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    def weights(self) -> Path | None:
        """Return the file or folder of the model, where the settings name one on this machine."""
        return None


class Teacher(ABC):
    """A source of answers. Make one with `open`, close it after use."""

    Config: ClassVar[type[TeacherConfig]]
    in_process: ClassVar[bool] = False
    """Whether the model takes up the process that asks it, so that workers of a cluster can't each open it."""
    tunable: ClassVar[bool] = False
    """Whether its setting `model` may be a Hugging Face folder that the stage tune made."""
    config: Any
    """The settings that it was opened with; opened with the same ones it is the same teacher."""
    identity: str
    """Names the model and its version; part of the identity of every request."""
    concurrency: int
    """How many threads may ask it at once."""
    batch: int = 24
    """How many requests with the same exemplars are best put to it together."""

    def most_tokens(self, request: TeacherRequest) -> tuple[int, int]:
        """Return how many tokens a request has at most, for no token is without a byte, and how many its answer."""
        return len(json.dumps(request.messages).encode()), request.max_tokens

    @classmethod
    @abstractmethod
    def open(cls, config: Any) -> Self:
        """Return a teacher that is ready to answer.

        Raises:
            TeacherError: if it can't be reached or loaded.
        """

    @abstractmethod
    def complete(self, request: TeacherRequest) -> Answer:
        """Return the answer to one request; may be called from `concurrency` threads at once.

        Raises:
            TeacherError: if there is none.
        """

    def complete_all(self, requests: Sequence[TeacherRequest]) -> Iterator[tuple[int, Answer | TeacherError]]:
        """Yield the index of each request with its answer, or with why there is none, as they come.

        One after another, which lets the slot of an engine keep the exemplars that the requests have in common.
        """
        for index, request in enumerate(requests):
            try:
                yield index, self.complete(request)
            except TeacherError as error:
                yield index, error

    def close(self) -> None:  # noqa: B027 (most teachers hold nothing)
        """Free what the teacher holds."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class BatchTeacher(Teacher):
    """A teacher that answers many requests together, and so one as a batch of one."""

    @abstractmethod
    def complete_all(self, requests: Sequence[TeacherRequest]) -> Iterator[tuple[int, Answer | TeacherError]]:
        """Yield the index of each request with its answer, or with why there is none, as they come."""

    def complete(self, request: TeacherRequest) -> Answer:
        ((_, answer),) = self.complete_all([request])
        if isinstance(answer, TeacherError):
            raise answer
        return answer


def teacher_class(name: str) -> type[Teacher]:
    """Return the teacher of this name, to be opened with its settings.

    Raises:
        UsageError: if there is none of this name.
        MissingExtraError: if a library that it needs is not installed.
    """
    found: type[Teacher] = registry.load("promptlet.teachers", name).TEACHER
    return found


class TeacherChoice(BaseModel):
    """The teacher's name and, beside it, the settings that this teacher has."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str = "embedded"
    """Which teacher is asked; its own settings stand beside the name."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        """Take a bare name as that of a teacher with no settings."""
        return {"name": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _check(self) -> TeacherChoice:
        self.settings()
        return self

    def settings(self) -> Any:
        """Return the teacher's own, checked configuration."""
        config = teacher_class(self.name).Config
        try:
            return config(**(self.model_extra or {}))
        except ValidationError as error:
            raise UsageError(f"teacher '{self.name}': {explain(error, config)}") from error

    @model_serializer
    def _what_matters(self) -> dict[str, Any]:
        """Leave out what can't change an answer, as the teacher's settings say: it does not make a run another one."""
        settings: dict[str, Any] = self.settings().model_dump(mode="json", exclude_unset=True)
        return {"name": self.name} | settings

    def open(self, tuned: Path | None) -> Teacher:
        """Return the teacher, ready to answer; `tuned` is the model that it takes instead of its own.

        Raises:
            UsageError: if it can't take that model.
        """
        kind, settings = teacher_class(self.name), self.settings()
        if tuned is not None:
            if not kind.tunable:
                raise UsageError(f"teacher '{self.name}' can't be tuned; leave out tune.model, or ask 'transformers'")
            if settings.model is not None:
                raise UsageError("synthesize.teacher.model and tune.model exclude each other")
            settings = settings.model_copy(update={"model": str(tuned)})
        teacher: Teacher = kind.open(settings)
        return teacher
