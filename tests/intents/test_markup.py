"""Free text as image makers are given it: what is markup stays as it is, and what is words is wished for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptlet.intents.markup import split_markup


@pytest.mark.parametrize(
    ("text", "rest", "unwanted", "kept"),
    [
        ("red dress <lora:add_detail:0.5>", "red dress", [], ["<lora:add_detail:0.5>"]),
        ("embedding:foo-v2, a fox", "a fox", [], ["embedding:foo-v2"]),
        ("a fox (embedding:foo:1.2)", "a fox", [], ["(embedding:foo:1.2)"]),
        ("an embedding of a fox", "an embedding of a fox", [], []),
        ("red dress, (forest:1.4)", "red dress, forest", [], ["(forest:1.4)"]),
        (
            "(golden hour:1.2) lake <lora:filmgrain:0.8>",
            "golden hour lake",
            [],
            ["(golden hour:1.2)", "<lora:filmgrain:0.8>"],
        ),
        ("a hat, --ar 16:9 --v 6 --style raw", "a hat", [], ["--ar 16:9", "--v 6", "--style raw"]),
        ("a cat, [dog], BREAK a bird", "a cat, dog, a bird", [], []),
        ("LUNCH BREAK POSTER", "LUNCH BREAK POSTER", [], []),
        ("fox \\(animal\\)", "fox (animal)", [], []),
        ("a city --no people, cars --ar 16:9", "a city", ["people", "cars"], ["--ar 16:9"]),
        ("a city --ar 16:9 --no people and cars", "a city", ["people", "cars"], ["--ar 16:9"]),
        ("--no people", "", ["people"], []),
        ("a city, negative prompt: people, cars", "a city", ["people", "cars"], []),
        ("a city; Negative prompt: (blur:1.4), no people; Steps: 20, Size: 9x9", "a city", ["blur", "people"], []),
        ("a city. Negative: people --ar 16:9", "a city", ["people"], ["--ar 16:9"]),
        # What is listed is banned as it is written, without its article.
        ("a queen --no out of frame, a crown, extra hats", "a queen", ["out of frame", "crown", "extra hats"], []),
        ("fox::2 snow::1 people::-0.5", "fox, snow", ["people"], []),
        ("a film with negative space", "a film with negative space", [], []),
        # Who wants less of people wants none kept.
        ("a city, (no people:1.3)", "a city, no people", [], []),
        ("I <3 a well--lit hat at 4:30", "I <3 a well--lit hat at 4:30", [], []),
        ("--v 6", "--v 6", [], []),
    ],
)
def test_markup_is_kept_and_its_words_are_wished_for(
    text: str, rest: str, unwanted: list[str], kept: list[str]
) -> None:
    assert split_markup(text) == (rest, unwanted, kept)


@given(st.lists(st.from_regex(r"[a-z]{1,9}", fullmatch=True), min_size=1).map(" ".join))
def test_plain_words_are_no_markup(text: str) -> None:
    assert split_markup(text) == (text, [], [])


@given(st.text(max_size=60))
def test_any_text_is_read_and_what_is_kept_stands_in_it(text: str) -> None:
    assert all(each in text for each in split_markup(text)[2])
