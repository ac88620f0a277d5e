"""Intents: what is accepted, and what is refused with one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptlet.errors import UsageError
from promptlet.types import KINDS, MAX_INTENTS, Intent, intents_key, parse_intents, render_intents

WORDS = st.from_regex(r"[a-z]{1,12}( [a-z]{1,12})?", fullmatch=True)
INTENTS = st.lists(st.builds(Intent, st.sampled_from(KINDS), WORDS), min_size=1, max_size=MAX_INTENTS)


@given(INTENTS)
def test_intents_survive_their_text_form(intents: list[Intent]) -> None:
    assert parse_intents([str(intent) for intent in intents]) == tuple(intents)
    assert render_intents(tuple(intents)) == ", ".join(f"{intent.kind}: {intent.value}" for intent in intents)


@given(INTENTS, st.randoms(use_true_random=False))
def test_the_key_ignores_the_order(intents: list[Intent], rng: object) -> None:
    shuffled = list(intents)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert intents_key(tuple(shuffled)) == intents_key(tuple(intents))


def test_kinds_are_read_in_any_casing_and_by_their_other_names() -> None:
    assert Intent.parse("scene OBJECT: balloon") == Intent("Scene object", "balloon")
    assert Intent.parse("colour: red") == Intent("Color", "red")
    assert Intent.parse("design_type: poster") == Intent("Design type", "poster")


def test_free_text_is_a_topic_whatever_it_holds() -> None:
    assert parse_intents("  a birthday:  big ") == (Intent("Topic", "a birthday: big"),)


def test_joined_emoji_and_letters_are_text() -> None:
    for text in ("\U0001f469\u200d\U0001f680 on the moon", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"):
        assert parse_intents(text) == (Intent("Topic", text),)


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        ("", "empty"),
        ("   ", "empty"),
        (["Topic:"], "empty"),
        (["Vibe: cool"], "'Vibe'"),
        ([], "0 intents"),
        (["Topic: a"] * 9, "9 intents"),
        ("x" * 121, "121 characters"),
        ("bell \x07", "control characters"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), "no UTF-8"),  # as an argument in Latin-1
    ],
)
def test_bad_intents_are_refused_in_one_line(raw: str | list[str], named: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_intents(raw)
    assert named in str(error.value)
    assert "\n" not in str(error.value)
