"""Free text of several lines: each says something of its own, and the marks of lists are no part of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptlet.errors import UsageError
from promptlet.generation import Request
from promptlet.intents.lines import on_one_line


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Topic: fox\nMood: calm", ["Topic: fox", "Mood: calm"]),
        ("Topic: fox\r\n\r\n  Mood: calm\r\n", ["Topic: fox", "Mood: calm"]),
        ("Topic: fox.\nMood: calm.", ["Topic: fox", "Mood: calm"]),
        ("Topic: Washington D.C.\nMood: calm", ["Topic: Washington D.C.", "Mood: calm"]),
        ("Topic: fox | Mood: calm", ["Topic: fox", "Mood: calm"]),
        ("**Topic:** fox\n**Mood:** calm", ["Topic: fox", "Mood: calm"]),
        ("Style:\n- woodcut\nMood:\n- calm", ["Style: woodcut", "Mood: calm"]),
        ("Subject: wolf\nBackground: full moon", ["Topic: wolf", "Setting: full moon"]),
        ("Topic: fox\nold bridge", ["Topic: fox", "Scene object: old bridge"]),
        ("a fox\nan old bridge", ["Topic: fox", "Scene object: old bridge"]),
        ("* a lighthouse\n* stormy sea", ["Topic: lighthouse", "Scene object: stormy sea"]),
        ("# Lighthouse\n\u2022 stormy sea", ["Topic: Lighthouse", "Scene object: stormy sea"]),
        ("1. a red barn\n2) snow", ["Topic: red barn", "Scene object: snow"]),
        # A line that goes on with the one before it.
        ("a fox\nin the snow", ["Topic: fox", "Scene object: snow"]),
        ("a dog with a\nred ball", ["Topic: dog", "Scene object: red ball"]),
        # Prose that was wrapped has lines that end in the middle of a phrase; lists of long lines do not.
        (
            "A cinematic shot of a lone\nastronaut walking across a red\ndesert under two moons.\nNo text.",
            [
                "Topic: astronaut walking",
                "Style: cinematic shot",
                "Mood: lone",
                "Setting: red desert",
                "Scene object: two moons",
            ],
        ),
        (
            "a quiet village by the sea with small white\nhouses, and fishing boats resting\non the sand",
            ["Topic: quiet village"]
            + [f"Scene object: {each}" for each in ("sea", "small white houses", "fishing boats resting", "sand")],
        ),
        (
            "Old lighthouse, rocky coast, dusk\nstormy sea, tall waves",
            ["Topic: Old lighthouse", "Setting: rocky coast", "Lighting: dusk"]
            + [f"Scene object: {each}" for each in ("stormy sea", "tall waves")],
        ),
        (
            "a fox in the deep winter snow\nwith a red scarf\nold bridge",
            ["Topic: fox", "Scene object: deep winter snow", "Scene object: red scarf", "Scene object: old bridge"],
        ),
        # Numbers that count something are none of a list.
        ("1 dog\n2 cats", ["Topic: 1 dog", "Scene object: 2 cats"]),
        ("3.5 apples\na dog", ["Topic: 3.5 apples", "Scene object: dog"]),
        # More parts than intents are allowed leave the typed ones what they are.
        (
            "Topic: fox, Setting: forest, a dog, a cat, a bird, a tree, a hill, a moon, a river",
            ["Topic: fox", "Setting: forest"]
            + [f"Scene object: {each}" for each in ("dog", "cat", "bird", "tree", "hill", "moon river")],
        ),
    ],
)
def test_each_line_is_a_wish_of_its_own(text: str, wanted: list[str]) -> None:
    request = Request.of({"intents": text})
    assert ([str(intent) for intent in request.intents], request.unread) == (wanted, ())


def test_lines_say_what_is_kept_and_banned_as_well() -> None:
    request = Request.of({"intents": "Topic: fox\nno snow\n--no people\n--ar 16:9"})
    assert list(map(str, request.intents)) == ["Topic: fox"]
    assert (request.ban, request.keep) == (("snow", "people"), ("--ar 16:9",))


def test_marks_of_bold_letters_stand_right_around_the_words() -> None:
    assert on_one_line("**fox** and __old__ **bridge **hut** ** 2 ** 3") == "fox and old **bridge hut ** 2 ** 3"


def test_a_book_is_refused() -> None:
    """At once: each line, and each mark, is looked at without those before it."""
    book = "**a line of a book, as long as any\n" * 30_000 + "**a " * 30_000
    with pytest.raises(UsageError, match="at most 400 are allowed"):
        Request.of({"intents": book})


@given(st.lists(st.from_regex(r"[a-z]{1,9}[,;.:]?", fullmatch=True), min_size=1).map(" ".join))
def test_a_text_of_one_line_stays_as_it_is(text: str) -> None:
    assert on_one_line(text) == text
