"""What curation lets pass, and the reason it gives for the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptlet.curation import CHECKS, clean, duplicate_key, expressed
from promptlet.types import Intent, Sample
from promptlet.vocabulary import find_denied

INTENTS = (Intent("Topic", "birthday party"), Intent("Scene object", "balloon"), Intent("Mood", "joyful"))


def reasons(prompt: str, task: str = "t2i") -> list[str]:
    return [reason for check in CHECKS if (reason := check(Sample(INTENTS, task, prompt)))]


@pytest.mark.parametrize(
    "prompt",
    [
        "A joyful birthday party with balloons in a garden at dusk.",
        "birthday table with one red balloon, soft morning light, shallow depth of field",
        "Balloons drift over a birthday cake on a 1950s kitchen counter, 35mm film look.",
        "a birthday balloon by a beachside cottage where the guest doesn't arrive",
    ],
)
def test_good_prompts_pass(prompt: str) -> None:
    assert reasons(prompt) == []


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("birthday balloon party fun", "too short"),
        ("birthday balloon " + " ".join(f"word{n}" for n in range(40)), "too long"),
        ("1. a birthday balloon over a table", "list"),
        ("- a birthday balloon over a table", "list"),
        ("birthday balloons on a table\nand a cake beside them", "list"),
        ("birthday, balloon, cake, candle, hat, confetti, gift, ribbon", "list"),
        ("birthday balloon over a lake over a lake over a lake", "repetition"),
        ("birthday balloon smile with smile and more smile", "repetition"),
        ("a bold, bold birthday balloon over the roofs", "repetition"),
        ("a birthday balloon-over-the-roofs-of-the-old-town in light", "odd characters"),
        ("Topic: birthday with one balloon in a garden", "instruction leak"),
        ("Sure, here is a birthday balloon in a garden", "instruction leak"),
        ("a birthday balloon for you and your friends", "instruction leak"),
        ("a 20 words birthday balloon picture in a garden", "instruction leak"),
        ("a birthday balloon that floats over the", "truncated"),
        ("a birthday balloon that floats over roofs,", "truncated"),
        ("a birthday balloon [floating] over the roofs", "odd characters"),
        ("a birthday balloon floating \U0001f388 over the roofs", "odd characters"),
        ("a quiet mountain lake under a pale evening sky", "off topic"),
        ("a birthday balloon over the sliggess roofs", "made-up word: sliggess"),
        ("ein Luftballon schwebt an der Geburtstagsfeier mit vielen Kindern durch den Garten", "not English"),
        ("a birthday balloon with an asshole painted on it", "denied word: asshole"),
    ],
)
def test_bad_prompts_are_rejected_with_the_reason(prompt: str, reason: str) -> None:
    assert reason in reasons(prompt)


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ('"a balloon"', "a balloon"),
        ("Prompt: a balloon ", "a balloon"),
        ("a \u201cbig\u201d balloon \u2014 red", 'a "big" balloon - red'),
        ("a   balloon", "a balloon"),
        ("", ""),
    ],
)
def test_answers_are_cleaned(raw: str, cleaned: str) -> None:
    assert clean(raw) == cleaned


@given(st.text(max_size=80))
def test_every_text_can_be_cleaned_and_judged(text: str) -> None:
    reasons(clean(text))


def test_an_intent_is_expressed_by_any_form_of_its_words() -> None:
    sample = Sample(INTENTS, "t2i", "Birthdays with balloons everywhere")
    assert expressed(sample) == INTENTS[:2]


def test_duplicates_differ_only_in_case_and_marks() -> None:
    one, other = (Sample(INTENTS, "t2i", text) for text in ("A red balloon, high up.", "a red balloon high up"))
    assert duplicate_key(one) == duplicate_key(other)
    assert duplicate_key(one) != duplicate_key(Sample(INTENTS, "t2t", one.prompt))


@pytest.mark.parametrize("text", ["Scunthorpe", "a cockatoo on a branch", "grape harvest", "classic bass assembly"])
def test_innocent_words_hold_no_denied_word(text: str) -> None:
    assert find_denied(text) is None


@pytest.mark.parametrize("text", ["what an ASSHOLE", "two assholes", "alabama hot-pocket"])
def test_denied_words_are_found_in_any_casing(text: str) -> None:
    assert find_denied(text) is not None
