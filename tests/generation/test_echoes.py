"""Drafts that say a thing twice."""

from __future__ import annotations

import pytest

from promptlet.engines.base import Decoded
from promptlet.generation import Generator
from promptlet.generation.echoes import echoes
from promptlet.generation.plan import Plan
from promptlet.generation.request import Request


@pytest.mark.parametrize(
    "text",
    [
        "a park with a row of tulips and tulips",
        "the wind carries the last of the last dust",
        "her eyes closed, a thin brush brushing the grass",
        "the temple's temples in the middle",
        "a musician plays in a dark bar at a bar.",
        "a narrow street, one car parked behind the narrow streets",
        "Blue Door, discount code in a circle, discount code below",
        "charity run banner for a charity run",
        "a wild-flower meadow, one wild flower",
    ],
)
def test_a_thing_said_twice_is_an_echo(text: str) -> None:
    assert echoes(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a red fox in the snow, one paw lifted",
        "two friends sit side by side, hand in hand, a side-by-side table behind them",
        "the fox and the owl, a fox again",  # one word may come again further on
        "tulips, tulips",  # curation's check of loops has that
        "yoga studio flyer with yoga studio hours below",
        "coffee shop menu with the coffee shop's name in capitals",
        "red and white balloons, red and white lines",
        "a hat with a pom-pom",
        "a red fox. Foxes run",
    ],
)
def test_what_comes_again_with_something_new_is_none(text: str) -> None:
    assert not echoes(text)


def test_a_draft_that_says_a_thing_twice_has_a_fault_unless_it_was_told_to(generator: Generator) -> None:
    def repeats(text: str, **others: object) -> bool:
        plan = Plan.of(Request.of({"intents": "a park", "exact": False} | others), generator.student)
        return plan.judge(plan.draft(1), Decoded(text, (5,) * 9, (-0.1,) * 9, True)).repeats

    assert repeats("a park with tulips and tulips")
    assert not repeats("a park with tulips and roses")
    assert not repeats("a park with tulips and tulips", keep=["tulips and tulips"])
    assert not repeats("a boat in Bora Bora", intents=["Topic: boat", "Setting: Bora Bora"])
