"""British spellings in a wish: the shipped student, who was taught American ones, says them all the same."""

from __future__ import annotations

import pytest

from promptlet.commands.words import count_words
from promptlet.errors import UsageError
from promptlet.generation import Generator
from promptlet.generation.plan import Plan
from promptlet.generation.request import Request
from promptlet.student.format import default_student, load_student

STUDENT = load_student(default_student())


def test_what_was_wished_for_is_said_as_it_was_spelled() -> None:
    (prompt,) = Generator.load().generate("a cosy harbour at dawn", words=12, seed=5)
    said = prompt.prompt.lower()
    assert "cosy harbour" in said
    assert "harbor" not in said.replace("harbour", "")
    assert (count_words(prompt.prompt), prompt.untaught) == (12, ())
    assert prompt.intents == ("Topic: cosy harbour", "Lighting: dawn")


def test_the_student_is_asked_in_its_own_spelling() -> None:
    plan = Plan.of(Request.of({"intents": "a cosy harbour at dawn"}), STUDENT)
    assert [each.value for each in plan.asked] == ["cozy harbor", "dawn"]


def test_a_kept_term_stays_as_it_is() -> None:
    plan = Plan.of(Request.of({"intents": "a cosy harbour", "keep": ["Harbor Freight"]}), STUDENT)
    assert plan.spelling.wished("A cozy town, Harbor Freight.") == "A cosy town, Harbor Freight."


def test_a_ban_holds_for_both_spellings() -> None:
    with pytest.raises(UsageError, match="'mustache' can't be kept: 'mustache' is banned"):
        Plan.of(Request.of({"intents": "a face", "ban": ["moustache"], "keep": ["mustache"]}), STUDENT)
