"""What curation lets pass, and the reason it gives for the rest."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptlet.curation.checks import CHECKS, Examined, clean, expressed
from promptlet.curation.duplicates import Duplicates, sketch
from promptlet.curation.examining import Examiner
from promptlet.curation.openers import Openers
from promptlet.io.records import SAMPLE_SCHEMA, to_row
from promptlet.stages.curate import CurateConfig
from promptlet.stemming import stems, terms
from promptlet.tasks import load_task, task_names
from promptlet.types import Intent, Sample
from promptlet.vocabulary import dictionary_words, load_policy

INTENTS = (Intent("Topic", "birthday party"), Intent("Scene object", "balloon"), Intent("Mood", "joyful"))


def reasons(prompt: str, task: str = "t2i") -> list[str]:
    answer = Examined.of(Sample(INTENTS, task, clean(prompt)), load_policy())
    return [reason for check in CHECKS if (reason := check(answer))]


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
        ("a birthday balloon drifts over the sea and a white sandy.", "truncated"),
        ("a birthday balloon that floats over roofs,", "truncated"),
        ("a birthday balloon [floating] over the roofs", "odd characters"),
        ("a birthday balloon floating \U0001f388 over the roofs", "odd characters"),
        ("a quiet mountain lake under a pale evening sky", "off topic"),
        ("a birthday balloon over the sliggess roofs", "unknown word: sliggess"),
        ("ein Luftballon schwebt an der Geburtstagsfeier mit vielen Kindern durch den Garten", "not English"),
        ("a birthday balloon with an asshole painted on it", "denied: asshole (offensive)"),
    ],
)
def test_bad_prompts_are_rejected_with_the_reason(prompt: str, reason: str) -> None:
    assert reason in reasons(prompt)


@pytest.mark.parametrize("task", task_names())
def test_what_repeats_an_exemplar_is_rejected_and_what_shares_seven_words_with_one_is_not(task: str) -> None:
    exemplar = max((each.prompt for each in load_task(task).exemplars), key=lambda prompt: len(prompt.split()))
    words = exemplar.split()
    assert "copied exemplar" in reasons(exemplar, task)
    assert "copied exemplar" in reasons(f"A birthday balloon: {' '.join(words[3:11]).upper()}", task)
    assert "copied exemplar" not in reasons(f"A birthday balloon: {' '.join(words[3:10])}", task)


@pytest.mark.parametrize("task", task_names())
def test_a_short_exemplar_is_copied_when_all_of_it_is_there_alone(task: str) -> None:
    def terms_of(prompt: str) -> list[str]:
        return list(terms(prompt))

    shortest = min((each.prompt for each in load_task(task).exemplars), key=lambda prompt: len(terms_of(prompt)))
    assert len(terms_of(shortest)) <= 8
    assert "copied exemplar" in reasons(shortest, task)
    assert "copied exemplar" not in reasons(f"{shortest} balloon", task)


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
    assert expressed(INTENTS, frozenset(stems("Birthdays with balloons everywhere"))) == INTENTS[:2]


def test_an_intent_of_many_words_is_expressed_by_one_of_them() -> None:
    wish = (Intent("Topic", "school bake sale"),)
    assert expressed(wish, frozenset(stems("a bake stall"))) == wish
    assert expressed(wish, frozenset(stems("a book stall"))) == ()


STORY = "a red balloon drifts high over the quiet roofs of a small town at dusk while children wave"


@pytest.mark.parametrize(
    ("other", "objection"),
    [
        (STORY.upper().replace(" ", ", ", 1), "duplicate"),
        (STORY.replace("red", "blue"), "near duplicate"),
        ("a kite dances above the noisy harbour of a large city at noon while sailors cheer", None),
    ],
)
def test_prompts_that_say_the_same_are_duplicates_within_a_task(other: str, objection: str | None) -> None:
    known = Duplicates(expected=10)
    assert known.objection(sketch("t2i", terms(STORY))) is None
    assert known.objection(sketch("t2t", terms(other))) is None
    assert known.objection(sketch("t2i", terms(other))) == objection


def test_no_opening_exceeds_its_share() -> None:
    openers, kept = Openers(share=0.03), Counter[str]()
    for number in range(5000):
        opening = "a view of" if number % 2 else f"opening number {number}"
        if openers.objection("t2i", opening) is None:
            kept[opening] += 1
    assert kept["a view of"] / kept.total() <= 0.03
    assert kept["a view of"] / kept.total() > 0.025


@pytest.mark.parametrize("share", [0.0001, 0.009])
def test_a_share_below_one_in_a_hundred_lets_every_opening_in_once(share: float) -> None:
    openers = Openers(share)
    found = [openers.objection("t2i", opening) for opening in ("a view of", "the old town", "a view of")]
    assert found == [None, None, "common opening"]


def test_a_common_opening_is_held_down_while_rare_ones_are_forgotten() -> None:
    openers, kept = Openers(share=0.03), Counter[bool]()
    for number in range(250_000):
        common = number % 10 == 0
        if openers.objection("t2i", "a view of" if common else f"opening number {number}") is None:
            kept[common] += 1
    assert kept[False] == 225_000
    assert 0.0295 < kept[True] / kept.total() < 0.0301


@pytest.mark.parametrize(("words", "kept"), [((5, 40), [12, 31]), ((5, 60), [12, 31, 50]), ((31, 31), [31])])
def test_the_lengths_that_are_kept_are_a_setting(words: tuple[int, int], kept: list[int]) -> None:
    long = "birthday party with balloons".split() + sorted(dictionary_words())[5000:5046]
    samples = [Sample(INTENTS, "t2i", " ".join(long[:count])) for count in (3, 12, 31, 50)]
    examined = Examiner(lengths=CurateConfig(words=words).lengths)(
        pa.Table.from_pylist([*map(to_row, samples)], SAMPLE_SCHEMA)
    )
    counts = [len(row["prompt"].split()) for row in examined.to_pylist() if not str(row["reason"]).startswith("too ")]
    assert counts == kept
