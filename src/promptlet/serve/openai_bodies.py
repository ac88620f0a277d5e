"""What OpenAI's clients send, and how it becomes a request.

The text of a prompt, or of the last user message, is free text, or intents as in ``Topic: birthday, Mood: calm``, with
commas or new lines between them. Task, words, kept and banned terms and the rest come as further fields.

Of a chat only the last message of the user is read: system messages and all earlier ones are taken, for clients send
the whole history, and ignored. A field that asks for what is not supported is refused; one that only says what is the
case anyway (no tools, plain text) is taken.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, create_model

from promptlet.serve.bodies import Body, Fields, order_fields
from promptlet.serve.errors import InvalidRequestError
from promptlet.serve.settings import Limits
from promptlet.student.format import Student
from promptlet.types import KIND_ALIASES, KINDS

_MOST_TOKENS = 1_000_000
"""Of `max_tokens`; it only cuts, so clients may send what they send to larger models."""
_KIND = rf"(?:{'|'.join(map(re.escape, (*KINDS, *KIND_ALIASES)))})\s*:"
_WISHES = re.compile(rf"\s*{_KIND}", re.IGNORECASE)
_BETWEEN = re.compile(rf"\s*[\n,;]\s*(?={_KIND})", re.IGNORECASE)


_NoList = Annotated[list[Any], Field(max_length=0)]
_NoMap = Annotated[dict[str, Any], Field(max_length=0)]


class StreamOptions(Body):
    """How to stream."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None
    """Taken; nothing is ever padded."""


class TextFormat(Body):
    """The one form of an answer."""

    type: Literal["text"]


class Part(Body):
    """A part of a message; only text can be read."""

    type: Literal["text"]
    text: str


class Message(Body):
    """A message of a chat, also as the answer had it that a client sends back."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part] | None = None
    name: str | None = None
    refusal: Literal[""] | None = None
    annotations: _NoList | None = None
    audio: _NoMap | None = None
    function_call: _NoMap | None = None
    tool_calls: _NoList | None = None
    parsed: None = None
    """What the client's own helper for structured answers adds."""

    @property
    def text(self) -> str:
        """What the message says."""
        content = self.content or ""
        return content if isinstance(content, str) else "\n".join(part.text for part in content)


def _not_zero(raw: Any) -> Any:
    # To Python 0 is False, but `logprobs: 0` asks for something.
    if raw is not False:
        raise ValueError("only false is allowed")
    return raw


_Tokens = Annotated[int, Field(ge=1, le=_MOST_TOKENS)]
_Zero = Annotated[float, Field(ge=0, le=0)]
_No = Annotated[Literal[False], BeforeValidator(_not_zero)]
_DEFAULTS: dict[str, Any] = {
    "frequency_penalty": _Zero,
    "presence_penalty": _Zero,
    "user": str,
}
"""What may be said by the way: what it is anyway, and who asks, which is neither used nor logged."""
_CHAT_DEFAULTS: dict[str, Any] = {
    "logprobs": _No,
    "top_logprobs": Annotated[int, Field(ge=0, le=0)],
    "response_format": TextFormat,
    "modalities": Annotated[list[Literal["text"]], Field(min_length=1, max_length=1)],
    "tools": _NoList,
    "tool_choice": Literal["none", "auto"],
    "parallel_tool_calls": bool,
    "functions": _NoList,
    "function_call": Literal["none", "auto"],
    "store": _No,
    "service_tier": Literal["auto", "default"],
    "metadata": _NoMap,
    "safety_identifier": str,
    "prompt_cache_key": str,
}
_TEXT_DEFAULTS: dict[str, Any] = {
    "logprobs": _No,
    "echo": _No,
    "best_of": Annotated[int, Field(ge=1, le=1)],
    "suffix": Literal[""],
}
OWN = (
    *("model", "messages", "prompt", "stream", "stream_options", "stop", "max_tokens", "max_completion_tokens"),
    *_DEFAULTS,
    *_CHAT_DEFAULTS,
    *_TEXT_DEFAULTS,
)
"""Fields that say something else than which prompts are wanted."""


def chat_body(student: Student, limits: Limits) -> type[Body]:
    """Return the body of a chat completion."""
    messages = Annotated[list[Message], Field(min_length=1, max_length=limits.messages)]
    told = "The last message of the user says what the prompts are about; all others are ignored."
    fields = _common(student, limits) | _taken(_CHAT_DEFAULTS)
    fields |= {"messages": (messages, Field(description=told)), "max_completion_tokens": (_Tokens | None, None)}
    return create_model("ChatCompletionRequest", __base__=Body, **fields)


def text_body(student: Student, limits: Limits) -> type[Body]:
    """Return the body of a text completion."""
    text = Annotated[str, StringConstraints(min_length=1)]
    texts = Annotated[list[text], Field(min_length=1, max_length=limits.batch)]
    fields = _common(student, limits) | _taken(_TEXT_DEFAULTS)
    fields |= {"prompt": (text | texts, Field(description="What the prompts are about."))}
    return create_model("CompletionRequest", __base__=Body, **fields)


def _common(student: Student, limits: Limits) -> Fields:
    stop = Annotated[str, StringConstraints(min_length=1, max_length=limits.stop_characters)]
    stops = Annotated[list[stop], Field(max_length=limits.stops)]
    order = {name: (kind | None, field) for name, (kind, field) in order_fields(student, limits).items()}
    own: Fields = {
        "model": (str, Field(description="As GET /v1/models names it.")),
        "stream": (bool | None, None),
        "stream_options": (StreamOptions | None, None),
        "stop": (stop | stops | None, Field(None, description="Prompts are cut before these.")),
        "max_tokens": (_Tokens | None, Field(None, description="Prompts are cut behind so many.")),
    }
    return order | own | _taken(_DEFAULTS)


def _taken(kinds: dict[str, Any]) -> Fields:
    return {name: (kind | None, Field(None, description="Taken; changes nothing.")) for name, kind in kinds.items()}


def chat_example(model: str) -> dict[str, Any]:
    """Return a chat completion's body, for the documentation."""
    said = {"role": "user", "content": "Topic: birthday, Scene object: balloon"}
    return {"model": model, "messages": [said], "words": 19, "n": 2}


def text_example(model: str) -> dict[str, Any]:
    """Return a text completion's body, for the documentation."""
    return {"model": model, "prompt": "a fox in the snow", "words": "10-14", "seed": 7}


def wished(text: str) -> str | list[str]:
    """Return the intents that a text lists, or else the text itself."""
    return _BETWEEN.split(text.strip()) if _WISHES.match(text) else text


def last_wish(messages: list[Message]) -> str:
    """Return what the user said last.

    Raises:
        InvalidRequestError: if there is no message of the user, or the last one says nothing.
    """
    last = next((message for message in reversed(messages) if message.role == "user"), None)
    if last is None:
        raise InvalidRequestError("messages: there is no message of the user", "messages")
    if not last.text.strip():
        raise InvalidRequestError("messages: the last message of the user says nothing", "messages")
    return last.text
