"""How a teacher is asked: a task's instructions, a few exemplars of about the wanted length, then the request.

A small teacher ignores "about 19 words" and imitates what it is shown, so the exemplars carry the length. By default
requests for the same task and length share theirs, which engines then read once; a large teacher that is paid by the
request does better with exemplars drawn for each.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Literal

from promptlet.commands.words import count_words
from promptlet.stemming import stems
from promptlet.tasks import Exemplar, Task
from promptlet.teachers.base import Message
from promptlet.types import Intents

Choice = Literal["shared", "diverse", "nearest"]
"""How exemplars are chosen: the same for many requests, different ones for each, or those most like the request."""
_POOL = 24
"""Exemplars nearest in length among which is chosen."""
_WIDER = 6
"""Of a task's exemplars one in so many, those nearest in length, is compared with the request."""


def choose_exemplars(
    task: Task, intents: Intents, words: int, shots: int, choice: Choice = "shared", variant: int = 0, seed: int = 0
) -> tuple[Exemplar, ...]:
    """Return up to `shots` exemplars of about `words` words, always the same for the same arguments.

    Args:
        task: whose exemplars.
        intents: those of the request; they matter to `nearest`.
        words: the wanted length.
        shots: how many.
        choice: how.
        variant: which of the sets that many requests may share; it matters to `shared`.
        seed: the request's seed; it matters to `diverse`.
    """
    compared = len(task.exemplars) // _WIDER if choice == "nearest" else 0
    pool = _pool(task, words, max(_POOL, shots, compared))
    if choice == "shared":
        return tuple(random.Random(f"{task.name}:{words}:{variant}").sample(pool, min(shots, len(pool))))
    if choice == "nearest":
        # The most alike stands last, nearest to the request.
        return tuple(
            sorted(pool, key=lambda exemplar: _likeness(exemplar.intents, intents))[max(0, len(pool) - shots) :]
        )
    mixed = random.Random(seed).sample(pool, len(pool))
    openings: dict[str, Exemplar] = {}
    for exemplar in mixed:
        openings.setdefault(exemplar.prompt.split()[0].casefold(), exemplar)
    fresh = list(openings.values())
    return tuple([*fresh, *(exemplar for exemplar in mixed if exemplar not in fresh)][:shots])


def chat_messages(
    task: Task, exemplars: Sequence[Exemplar], intents: Intents, words: int, manner: Mapping[str, str] | None = None
) -> tuple[Message, ...]:
    """Return the chat that asks a teacher for one prompt of about `words` words.

    `manner` says more about the wanted text: values for ``tone``, ``style`` and ``context``.
    """
    chat: list[Message] = [{"role": "system", "content": task.instruct(manner or {})}]
    for exemplar in exemplars:
        chat.append({"role": "user", "content": task.ask(exemplar.intents, count_words(exemplar.prompt))})
        chat.append({"role": "assistant", "content": exemplar.prompt})
    chat.append({"role": "user", "content": task.ask(intents, words)})
    return tuple(chat)


@cache
def _pool(task: Task, words: int, size: int) -> list[Exemplar]:
    return sorted(task.exemplars, key=lambda exemplar: abs(count_words(exemplar.prompt) - words))[:size]


def _likeness(one: Intents, other: Intents) -> tuple[int, int]:
    """Return how many stems two sets of intents share, and how many kinds."""
    said, asked = (frozenset().union(*(stems(intent.value) for intent in intents)) for intents in (one, other))
    kinds = {intent.kind for intent in one} & {intent.kind for intent in other}
    return len(said & asked), len(kinds)
