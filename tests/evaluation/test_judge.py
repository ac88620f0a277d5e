"""An LLM as the judge, against a real server: what it is shown, what it costs, and what becomes of bad answers."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from promptlet.errors import TeacherError, UsageError
from promptlet.evaluation.anchors import make_anchors
from promptlet.evaluation.endpoints import open_endpoint, read_endpoint
from promptlet.evaluation.judge import Bill, JudgeRating, choose_judge, rate
from promptlet.evaluation.relevance import sum_up
from promptlet.io.journal import Journal
from promptlet.stemming import terms
from promptlet.teachers.base import TeacherRequest
from promptlet.types import RELEVANCE, Intent, Sample
from tests.endpoint import Answering, Reply, endpoint, refused, said

pytestmark = pytest.mark.usefixtures("remembered")

TOPICS = ("fox", "lake", "cake", "tower")
SAMPLES = [Sample((Intent("Topic", topic),), "t2i", f"a quiet {topic} at dawn") for topic in TOPICS]


def verdict(points: int, **more: Any) -> Reply:
    names = ("correctness", "clarity", "completeness", "usefulness")
    return said(json.dumps({"reason": "It is so.", **dict.fromkeys(names, points), **more}))


def judged(
    answering: Answering,
    folder: Path,
    repeats: int = 1,
    budget: float | None = None,
    price: dict[str, float] | None = None,
) -> tuple[list[JudgeRating], Bill, list[dict[str, Any]]]:
    with endpoint(answering) as server, Journal(folder / "answers.jsonl") as journal:
        settings = {"base_url": server.url, "model": "m", "retries": 0, "concurrency": 1}
        (folder / "judge.yaml").write_text(json.dumps(settings | ({"price": price} if price else {})))
        choice = choose_judge(str(folder / "judge.yaml"), budget)
        assert choice
        assert choice.where == server.url
        # Each of these servers has a port of its own; it is the same judge.
        ratings, bill = rate(replace(choice, where="here"), SAMPLES, repeats, 1, journal)
        return ratings, bill, server.bodies


def question(body: dict[str, Any]) -> str:
    return str(body["messages"][-1]["content"])


def test_the_judge_sees_intents_and_prompt_in_shuffled_order_and_must_follow_the_schema(tmp_path: Path) -> None:
    ratings, bill, bodies = judged(lambda *_: verdict(7), tmp_path, repeats=2)
    assert [rating.scores and rating.scores[RELEVANCE] for rating in ratings] == [7] * 4
    assert ratings[0].reason == "It is so."
    assert (bill.requests, bill.prompt_tokens, bill.cost) == (8, 800, None)
    asked = [question(body).splitlines() for body in bodies]
    assert sorted(line for lines in asked for line in lines[2:]) == sorted(f"Prompt: {s.prompt}" for s in SAMPLES * 2)
    assert all(lines[:1] == ["Task: text-to-image"] and lines[1].startswith("Intents: Topic: ") for lines in asked)
    in_order = [lines[2] for lines in asked]
    assert in_order != sorted(in_order, key=[f"Prompt: {sample.prompt}" for sample in SAMPLES].index)
    assert len({(question(body), body["seed"]) for body in bodies}) == 8
    schema = bodies[0]["response_format"]["json_schema"]
    assert schema["strict"]
    assert schema["schema"]["properties"]["clarity"] == {
        "maximum": 10,
        "minimum": 1,
        "title": "Clarity",
        "type": "integer",
    }
    examples = [message["content"] for message in bodies[0]["messages"] if message["role"] == "assistant"]
    assert len(examples) >= 3
    assert all(json.loads(example)["reason"] for example in examples)


@pytest.mark.parametrize(
    "bad",
    [
        said("I would give it an 8 out of 10."),
        said('{"reason": "x", "correctness": 8}'),
        verdict(11),
        verdict(0),
        verdict(8, bonus=1),
        said('{"reason": "It goes on and on', "length"),
    ],
)
def test_what_can_not_be_read_is_missing_and_kept_raw(bad: Reply, tmp_path: Path) -> None:
    ratings, bill, _ = judged(lambda number, _: bad if number % 2 else verdict(4), tmp_path)
    assert sorted(rating.missing for rating in ratings) == [0, 0, 1, 1]
    assert all((rating.scores is None) == bool(rating.missing) for rating in ratings)
    assert {rating.scores[RELEVANCE] for rating in ratings if rating.scores} == {4}
    assert (bill.unreadable, bill.failed, bill.unasked) == (2, 0, 0)
    raw = json.loads(bad.body or b"")["choices"][0]["message"]["content"]
    assert raw in [json.loads(line)["text"] for line in (tmp_path / "answers.jsonl").read_text().splitlines()]


def test_nothing_is_rated_twice_but_what_failed_is_tried_again(tmp_path: Path) -> None:
    ratings, bill, _ = judged(lambda number, _: verdict(6) if number else refused(500, "busy"), tmp_path)
    assert (bill.failed, sum(rating.missing for rating in ratings)) == (1, 1)
    ratings, bill, bodies = judged(lambda *_: verdict(6), tmp_path)
    assert len(bodies) == 1
    assert (bill.failed, sum(rating.missing for rating in ratings)) == (0, 0)
    again, _, bodies = judged(lambda *_: verdict(1), tmp_path)
    assert (again, bodies) == (ratings, [])


def test_a_budget_is_never_passed_and_what_it_left_out_is_missing(tmp_path: Path) -> None:
    price = {"prompt": 1e6, "completion": 1e6}  # a token costs 1; an answer takes 120 of them
    size = 8000  # what one request may take at most lies below
    ratings, bill, bodies = judged(lambda *_: verdict(6), tmp_path, budget=size, price=price)
    assert bill.cost == 120 * len(bodies) <= size
    assert bill.unasked == 0
    few, bill, bodies = judged(lambda *_: verdict(6), tmp_path / "few", budget=300, price=price)
    assert (bodies, bill.unasked, [rating.missing for rating in few]) == ([], 4, [1] * 4)
    assert all(rating.scores for rating in ratings)


def test_a_budget_has_room_for_thoughts(tmp_path: Path) -> None:
    price = {"prompt": 0, "completion": 1e6}
    settings = {"model": "m", "price": price, "thinking": 1000}
    with endpoint(lambda *_: verdict(6)) as server:
        (tmp_path / "judge.yaml").write_text(json.dumps(settings | {"base_url": server.url}))
        teacher = open_endpoint(read_endpoint(str(tmp_path / "judge.yaml")))
    request = TeacherRequest(({"role": "user", "content": "x"},), 256, 0.3, 1.0, 1)
    assert teacher.most_tokens(request)[1] == 1256
    assert teacher.most_tokens(request)[0] > len('{"role": "user", "content": "x"}')


def test_a_judge_that_stays_gone_is_an_error_too(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(TeacherError, match=r"20 times in a row.*gone"):
            judged(lambda *_: refused(503, "gone"), tmp_path, repeats=10)


def test_a_judge_that_is_gone_is_an_error_and_its_answers_stay(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match=r"20 times in a row.*gone"):
        judged(lambda number, _: verdict(5) if number < 3 else refused(503, "gone"), tmp_path, repeats=10)
    kept = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert sum("text" in entry for entry in kept) == 3


def honest(_: int, body: dict[str, Any]) -> Reply:
    """Rate as somebody who can read: the intents' words count, and whether the text is one of the exemplars."""
    intents, prompt = (line.partition(": ")[2] for line in question(body).splitlines()[1:])
    wanted = [terms(each.partition(": ")[2])[-1] for each in intents.split(", ")]
    found = sum(any(word[:4] == each[:4] for each in terms(prompt)) for word in wanted) / len(wanted)
    return verdict(max(1, round(9 * found)), clarity=10 if prompt in GOOD else 1)


ANCHORS = make_anchors(("t2i", "t2t"), 12, 1)
GOOD = {sample.prompt for kind, sample in ANCHORS if kind != "word salad"}


@pytest.mark.parametrize(
    ("answering", "blind_to"),
    [
        (honest, []),
        (lambda *_: verdict(8), ["wrong topic", "word salad", "missing intents"]),
        (lambda *_: said("8"), ["wrong topic", "word salad", "missing intents"]),
    ],
    ids=["honest", "always 8", "garbage"],
)
def test_anchors_tell_whether_a_judge_can_judge(answering: Answering, blind_to: list[str], tmp_path: Path) -> None:
    with endpoint(answering) as server, Journal(tmp_path / "answers.jsonl") as journal:
        choice = choose_judge(f"{server.url}#m", None)
        assert choice
        ratings, bill = rate(choice, [sample for _, sample in ANCHORS], 1, 1, journal)
    kinds = [kind for kind, _ in ANCHORS]
    assert sum_up("m", 10.0, {}, list(zip(kinds, ratings, strict=True)), bill).blind_to == blind_to


def test_systems_are_compared_on_what_was_rated_for_both() -> None:
    def rated(*scores: int | None) -> list[tuple[Sample, JudgeRating]]:
        ratings = [
            JudgeRating(None, missing=1) if each is None else JudgeRating({RELEVANCE: float(each)}) for each in scores
        ]
        return list(zip(SAMPLES, ratings, strict=True))

    found = sum_up("m", 10.0, {"one": rated(9, 8, None, 9), "other": rated(5, 4, 10, None)}, [], None)
    (comparison,) = found.comparisons
    assert (comparison.pairs, comparison.difference.value if comparison.difference else 0) == (2, 4)
    assert [system.missing for system in found.systems] == [1, 1]
    assert found.systems[0].points[RELEVANCE].value == pytest.approx(26 / 3, abs=1e-4)
    nothing = sum_up("m", 10.0, {"one": rated(*[None] * 4), "other": rated(1, 2, 3, 4)}, [], None)
    assert (nothing.comparisons[0].difference, nothing.systems[0].points) == (None, {})


def test_a_judge_that_only_counts_words_is_found_out() -> None:
    samples = [Sample((), "t2i", "word " * count) for count in (4, 8, 12)]
    long = [(sample, JudgeRating({RELEVANCE: float(len(sample.prompt))})) for sample in samples]
    same = [(sample, JudgeRating({RELEVANCE: 8.0})) for sample in samples]
    found = sum_up("m", 10.0, {"long": long, "same": same}, [], None)
    assert [system.length_correlation for system in found.systems] == [1.0, None]


@pytest.mark.parametrize(
    ("content", "budget", "why"),
    [
        ({"model": "m"}, None, "base_url is missing"),
        ({"base_url": "http://x/v1", "model": "m", "modle": 1}, None, "unknown key 'modle'"),
        ({"base_url": "http://x/v1", "model": "m"}, 3.0, "budget needs prices"),
        ({"base_url": "http://x/v1", "model": "m", "price": {"prompt": 1, "completion": 2}}, -1.0, "budget is -1"),
        ({"base_url": "http://x/v1", "model": "m", "price": {"prompt": 1, "completion": 2}}, math.nan, "budget is nan"),
        ({"base_url": "http://x/v1", "model": "m", "price": {"prompt": math.nan, "completion": 2}}, 1, "price.prompt"),
        (["x"], None, "keys with their values"),
    ],
)
def test_wrong_settings_of_a_judge_are_refused(content: Any, budget: float | None, why: str, tmp_path: Path) -> None:
    (tmp_path / "judge.yaml").write_text(json.dumps(content))
    with pytest.raises(UsageError, match=why):
        choose_judge(str(tmp_path / "judge.yaml"), budget)
