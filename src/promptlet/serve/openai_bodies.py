"""Pydantic models of what OpenAI's clients send, and how their texts become intents.

The text of a prompt, or of the last user message, is free text, or intents as in ``Topic: birthday, Mood: calm``, with
commas or new lines between them. Task, words, kept and banned terms and the rest come as further fields.

Of a chat only the last message of the user is read. System messages and all earlier ones are accepted, since clients
send the whole history, and ignored. A field that asks for what is not supported is an error; one that asks for what
holds anyway (no tools, plain text) is accepted.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, create_model

from promptlet.serve.bodies import Body, Fields, generation_fields
from promptlet.serve.errors import InvalidRequestError
from promptlet.serve.settings import Limits
from promptlet.student.format import Student
from promptlet.types import KIND_ALIASES, KINDS

_MOST_TOKENS = 1_000_000
"""Of `max_tokens`; it only cuts, so clients may send what they send to larger models."""
_KIND = rf"(?:{'|'.join(map(re.escape, (*KINDS, *KIND_ALIASES)))})\s*:"
_INTENTS = re.compile(rf"\s*{_KIND}", re.IGNORECASE)
_SEPARATOR = re.compile(rf"\s*[\n,;]\s*(?={_KIND})", re.IGNORECASE)
_EmptyList = Annotated[list[Any], Field(max_length=0)]
_EmptyDict = Annotated[dict[str, Any], Field(max_length=0)]


class StreamOptions(Body):
    """How to stream."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None
    """Ignored; nothing is ever padded."""


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
    annotations: _EmptyList | None = None
    audio: _EmptyDict | None = None
    function_call: _EmptyDict | None = None
    tool_calls: _EmptyList | None = None
    parsed: None = None
    """Added by the openai package's helper for structured outputs."""

    @property
    def text(self) -> str:
        """The text of all parts."""
        content = self.content or ""
        return content if isinstance(content, str) else "\n".join(part.text for part in content)


def _check_false(value: Any) -> Any:
    # 0 would pass as Literal[False], but `logprobs: 0` asks for something.
    if value is not False:
        raise ValueError("only false is allowed")
    return value


def _only(kind: type[float], number: float) -> Any:
    """Return the type of a number that has one value; bounds that meet would be told as half of what is allowed."""

    def check(value: float) -> float:
        if value != number:
            raise ValueError(f"only {number} is allowed")
        return value

    return Annotated[kind, AfterValidator(check), Field(json_schema_extra={"const": number})]


_Tokens = Annotated[int, Field(ge=1, le=_MOST_TOKENS)]
_False = Annotated[Literal[False], BeforeValidator(_check_false)]
_DEFAULTS: dict[str, Any] = {
    "frequency_penalty": _only(float, 0),
    "presence_penalty": _only(float, 0),
    "user": str,
}
"""Fields that change no text: their only values are what holds anyway, or they are the client's own, and not logged."""
_CHAT_DEFAULTS: dict[str, Any] = {
    "logprobs": _False,
    "top_logprobs": _only(int, 0),
    "response_format": TextFormat,
    "modalities": Annotated[list[Literal["text"]], Field(min_length=1, max_length=1)],
    "tools": _EmptyList,
    "tool_choice": Literal["none", "auto"],
    "parallel_tool_calls": bool,
    "functions": _EmptyList,
    "function_call": Literal["none", "auto"],
    "store": _False,
    "service_tier": Literal["auto", "default"],
    "metadata": dict[str, str],
    "reasoning_effort": str,
    "safety_identifier": str,
    "prompt_cache_key": str,
}
_TEXT_DEFAULTS: dict[str, Any] = {
    "logprobs": _False,
    "echo": _False,
    "best_of": _only(int, 1),
    "suffix": Literal[""],
}
NOT_GENERATION_FIELDS = (
    *("model", "messages", "prompt", "stream", "stream_options", "stop", "max_tokens", "max_completion_tokens"),
    *_DEFAULTS,
    *_CHAT_DEFAULTS,
    *_TEXT_DEFAULTS,
)
"""The fields that are none of `generation_fields`."""


def chat_body(student: Student, limits: Limits) -> type[Body]:
    """Return the model of a chat completion's body."""
    messages = Annotated[list[Message], Field(min_length=1, max_length=limits.messages)]
    description = "The last message of the user says what the prompts are about; all others are ignored."
    fields = _common_fields(student, limits) | _ignored_fields(_CHAT_DEFAULTS)
    fields |= {"messages": (messages, Field(description=description)), "max_completion_tokens": (_Tokens | None, None)}
    return create_model("ChatCompletionRequest", __base__=Body, **fields)


def text_body(student: Student, limits: Limits) -> type[Body]:
    """Return the model of a text completion's body."""
    text = Annotated[str, StringConstraints(min_length=1)]
    texts = Annotated[list[text], Field(min_length=1, max_length=limits.batch)]
    fields = _common_fields(student, limits) | _ignored_fields(_TEXT_DEFAULTS)
    fields |= {"prompt": (text | texts, Field(description="What the prompts are about."))}
    return create_model("CompletionRequest", __base__=Body, **fields)


def _common_fields(student: Student, limits: Limits) -> Fields:
    stop = Annotated[str, StringConstraints(min_length=1, max_length=limits.stop_characters)]
    stops = Annotated[list[stop], Field(max_length=limits.stops)]
    generation = {name: (kind | None, field) for name, (kind, field) in generation_fields(student, limits).items()}
    own: Fields = {
        "model": (str, Field(description="As GET /v1/models names it.")),
        "stream": (bool | None, None),
        "stream_options": (StreamOptions | None, None),
        "stop": (stop | stops | None, Field(None, description="Prompts are cut before these.")),
        "max_tokens": (_Tokens | None, Field(None, description="Prompts are cut behind so many.")),
    }
    return generation | own | _ignored_fields(_DEFAULTS)


def _ignored_fields(kinds: dict[str, Any]) -> Fields:
    return {name: (kind | None, Field(None, description="Taken; changes nothing.")) for name, kind in kinds.items()}


def chat_example(model: str) -> dict[str, Any]:
    """Return a chat completion's body, for the documentation."""
    message = {"role": "user", "content": "Topic: birthday, Scene object: balloon"}
    return {"model": model, "messages": [message], "words": 19, "n": 2}


def text_example(model: str) -> dict[str, Any]:
    """Return a text completion's body, for the documentation."""
    return {"model": model, "prompt": "a fox in the snow", "words": "10-14", "seed": 7}


def split_intents(text: str) -> str | list[str]:
    """Return the intents that a text lists, or the text itself if it is free text."""
    return _SEPARATOR.split(text.strip()) if _INTENTS.match(text) else text


def last_user_text(messages: list[Message]) -> str:
    """Return the text of the user's last message.

    Raises:
        InvalidRequestError: if there is none, or it is empty.
    """
    last = next((message for message in reversed(messages) if message.role == "user"), None)
    if last is None:
        raise InvalidRequestError("messages: there is no message of the user", "messages")
    if not last.text.strip():
        raise InvalidRequestError("messages: the last message of the user says nothing", "messages")
    return last.text
