"""A teacher that needs no model: quick, deterministic, and now and then as wrong as a real one."""

from __future__ import annotations

import random
import re
import time
from typing import Self

from pydantic import Field

from promptlet.errors import TeacherError
from promptlet.teachers.base import Answer, Teacher, TeacherConfig, TeacherRequest

_OPENERS = ("bright", "quiet", "vivid", "simple", "layered", "airy", "warm", "crisp", "gentle", "lively", "tidy")
_LINKS = ("with", "beside", "under", "behind", "near", "above", "before", "around")
_DETAILS = (
    "soft light",
    "long shadows",
    "fine texture",
    "an open sky",
    "a calm background",
    "small flowers",
    "clean lines",
    "a wooden table",
    "drifting clouds",
    "paper edges",
    "rounded shapes",
    "deep colors",
    "hand-drawn letters",
)
_ACCIDENTS = (
    "1. {prompt}\n2. {prompt}",
    "Sure, here is your prompt: {prompt}",
    "light light light light light light light light",
    "eine Wiese mit vielen bunten Blumen und einem kleinen Haus unter dem blauen Himmel",
    "too short",
)
_FORGOTTEN, _CLAUSES = 0.1, 0.2
"""Share of intents that are left out, and of details that begin a clause."""


class FakeConfig(TeacherConfig):
    """Settings of the fake teacher."""

    accidents: float = Field(default=0.1, ge=0, le=1)
    """Share of answers that curation must reject."""
    delay: float = Field(default=0.0, ge=0, le=10)
    """Seconds that an answer takes."""
    dies_after: int | None = Field(default=None, ge=0)
    """Number of answers after which every request fails, as if the teacher had died."""


class Fake(Teacher):
    """Joins the intents with stock phrases up to the number of words asked for; a token is a word."""

    Config = FakeConfig
    concurrency = 4

    def __init__(self, config: FakeConfig) -> None:
        self.config = config
        self.identity = f"fake:{config.accidents}"
        self.answers = 0

    @classmethod
    def open(cls, config: FakeConfig) -> Self:
        return cls(config)

    def complete(self, request: TeacherRequest) -> Answer:
        if self.config.dies_after is not None and self.answers >= self.config.dies_after:
            raise TeacherError("the fake teacher died, as it was told to")
        self.answers += 1
        time.sleep(self.config.delay)
        question, _, wish = request.messages[-1]["content"].partition(": ")
        length = re.search(r"\d+", question)
        assert length, question
        rng = random.Random(f"{wish}:{length[0]}:{request.seed}")
        text = self._prompt(wish, int(length[0]), rng)
        if rng.random() < self.config.accidents:
            text = rng.choice(_ACCIDENTS).format(prompt=text)
        words = text.split()
        finished = len(words) <= request.max_tokens
        if not finished:
            words = words[: request.max_tokens]
            text = " ".join(words)
        return Answer(text, finished, sum(len(m["content"].split()) for m in request.messages), len(words))

    @staticmethod
    def _prompt(wish: str, length: int, rng: random.Random) -> str:
        topic, *others = wish.split(", ")
        words = [rng.choice(_OPENERS), *topic.split()]
        for value in others:
            if rng.random() > _FORGOTTEN:
                words += [rng.choice(_LINKS), *value.split()]
        while len(words) < length:
            if rng.random() < _CLAUSES:
                words[-1] += ","
            words += [rng.choice(_LINKS), *rng.choice(_DETAILS).split()]
        return " ".join(words)


TEACHER = Fake
