"""What can be asked for: one typed request, the same in Python, on the command line, in files and over HTTP.

What depends on the student (its tasks, its commands' ranges) the generator checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError

from promptlet.engines.base import Sampling
from promptlet.errors import UsageError, about
from promptlet.generation.terms import asks_for
from promptlet.intents.lines import on_one_line
from promptlet.intents.markup import split_markup
from promptlet.intents.own_words import Phrase, in_own_words
from promptlet.intents.reading import only_unwanted, read_text
from promptlet.intents.unread import unread
from promptlet.tasks import load_task, task_names
from promptlet.types import KINDS, MAX_TEXT_CHARACTERS, Intent, Intents, is_plain, parse_intents, plain_text
from promptlet.validation import reason, shown

MAX_KEPT, MAX_BANNED, MAX_TERM_CHARACTERS = 16, 64, 120
"""How many terms may be kept, how many banned, and how long each may be. A prompt has room for few kept ones; to
ban costs next to nothing, and the negative prompts of image makers list dozens."""
MAX_BIASES, MAX_BIAS = 300, 100
"""For how many tokens a bias may be given, and how far it may go."""
_DEFAULT = Sampling()


def _intents(raw: Any) -> Intents:
    """Return checked intents, free text as a topic yet to be read; what JSON may hold instead of them is refused."""
    if isinstance(raw, str):
        return (Intent("Topic", plain_text(on_one_line(raw), "the text", MAX_TEXT_CHARACTERS)),)
    if not isinstance(raw, Iterable) or isinstance(raw, Mapping):
        raise UsageError(f'{raw!r} is neither free text nor a list of "Kind: value"')
    intents = tuple(raw)
    for each in intents:
        pair = isinstance(each, list | tuple) and len(each) == 2 and all(isinstance(part, str) for part in each)
        if not (pair or isinstance(each, str | Intent)):
            raise UsageError(f'{each!r} is no intent; "Kind: value" is')
    return parse_intents(intents)


def _terms(raw: Any, most: int) -> tuple[str, ...]:
    """Return the terms of a list without surrounding space, each once; so many are allowed."""
    if not isinstance(raw, list | tuple) or not all(isinstance(term, str) for term in raw):
        raise UsageError(f"{raw!r} is no list of terms, such as ['moon']")
    terms = tuple(dict.fromkeys(term.strip() for term in raw))
    if len(terms) > most:
        raise UsageError(f"{len(terms)} terms were given; at most {most} are allowed")
    for term in terms:
        if not 1 <= len(term) <= MAX_TERM_CHARACTERS or not is_plain(term):
            raise UsageError(f"the term {term[:30]!r} is not 1 to {MAX_TERM_CHARACTERS} printable characters")
    return terms


def _bias(raw: Any) -> dict[int, float]:
    """Return the bias per token; JSON has no other keys than text."""
    if not isinstance(raw, Mapping) or len(raw) > MAX_BIASES:
        raise UsageError(f"no more than {MAX_BIASES} tokens with a bias each are allowed")
    for token, bias in raw.items():
        if not (str(token).isascii() and str(token).isdigit() and len(str(token)) < 10):
            raise UsageError(f"{str(token)[:30]!r} is no token; its number is")
        if isinstance(bias, bool) or not isinstance(bias, int | float) or not -MAX_BIAS <= bias <= MAX_BIAS:
            raise UsageError(f"the bias of token {token} is not from -{MAX_BIAS} to {MAX_BIAS}")
    return {int(token): float(bias) for token, bias in raw.items()}


_kept, _banned = partial(_terms, most=MAX_KEPT), partial(_terms, most=MAX_BANNED)


class Request(BaseModel):
    """A request for prompts. Keys that are not here are commands of the student, such as `words` and `relevance`."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, use_attribute_docstrings=True)
    intents: Annotated[Intents, BeforeValidator(_intents)]
    """Free text, whose words are then given kinds, or ``Kind: value`` strings, pairs or intents."""
    task: str = "t2i"
    n: int = Field(default=1, ge=1, le=64)
    """How many different prompts."""
    seed: int | None = Field(default=None, ge=0, le=2**32 - 1)
    """The same seed gives the same prompts, and n=4 begins with those of n=1; None is a new one each time."""
    exact: bool = True
    """Whether the number of words is enforced while decoding."""
    candidates: int = Field(default=24, ge=1, le=64)
    """How many texts may be drawn per prompt; the best are taken. 1 leaves the student alone."""
    keep: Annotated[tuple[str, ...], BeforeValidator(_kept)] = ()
    """Terms that appear verbatim in every prompt, and count as words: names, `(golden hour:1.2)`, `<lora:foo:0.8>`."""
    ban: Annotated[tuple[str, ...], BeforeValidator(_banned)] = ()
    """Words and phrases that appear in no prompt, whatever their case or inflection; or ``category:trademarks``."""
    temperature: float = Field(default=_DEFAULT.temperature, ge=0, le=2)
    """0 takes the likeliest token, and so does all below 0.01."""
    top_p: float = Field(default=_DEFAULT.top_p, gt=0, le=1)
    top_k: int = Field(default=_DEFAULT.top_k, ge=0, le=1000)
    """Most tokens to draw from; 0 is all."""
    min_p: float = Field(default=_DEFAULT.min_p, ge=0, le=1)
    """Tokens less likely than this share of the likeliest are not drawn."""
    logit_bias: Annotated[dict[int, float], BeforeValidator(_bias)] = Field(default_factory=dict)
    """By number of a token, what makes it likelier (up to 100) or less likely (down to -100)."""
    _text: str | None = PrivateAttr(default=None)
    """The free text that the intents were read in."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Return a checked request.

        Raises:
            UsageError: naming the first value that is not allowed, and what is.
        """
        try:
            request = cls.model_validate(dict(values))
        except ValidationError as error:
            raise UsageError(_explain(error), str(error.errors()[0]["loc"][0])) from error
        return request._read() if isinstance(values["intents"], str) else request

    def _read(self) -> Self:
        """Return the request with its free text read."""
        (whole,) = self.intents
        text, unwanted, tags = split_markup(whole.value)
        kinds = load_task(self.task).kinds if self.task in task_names() else KINDS
        with about("intents"):
            if not text:
                raise only_unwanted(whole.value)
            wish = read_text(text, kinds)
        # A woman who wants no people about her is wished for.
        without = [
            each
            for each in (*wish.without, *unwanted)
            if not any(asks_for(intent.value, each) for intent in wish.intents)
        ]
        with about("ban"):
            ban = _banned((*self.ban, *without))
        with about("keep"):
            keep = _kept((*self.keep, *tags))
        copy = self.model_copy(update={"intents": wish.intents, "ban": ban, "keep": keep})
        copy._text = whole.value
        return copy

    @property
    def free_text(self) -> bool:
        """Whether the intents were read in free words, of which not all need be put to a student."""
        return self._text is not None

    @property
    def text(self) -> str:
        """The free text that the intents were read in, "" if they were typed."""
        return self._text or ""

    @property
    def unread(self) -> tuple[str, ...]:
        """Parts of the free text that are no part of the wish: "make it 15 words", "8k"."""
        taken = (*(intent.value for intent in self.intents), *self.keep, *self.ban)
        return () if self._text is None else unread(self._text, taken)

    def in_own_words(self, instead: Intents) -> Phrase:
        """Return the wish as free text linked its parts, each as it stands in `instead`; nothing if it did not."""
        values = [intent.value for intent in self.intents]
        return Phrase() if self._text is None else in_own_words(self._text, values, [each.value for each in instead])

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is taken always, so that no seed has a say."""
        return self.sampling.temperature == 0 or self.top_k == 1 or self.min_p == 1

    @property
    def commands(self) -> dict[str, Any]:
        """What is asked of the student's commands, by name."""
        return {name: value for name, value in (self.model_extra or {}).items() if value is not None}

    @property
    def sampling(self) -> Sampling:
        """How tokens are drawn."""
        return Sampling(self.temperature, self.top_p, self.top_k, self.min_p)


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    if first["type"] == "missing":
        return f"the request has no {first['loc'][0]}"
    name = str(first["loc"][0])
    if first["type"] == "value_error":
        return f"{name}: {reason(first)}"
    limits = Request.model_fields[name].metadata
    bounds = {key: getattr(limit, key) for limit in limits for key in ("ge", "gt", "le") if hasattr(limit, key)}
    message = f"{name} is {shown(first['input'])}"
    if not (bounds and first["type"].startswith(("greater_than", "less_than"))):
        message = f"{message}: {reason(first)}"
    if not bounds:
        return message
    lowest = f"above {bounds['gt']}" if "gt" in bounds else bounds["ge"]
    return f"{message}; {lowest} to {bounds['le']} are allowed"
