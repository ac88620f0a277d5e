"""What a server holds requests to, and who may send them."""

from __future__ import annotations

from dataclasses import dataclass, field

from promptlet.engines.llamacpp import TEXTS_PER_THREAD
from promptlet.generation.request import MAX_TERM_CHARACTERS, MAX_TERMS
from promptlet.serve.keys import Keys
from promptlet.types import KINDS, MAX_INTENTS, MAX_TEXT_CHARACTERS, MAX_VALUE_CHARACTERS


@dataclass(frozen=True)
class Limits:
    """The most that one request may ask for; what has more is refused before anything is made of it."""

    body: int = 64 * 1024
    """Bytes."""
    prompts: int = 32
    """`n`."""
    candidates: int = 64
    batch: int = 16
    """Requests in one body, or prompts of one completion."""
    stops: int = 4
    stop_characters: int = 64
    messages: int = 64
    intents: int = MAX_INTENTS
    text_characters: int = MAX_TEXT_CHARACTERS
    intent_characters: int = MAX_VALUE_CHARACTERS + max(map(len, KINDS)) + 2
    terms: int = MAX_TERMS
    term_characters: int = MAX_TERM_CHARACTERS


@dataclass(frozen=True)
class Settings:
    """How a server is run."""

    limits: Limits = field(default_factory=Limits)
    running: int = TEXTS_PER_THREAD
    """Requests that are worked on side by side."""
    waiting: int = 64
    """Requests that wait for their turn; more are refused."""
    timeout: float = 60.0
    """Seconds within which a request must be done, waiting included."""
    patience: float = 10.0
    """Seconds within which a client must have sent its request."""
    grace: float = 25.0
    """Seconds that running work has to finish once the server is asked to end."""
    keys: Keys = field(default_factory=Keys)
    """Without keys everyone who reaches the server may use it."""
    rate: str | None = None
    """Requests that write, per key, or per address where there are no keys, as in ``120/minute``."""
    origins: tuple[str, ...] = ()
    """Other sites whose pages may use the server, as browsers name them; ``*`` is all."""
    hosts: tuple[str, ...] = ()
    """Names under which the server may be reached; none is any."""
    log_text: bool = False
    """Whether what is asked for is logged."""
