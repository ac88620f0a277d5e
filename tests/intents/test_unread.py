"""What of a wish in free words came to nothing is told; what became of it is not."""

from __future__ import annotations

import pytest

from promptlet.generation import Request


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        ("a fox in the snow", ()),
        ("please make me a picture of a fox in the snow", ()),
        ("a fox in front of a red house, in the style of Picasso", ()),
        ("a beach without any people, cars or dogs", ()),
        ('a poster that says "SALE 50% OFF"', ()),
        ("serene mountain lake --ar 16:9 --no boats", ()),
        ("a fox in the snow in 15 words", ("15 words",)),
        ("a fox in the snow, masterpiece, 8k, trending on artstation", ("masterpiece", "8k", "trending on artstation")),
        ("A fox in the snow. Return only the prompt.", ("Return only the prompt",)),
        ("8k fox in deep snow, 8k", ()),
        ("a fox in deep snow, negative prompt: people", ()),
        ("ein Fuchs im Schnee", ()),
        ("Topic: fox, Mood: serene", ()),
    ],
)
def test_what_has_no_effect_is_told(text: str, unread: tuple[str, ...]) -> None:
    assert Request.of({"intents": text}).unread == unread


def test_typed_intents_leave_nothing_unread() -> None:
    assert Request.of({"intents": ["Topic: fox in 15 words"]}).unread == ()
