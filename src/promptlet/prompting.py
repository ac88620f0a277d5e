"""How a teacher is asked: a task's instructions, a few exemplars of about the wanted length, then the request.

A small teacher ignores "about 19 words" and imitates what it is shown, so the exemplars carry the length. They
come in fixed hands (so many per task and length band): requests of one hand share a prefix that engines cache.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache

from promptlet.commands.words import count_words
from promptlet.tasks import Exemplar, Task
from promptlet.teachers.base import Message
from promptlet.types import Intents

BANDS: tuple[range, ...] = (range(5, 12), range(12, 21), range(21, 31), range(31, 41))
"""Word counts whose exemplars go together."""


def band_of(words: int) -> int:
    """Return the index of the band that a word count belongs to; counts beyond the last band belong to it."""
    return next((index for index, band in enumerate(BANDS) if words < band.stop), len(BANDS) - 1)


@cache
def hand(task: Task, band: int, number: int, shots: int) -> tuple[Exemplar, ...]:
    """Return the `number`-th hand of `shots` exemplars of one length band, always the same."""
    fitting = [exemplar for exemplar in task.exemplars() if band_of(count_words(exemplar.prompt)) == band]
    chance = random.Random(f"{task.name}:{band}:{number}")
    return tuple(chance.sample(fitting, min(shots, len(fitting))))


def messages(task: Task, exemplars: Sequence[Exemplar], intents: Intents, words: int) -> tuple[Message, ...]:
    """Return the chat that asks a teacher for one prompt of about `words` words."""
    chat: list[Message] = [{"role": "system", "content": task.instructions}]
    for exemplar in exemplars:
        chat.append({"role": "user", "content": task.ask(exemplar.intents, count_words(exemplar.prompt))})
        chat.append({"role": "assistant", "content": exemplar.prompt})
    chat.append({"role": "user", "content": task.ask(intents, words)})
    return tuple(chat)
