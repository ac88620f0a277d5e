"""Reading a wish in free words: what is known gets its kind, and nothing that was written is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptlet.intents.graph import load_graph
from promptlet.intents.reading import FILLERS, read_wish
from promptlet.tasks import load_task, task_names
from promptlet.types import MAX_INTENTS

NODES = [node.value for node in load_graph().nodes()]


@pytest.mark.parametrize(
    ("task", "text", "wanted"),
    [
        ("t2i", "birthday", ["Topic: birthday"]),
        ("t2i", "a fox in the snow", ["Topic: fox", "Scene object: snow"]),
        (
            "t2i",
            "serene mountain lake at golden hour",
            ["Topic: mountain lake", "Mood: serene", "Lighting: golden hour"],
        ),
        (
            "t2i",
            "a mortar and pestle for St. Patrick's Day, shallow depth of field",
            ["Topic: mortar and pestle", "Occasion: St. Patrick's Day", "Composition: shallow depth of field"],
        ),
        # A colour stays with its thing, and a woman in a picture is nobody's audience.
        ("t2i", "a woman in a red coat", ["Topic: woman", "Scene object: red coat"]),
        (
            "t2t",
            "Birthday party invitation with balloons for the kids",
            ["Topic: Birthday party", "Design type: invitation", "Scene object: balloons", "Audience: kids"],
        ),
        ("t2i", "the 'old' well-lit harbor_town (1920)", ["Topic: old well-lit harbor_town", "Scene object: 1920"]),
        (
            "t2i",
            "1,000 balloons over an AT&T sign in U.S. snow",
            ["Topic: 1,000 balloons", "Scene object: AT&T sign", "Scene object: U.S. snow"],
        ),
        ("t2i", "a fox near Zyxlaburg", ["Topic: fox", "Setting: Zyxlaburg"]),
        ("t2t", "card for Vlorp & Sons", ["Topic: card", "Scene object: Vlorp & Sons"]),
        ("t2i", "topic: birthday, Scene object: red balloon", ["Topic: birthday", "Scene object: red balloon"]),
        ("t2t", "vintage coffee shop menu", ["Topic: coffee shop", "Style: vintage", "Design type: menu"]),
    ],
)
def test_words_get_the_kinds_that_they_have_in_the_graph(task: str, text: str, wanted: list[str]) -> None:
    assert [str(intent) for intent in read_wish(text, load_task(task).kinds).intents] == wanted


@pytest.mark.parametrize(
    ("text", "wanted", "without"),
    [
        ("an empty beach without people", ["Topic: empty beach"], ("people",)),
        ("a portrait, no hat", ["Topic: portrait"], ("hat",)),
        ("a dog without a leash or collar in the park", ["Topic: dog", "Setting: park"], ("leash", "collar")),
        ("a dog and not a cat", ["Topic: dog"], ("cat",)),
        ("No Parking sign on a wall", ["Topic: No Parking sign", "Scene object: wall"], ()),
    ],
)
def test_what_shall_not_be_there_is_no_wish(text: str, wanted: list[str], without: tuple[str, ...]) -> None:
    wish = read_wish(text, load_task("t2i").kinds)
    assert ([str(intent) for intent in wish.intents], wish.without) == (wanted, without)


def test_behind_for_stands_an_audience_or_else_an_occasion() -> None:
    named = {(node.kind, node.value) for node in load_graph().nodes()}
    known = [value for kind, value in named if kind in {"Audience", "Occasion"}]
    assert len(known) > 100
    for value in known:
        kind = "Audience" if ("Audience", value) in named else "Occasion"
        intent = read_wish(f"a lighthouse for the {value}", load_task("t2i").kinds).intents[1]
        assert (intent.kind, intent.value) == (kind, value)


@given(
    st.sampled_from(task_names()),
    st.lists(st.sampled_from(NODES) | st.from_regex(r"[a-z]{1,12}", fullmatch=True), min_size=1, max_size=30),
    st.sampled_from([" ", ", ", " with ", " for "]),
)
def test_no_word_is_lost_and_the_topic_comes_first(task: str, parts: list[str], between: str) -> None:
    text = between.join(parts)
    wish = read_wish(text, load_task(task).kinds)
    intents = wish.intents
    assert len(intents) <= MAX_INTENTS
    assert [intent.kind for intent in intents].count("Topic") == 1
    assert intents[0].kind == "Topic"
    written = text.casefold().translate(_NO_MARKS).split()
    said = (
        " ".join([*(intent.value for intent in intents), *wish.without, "no", "not"])
        .casefold()
        .translate(_NO_MARKS)
        .split()
    )
    assert set(written) - set(said) <= FILLERS


_NO_MARKS = str.maketrans("", "", ",.'")
