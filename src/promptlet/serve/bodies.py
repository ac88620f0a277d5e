"""Pydantic models of request bodies, made for one student: its commands and tasks, and the server's limits.

Only types and sizes are checked here; what the values mean is checked by `generation.Request`.
"""

from __future__ import annotations

import secrets
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, create_model

from promptlet.generation.request import MAX_BIAS, MAX_BIASES, Request
from promptlet.serve.settings import Limits
from promptlet.student.format import Student

EXAMPLE: dict[str, Any] = {
    "intents": ["Topic: birthday", "Scene object: balloon"],
    "task": "t2i",
    "words": 19,
    "n": 4,
    "seed": 7,
}


class Body(BaseModel):
    """Base of all bodies: values are not converted, and unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


Fields = dict[str, Any]
"""Name -> (annotation, field), as pydantic's `create_model` takes them."""


def intents_type(limits: Limits) -> Any:
    """Return the type of the field `intents`: a list of intents, or free text."""
    text = Annotated[str, StringConstraints(min_length=1, max_length=limits.text_characters)]
    intent = Annotated[str, StringConstraints(min_length=1, max_length=limits.intent_characters)]
    return text | Annotated[list[intent], Field(min_length=1, max_length=limits.intents)]


def generation_fields(student: Student, limits: Limits) -> Fields:
    """Return the fields, common to both APIs, that say which prompts are wanted."""
    term = Annotated[str, StringConstraints(min_length=1, max_length=limits.term_characters)]
    kept = Annotated[list[term], Field(max_length=limits.kept)]
    banned = Annotated[list[term], Field(max_length=limits.banned)]
    bias = Annotated[float, Field(ge=-MAX_BIAS, le=MAX_BIAS)]
    token = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,6}$")]
    biases = Annotated[dict[token, bias], Field(max_length=MAX_BIASES)]
    fields: Fields = {
        "task": (Literal[tuple(student.tasks)], _field("task", next(iter(student.tasks)))),
        "n": (Annotated[int, Field(ge=1, le=limits.prompts)], _field("n", 1)),
        "candidates": (
            Annotated[int, Field(ge=1, le=limits.candidates)],
            _field("candidates", min(limits.candidates, Request.model_fields["candidates"].default)),
        ),
        "keep": (kept, _field("keep", [])),
        "ban": (banned, _field("ban", [])),
        "logit_bias": (biases, _field("logit_bias", {})),
    }
    for name in ("seed", "exact", "temperature", "top_p", "top_k", "min_p"):
        field = Request.model_fields[name]
        fields[name] = (field.annotation, field)
    for name, command in student.commands.items():
        values = command.values()
        number = Annotated[int, Field(ge=values[0], le=values[-1])]
        number_range = Annotated[str, StringConstraints(max_length=20)]
        description = f"{values[0]} to {values[-1]}"
        description += f', or a range of these, as in "{values[0]}-{values[-1]}".' if command.ranged else "."
        annotation = number | number_range | None if command.ranged else number | None
        fields[name] = (annotation, Field(None, description=description))
    return fields


def _field(name: str, default: Any) -> Any:
    return Field(default, description=Request.model_fields[name].description)


def prompt_body(student: Student, limits: Limits) -> type[Body]:
    """Return the native API's model of one request."""
    fields = generation_fields(student, limits) | {
        "intents": (intents_type(limits), Field(description=Request.model_fields["intents"].description)),
    }
    return create_model("PromptRequest", __base__=Body, __doc__="What a prompt is asked for.", **fields)


def to_request(body: BaseModel, *exclude: str, **others: Any) -> Request:
    """Return the request of a body without some of its fields, and with others; a seed is drawn if it has none.

    Raises:
        UsageError: for values that no student can be asked for.
    """
    given = body.model_dump(exclude=set(exclude), exclude_none=True, exclude_unset=True)
    defaults = {"task": body.task, "candidates": body.candidates, "seed": secrets.randbelow(2**32)}  # type: ignore[attr-defined]
    return Request.of(defaults | given | others)
