"""How a server is run: limits of requests, times, and who may send them."""

from __future__ import annotations

from dataclasses import dataclass, field

from promptlet.cores import usable_cores
from promptlet.engines.base import engine_class
from promptlet.engines.llamacpp import TEXTS_PER_THREAD
from promptlet.generation.request import MAX_BANNED, MAX_KEPT, MAX_TERM_CHARACTERS
from promptlet.serve.keys import Keys
from promptlet.types import KINDS, MAX_INTENTS, MAX_TEXT_CHARACTERS, MAX_VALUE_CHARACTERS


def usual_running(engine: str, threads: int | None) -> int:
    """Return how many requests are worked on side by side if nobody says: enough to fill the engine's batches.

    Raises:
        UsageError: if there is no engine of this name.
        MissingExtraError: if a library that it needs is not installed.
    """
    return max(engine_class(engine).side_by_side, TEXTS_PER_THREAD * (threads or usable_cores()))


@dataclass(frozen=True)
class Limits:
    """The most that one request may ask for; more is refused before any work is done."""

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
    kept: int = MAX_KEPT
    """Terms that are kept."""
    banned: int = MAX_BANNED
    term_characters: int = MAX_TERM_CHARACTERS


@dataclass(frozen=True)
class Settings:
    """How a server is run."""

    limits: Limits = field(default_factory=Limits)
    running: int = TEXTS_PER_THREAD
    """Requests that are worked on side by side."""
    waiting: int = 64
    """Requests that wait for a place; more are refused."""
    timeout: float = 60.0
    """Seconds within which a request must be done, waiting included."""
    read_timeout: float = 10.0
    """Seconds within which a client must have sent its request."""
    grace: float = 25.0
    """Seconds that running work has to finish once the server is asked to end."""
    keys: Keys = field(default_factory=Keys)
    """Without any, everyone who reaches the server may use it."""
    rate: str | None = None
    """The most requests that write, as in ``120/minute``: per key, or per address if there are no keys."""
    origins: tuple[str, ...] = ()
    """Other sites whose pages may use the server, as browsers name them (CORS); ``*`` is all."""
    hosts: tuple[str, ...] = ()
    """Host names by which the server may be called; empty allows any."""
    log_text: bool = False
    """Whether the bodies of requests are logged."""
