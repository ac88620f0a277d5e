"""Which candidates are picked."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptlet.generation.ranking import Candidate, Picks, intent_coverage
from promptlet.types import Intent


def candidate(prompt: str, relevance: float = 1.0, unfinished: bool = False, rejection: str | None = None) -> Candidate:
    return Candidate(
        seed=1,
        values={"words": 5},
        prompt=prompt,
        tokens=5,
        logprobs=(-1.0,),
        log_probability=-5.0,
        rejection=rejection,
        adherence={"words": 0},
        coverage=(1.0,),
        relevance=relevance,
        repeats=False,
        untaught=False,
        unfinished=unfinished,
    )


def pick(pool: list[Candidate], picked: list[Candidate]) -> Candidate | None:
    """Return what is picked of a pool after others."""
    picks = Picks()
    for each in picked:
        picks.take(each)
    picks.add(pool)
    return picks.best()


FOX = candidate("a red fox in deep snow")


def test_what_misses_is_never_picked() -> None:
    assert pick([candidate("a fox", rejection="says 'fox'")], []) is None
    assert pick([], []) is None


def test_faults_count_before_relevance_and_relevance_before_order() -> None:
    weak, cut, good = candidate("a hat", 0.2), candidate("a fox in", unfinished=True), candidate("a blue hat", 0.9)
    assert pick([cut, weak, good], []) is good
    assert pick([cut], []) is cut


@st.composite
def faulty(draw: st.DrawFn) -> Candidate:
    """A candidate with any faults; its text is like that of no other."""
    words = st.text("bcdfghjklmnpqrstvwxz", min_size=8, max_size=12)
    return replace(
        candidate(" ".join(draw(st.lists(words, min_size=3, max_size=3)))),
        adherence={"words": draw(st.integers(-2, 2)), "other": draw(st.integers(-1, 1))},
        repeats=draw(st.booleans()),
        untaught=draw(st.booleans()),
        logprobs=(-1.0, draw(st.sampled_from([-9.0, -2.0]))),
        unfinished=draw(st.booleans()),
        coverage=tuple(draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=2, max_size=2))),
        relevance=draw(st.floats(0, 1)),
    )


def weighed(each: Candidate) -> int:
    """Return the faults as one number: each kind weighs more than all that come after it."""
    missed = sum(abs(miss) for miss in each.adherence.values())
    flaws = 8 * each.repeats + 4 * each.untaught + 2 * (min(each.logprobs) < -4) + each.unfinished
    return 100 * missed + 4 * flaws + sum(share < 1 for share in each.coverage)


@given(st.lists(faulty(), min_size=1, max_size=6))
def test_missed_words_count_before_flaws_in_their_order_and_those_before_what_is_unsaid(pool: list[Candidate]) -> None:
    best = pick(pool, [])
    assert best
    fewest = min(map(weighed, pool))
    assert weighed(best) == fewest
    assert best.quality == max(each.quality for each in pool if weighed(each) == fewest)
    assert any(best.faults) == (fewest > 0), "drawing ends with a text without fault"


@pytest.mark.parametrize("weaker", range(6))
def test_one_fault_is_worse_than_all_that_come_after_it(weaker: int) -> None:
    worst: tuple[dict[str, Any], ...] = (
        {"adherence": {"words": 1}},
        {"repeats": True},
        {"untaught": True},
        {"logprobs": (-9.0,)},
        {"unfinished": True},
        {"coverage": (0.0,)},
    )
    one = replace(FOX, **worst[weaker])
    after = replace(FOX, **{name: value for each in worst[weaker + 1 :] for name, value in each.items()})
    assert one.faults > after.faults
    assert pick([one, replace(after, relevance=0.0)], []) is not one


def test_near_duplicates_do_not_count_and_the_unlike_goes_first() -> None:
    same = candidate("A red fox, in the deep snow.")
    near = candidate("a red fox on a green hill")
    far = candidate("an owl above quiet pines", 0.95)
    assert pick([same], [FOX]) is None
    assert pick([same, near, far], [FOX]) is far
    assert pick([same, near], [FOX]) is near


def likeness(one: Candidate, other: Candidate) -> float:
    return len(one.stems & other.stems) / len(one.stems | other.stems)


@given(st.lists(faulty(), min_size=1, max_size=12), st.integers(1, 4), st.randoms())
def test_picks_are_those_of_comparing_all_with_all_each_time(pool: list[Candidate], size: int, rng: Random) -> None:
    # Texts of few words, so that many are alike.
    pool = [
        replace(each, prompt=" ".join(rng.sample(("fox", "owl", "hill", "snow", "mist", "barn"), 3))) for each in pool
    ]
    picks = Picks()
    for first in range(0, len(pool), size):
        picks.add(pool[first : first + size])
        alike = {
            each.prompt: max((likeness(each, other) for other in picks.picked), default=0.0)
            for each in pool[: first + size]
        }
        fit = [each for each in pool[: first + size] if alike[each.prompt] < 0.7]
        best = picks.best()
        if not fit:
            assert best is None
            continue
        fewest = min(each.faults for each in fit)
        wanted = [each for each in fit if each.faults == fewest]
        assert best is max(wanted, key=lambda each: 0.7 * each.quality - (1 - 0.7) * alike[each.prompt])
        picks.take(best)


def test_a_text_without_a_word_is_picked_once() -> None:
    stars = candidate("* * *")
    assert pick([stars], []) is stars
    assert pick([stars, replace(stars)], [stars]) is None


def test_coverage_is_the_share_of_an_intents_words() -> None:
    intents = (Intent("Topic", "birthday party"), Intent("Mood", "joyful"), Intent("Color", "mint green"))
    assert intent_coverage(intents, "joyful parties for birthdays in green") == (1.0, 1.0, 0.5)
