"""LLM-as-a-judge (paper, section 4): any OpenAI-compatible endpoint rates prompts from 1 to 10 on four points.

The judge sees a task, intents and a prompt, never who wrote it, in an order drawn by the seed. Its answers follow a
JSON schema and are kept raw, under digests of their requests: what was rated once is not paid for again. An answer
that can't be read is missing, never a score.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from statistics import fmean
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from promptlet.errors import UsageError
from promptlet.evaluation.endpoints import open_endpoint, read_endpoint
from promptlet.io.atomic import value_digest
from promptlet.io.journal import Journal
from promptlet.judges.base import Scores
from promptlet.progress import metering
from promptlet.runners.base import ask_all
from promptlet.runners.local import Local
from promptlet.spending import Price
from promptlet.tasks import load_task
from promptlet.teachers.base import Message, Teacher, TeacherRequest
from promptlet.types import RELEVANCE, Intent, Intents, Sample, render_intents

_MAX_TOKENS, _TEMPERATURE = 256, 0.3


class Verdict(BaseModel):
    """What the judge answers; the reason comes first, so that the ratings can follow from it."""

    model_config = ConfigDict(extra="forbid")
    reason: str
    correctness: int = Field(ge=1, le=10)
    clarity: int = Field(ge=1, le=10)
    completeness: int = Field(ge=1, le=10)
    usefulness: int = Field(ge=1, le=10)

    def scores(self) -> Scores:
        """Return the four ratings and, as `relevance`, their mean."""
        points = self.model_dump(exclude={"reason"})
        return {RELEVANCE: fmean(points.values()), **points}


@dataclass(frozen=True)
class JudgeRating:
    """What is known of one sample after judging."""

    scores: Scores | None
    """Means over the repeats that could be read; None without any."""
    reason: str = ""
    missing: int = 0
    """Repeats without a rating: refused, unreadable, or not asked for because of the budget."""


@dataclass(frozen=True)
class JudgeChoice:
    """An LLM as the judge, ready to be asked, and what its ratings cost and may cost."""

    name: str
    model: Teacher
    price: Price | None = None
    budget: float | None = None
    where: str = ""
    """Where it is asked; servers like to call whatever they serve by one name."""


@dataclass(frozen=True)
class Bill:
    """What the ratings took, those of earlier runs included."""

    requests: int
    failed: int
    unreadable: int
    unasked: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None


def choose_judge(endpoint: str | None, budget: float | None) -> JudgeChoice | None:
    """Return the judge that the command line names, if it names one.

    Raises:
        UsageError: if the endpoint's settings are wrong, or the budget can't be kept.
        TeacherError: if the endpoint can't be reached.
    """
    if endpoint is None:
        if budget is not None:
            raise UsageError("a budget is for a judge; name one with --judge")
        return None
    config = read_endpoint(endpoint)
    if budget is not None and not 0 < budget < math.inf:
        raise UsageError(f"the budget is {budget}; more than 0 is allowed")
    if budget is not None and config.price is None:
        raise UsageError("a budget needs prices: name the judge by a .yaml file with price: {prompt: 1, completion: 2}")
    judge = open_endpoint(config, Verdict.model_json_schema())
    return JudgeChoice(config.model, judge, config.price, budget, config.address)


def rate(
    choice: JudgeChoice, samples: Sequence[Sample], repeats: int, seed: int, journal: Journal
) -> tuple[list[JudgeRating], Bill]:
    """Return the rating of each sample and what all of them took.

    Raises:
        TeacherError: if the judge does not answer any more.
    """
    asked = [[_request(sample, seed, repeat) for repeat in range(repeats)] for sample in samples]
    named = [[(_identity(choice, request), request) for request in each] for each in asked]
    requests = {identity: request for each in named for identity, request in each}
    answers = _ask(choice, requests, seed, journal)
    ratings = [_rating([_verdict(answers.get(identity)) for identity, _ in each]) for each in named]
    return ratings, _bill(requests, answers, choice.price)


def _ask(
    choice: JudgeChoice, requests: dict[str, TeacherRequest], seed: int, journal: Journal
) -> dict[str, dict[str, Any]]:
    """Return the journal's entries of the requests; those that it lacks are asked for, as far as the budget goes."""
    answers = {identity: entry for identity, entry in journal.latest().items() if identity in requests}
    waiting = sorted(identity for identity in requests if "text" not in answers.get(identity, ()))
    random.Random(seed).shuffle(waiting)
    with metering("judge", "ratings", len(requests), len(requests) - len(waiting)) as meter:
        while waiting:
            room = len(waiting)
            if choice.price and choice.budget is not None:
                left = choice.budget - _cost(answers, choice.price)
                room = _affordable([choice.model.most_tokens(requests[each]) for each in waiting], left, choice.price)
            now, waiting = waiting[:room], waiting[room:]
            for entry in ask_all(Local(), choice.model, ([(each, requests[each])] for each in now), journal):
                answers[entry["id"]] = entry
                meter.advance()
            if not room:
                break
    return answers


def _affordable(most: Sequence[tuple[int, int]], left: float, price: Price) -> int:
    """Return how many requests of at most so many tokens, read and written, cost no more than is left."""
    for index, tokens in enumerate(most):
        left -= price.of(*tokens)
        if left < 0:
            return index
    return len(most)


def _cost(answers: dict[str, dict[str, Any]], price: Price) -> float:
    answered = [answer for answer in answers.values() if "text" in answer]
    return price.of(
        sum(each["prompt_tokens"] for each in answered), sum(each["completion_tokens"] for each in answered)
    )


def _bill(requests: dict[str, TeacherRequest], answers: dict[str, dict[str, Any]], price: Price | None) -> Bill:
    answered = [answer for answer in answers.values() if "text" in answer]
    return Bill(
        requests=len(requests),
        failed=sum("error" in answer for answer in answers.values()),
        unreadable=sum(_verdict(answer) is None for answer in answered),
        unasked=len(requests) - len(answers),
        prompt_tokens=sum(answer["prompt_tokens"] for answer in answered),
        completion_tokens=sum(answer["completion_tokens"] for answer in answered),
        cost=_cost(answers, price) if price else None,
    )


def _verdict(entry: dict[str, Any] | None) -> Verdict | None:
    """Return what an answer says; None for one that is not there, was cut off or is not of the schema."""
    if entry is None or not entry.get("finished"):
        return None
    try:
        return Verdict.model_validate_json(entry["text"])
    except ValidationError:
        return None


def _rating(verdicts: Sequence[Verdict | None]) -> JudgeRating:
    read = [verdict for verdict in verdicts if verdict]
    missing = len(verdicts) - len(read)
    if not read:
        return JudgeRating(None, missing=missing)
    scores = [verdict.scores() for verdict in read]
    return JudgeRating({name: fmean(each[name] for each in scores) for name in scores[0]}, read[0].reason, missing)


def _identity(choice: JudgeChoice, request: TeacherRequest) -> str:
    return value_digest([choice.model.identity, choice.where, asdict(request)])[:32]


def _request(sample: Sample, seed: int, repeat: int) -> TeacherRequest:
    chat = (*_opening(), _question(sample.task, sample.intents, sample.prompt))
    return TeacherRequest(
        chat, max_tokens=_MAX_TOKENS, temperature=_TEMPERATURE, top_p=1.0, seed=(seed * 1009 + repeat) % 2**31
    )


def _question(task: str, intents: Intents, prompt: str) -> Message:
    text = f"Task: {load_task(task).title}\nIntents: {render_intents(intents)}\nPrompt: {prompt}"
    return {"role": "user", "content": text}


@cache
def _opening() -> tuple[Message, ...]:
    """Return the rubric, and the rated examples as turns of a chat."""
    folder = resources.files(__package__) / "rubric"
    chat: list[Message] = [{"role": "system", "content": (folder / "rubric.txt").read_text(encoding="utf-8").strip()}]
    for line in (folder / "calibration.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        chat.append(_question(row["task"], tuple(Intent.of(*pair) for pair in row["intents"]), row["prompt"]))
        chat.append({"role": "assistant", "content": Verdict(**row["verdict"]).model_dump_json()})
    return tuple(chat)
