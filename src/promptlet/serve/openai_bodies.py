"""What OpenAI's clients send, and how it becomes a request. What is not supported is refused, never ignored.

The text of a prompt, or of the last user message, is free text, or intents as in ``Topic: birthday, Mood: calm``, with
commas or new lines between them. Task, words, kept and banned terms and the rest come as further fields.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, create_model

from promptlet.serve.bodies import Body, Fields, order_fields
from promptlet.serve.errors import InvalidError
from promptlet.serve.settings import Limits
from promptlet.student.format import Student
from promptlet.types import KIND_ALIASES, KINDS

CHAT_EXAMPLE: dict[str, Any] = {
    "model": "promptlet-104m",
    "messages": [{"role": "user", "content": "Topic: birthday, Scene object: balloon"}],
    "words": 19,
    "n": 2,
}
TEXT_EXAMPLE: dict[str, Any] = {"model": "promptlet-104m", "prompt": "a fox in the snow", "words": "10-14", "seed": 7}
_KIND = rf"(?:{'|'.join(map(re.escape, (*KINDS, *KIND_ALIASES)))})\s*:"
_WISHES = re.compile(rf"\s*{_KIND}", re.IGNORECASE)
_BETWEEN = re.compile(rf"\s*[\n,;]\s*(?={_KIND})", re.IGNORECASE)


class StreamOptions(Body):
    """How to stream."""

    include_usage: bool | None = None


class Part(Body):
    """A part of a message; only text can be read."""

    type: Literal["text"]
    text: str


class Message(Body):
    """A message of a chat."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part]
    name: str | None = None

    @property
    def text(self) -> str:
        """What the message says."""
        return self.content if isinstance(self.content, str) else "\n".join(part.text for part in self.content)


def chat_body(student: Student, limits: Limits) -> type[Body]:
    """Return the body of a chat completion."""
    messages = Annotated[list[Message], Field(min_length=1, max_length=limits.messages)]
    told = "The last message of the user says what the prompts are about."
    tokens = Annotated[int, Field(ge=1, le=student.description.context)]
    fields = _common(student, limits) | {
        "messages": (messages, Field(description=told)),
        "max_completion_tokens": (tokens | None, None),
    }
    return create_model("ChatCompletionRequest", __base__=Body, **fields)


def text_body(student: Student, limits: Limits) -> type[Body]:
    """Return the body of a text completion."""
    text = Annotated[str, StringConstraints(min_length=1)]
    texts = Annotated[list[text], Field(min_length=1, max_length=limits.batch)]
    fields = _common(student, limits) | {"prompt": (text | texts, Field(description="What the prompts are about."))}
    return create_model("CompletionRequest", __base__=Body, **fields)


def _common(student: Student, limits: Limits) -> Fields:
    stop = Annotated[str, StringConstraints(min_length=1, max_length=limits.stop_characters)]
    stops = Annotated[list[stop], Field(max_length=limits.stops)]
    none = Annotated[float, Field(ge=0, le=0)]
    order = {name: (kind | None, field) for name, (kind, field) in order_fields(student, limits).items()}
    return order | {
        "model": (str, Field(description="As GET /v1/models names it.")),
        "stream": (bool | None, None),
        "stream_options": (StreamOptions | None, None),
        "stop": (stop | stops | None, Field(None, description="Prompts are cut before these.")),
        "max_tokens": (Annotated[int, Field(ge=1, le=student.description.context)] | None, None),
        "frequency_penalty": (none | None, Field(None, description="0 only.")),
        "presence_penalty": (none | None, Field(None, description="0 only.")),
        "user": (str | None, Field(None, description="Taken, and neither used nor logged.")),
    }


OWN = (
    *("model", "messages", "prompt", "stream", "stream_options", "stop", "max_tokens", "max_completion_tokens"),
    *("frequency_penalty", "presence_penalty", "user"),
)
"""Fields that say something else than which prompts are wanted."""


def wished(text: str) -> str | list[str]:
    """Return the intents that a text lists, or else the text itself."""
    return _BETWEEN.split(text.strip()) if _WISHES.match(text) else text


def last_wish(messages: list[Message]) -> str:
    """Return what the user said last.

    Raises:
        InvalidError: if the user said nothing.
    """
    for message in reversed(messages):
        if message.role == "user":
            return message.text
    raise InvalidError("messages: there is no message of the user", "messages")
