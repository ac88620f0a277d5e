"""Which candidates are picked."""

from __future__ import annotations

from promptlet.generation.ranking import Candidate, intent_coverage, pick
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


FOX = candidate("a red fox in deep snow")


def test_what_misses_is_never_picked() -> None:
    assert pick([candidate("a fox", rejection="says 'fox'")], []) is None
    assert pick([], []) is None


def test_faults_count_before_relevance_and_relevance_before_order() -> None:
    weak, cut, good = candidate("a hat", 0.2), candidate("a fox in", unfinished=True), candidate("a blue hat", 0.9)
    assert pick([cut, weak, good], []) is good
    assert pick([cut], []) is cut


def test_near_duplicates_do_not_count_and_the_unlike_goes_first() -> None:
    same = candidate("A red fox, in the deep snow.")
    near = candidate("a red fox on a green hill")
    far = candidate("an owl above quiet pines", 0.95)
    assert pick([same], [FOX]) is None
    assert pick([same, near, far], [FOX]) is far
    assert pick([same, near], [FOX]) is near


def test_coverage_is_the_share_of_an_intents_words() -> None:
    intents = (Intent("Topic", "birthday party"), Intent("Mood", "joyful"), Intent("Color", "mint green"))
    assert intent_coverage(intents, "joyful parties for birthdays in green") == (1.0, 1.0, 0.5)
