"""The case of words: a student is asked in the one that it knows, and a wish is shown as it was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptlet.generation import Generator
from promptlet.generation.casing import in_usual_case
from promptlet.generation.request import Request
from promptlet.intents.graph import load_graph
from promptlet.student.format import default_student, load_student
from promptlet.types import Intent

STUDENT = load_student(default_student())


@pytest.mark.parametrize(
    ("wish", "wanted"),
    [
        ("FOX IN THE SNOW", ["fox", "snow"]),
        ("Red Fox In Deep Snow", ["red fox", "deep snow"]),
        ("MERRY CHRISTMAS", ["merry Christmas"]),
        ("NASA ROCKET LAUNCH", ["NASA rocket launch"]),
        ("Eiffel Tower in Paris", ["Eiffel Tower", "Paris"]),
        ("a walk in Central Park", ["walk", "Central Park"]),
        ("a VINTAGE car, LED lamp", ["vintage car", "LED lamp"]),
        ("Birthday party, dinosaurs", ["birthday party", "dinosaurs"]),
        ('A WALL SAYS "BIG SALE"', ["wall", '"BIG SALE"']),
        (["Topic: Fox In The Snow", "Mood: calm"], ["fox in the snow", "calm"]),
        (["Topic: Red Fox", "Setting: Snow"], ["red fox", "snow"]),
        (["Topic: birthday", "Setting: Central Park"], ["birthday", "Central Park"]),
        (["Topic: Paris"], ["Paris"]),
        # It knows the small form better, but this is a name.
        ("sunset in Lisbon", ["Lisbon", "sunset"]),
        ("SUNSET IN LISBON", ["lisbon", "sunset"]),
        ("the Cat on a Sofa", ["cat", "sofa"]),
        (["Occasion: Earth Day"], ["Earth Day"]),
        (["Topic: Zyxlaburg"], ["Zyxlaburg"]),
    ],
)
def test_known_words_have_the_case_in_which_they_were_taught(wish: object, wanted: list[str]) -> None:
    request = Request.of({"intents": wish})
    assert [intent.value for intent in in_usual_case(request.intents, STUDENT, request.text)] == wanted


@given(st.lists(st.sampled_from(load_graph().nodes()), min_size=1, max_size=4), st.booleans())
def test_names_of_the_graph_stay_and_only_the_case_ever_changes(intents: list[Intent], loud: bool) -> None:
    wish = tuple(Intent(each.kind, each.value.upper()) if loud else each for each in intents)
    cased = in_usual_case(wish, STUDENT)
    assert [str(each).casefold() for each in cased] == [str(each).casefold() for each in wish]
    assert loud or cased == wish


def test_capitals_do_not_spoil_a_wish() -> None:
    (prompt,) = Generator.load().generate("FOX IN THE SNOW", words=10, seed=1)
    assert prompt.intents == ("Topic: FOX", "Scene object: SNOW")
    assert {"fox", "snow"} <= set(prompt.prompt.casefold().strip(".").replace(",", "").split())
