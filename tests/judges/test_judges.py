"""The contract of every judge in the folder."""

from __future__ import annotations

import pytest

from promptlet import registry
from promptlet.judges.base import RELEVANCE, Judge
from promptlet.types import Intent, Sample

INTENTS = (Intent("Topic", "lighthouse"), Intent("Mood", "lonely"), Intent("Style", "watercolor"))
GOOD = "A lonely lighthouse in soft watercolor above grey waves"
WRONG_TOPIC = "A lonely bakery in soft watercolor beside a quiet street"
UNRELATED = "Bold pizza menu with red columns and cheerful prices"

JUDGES = registry.names("promptlet.judges")


@pytest.fixture(params=JUDGES)
def judge(request: pytest.FixtureRequest) -> Judge:
    opened: Judge = registry.load("promptlet.judges", request.param).JUDGE.open()
    return opened


def sample(prompt: str, likelihood: float | None = None) -> Sample:
    return Sample(INTENTS, "t2i", prompt, scores={} if likelihood is None else {"likelihood": likelihood})


def test_scores_are_shares_and_the_same_alone_and_among_others(judge: Judge) -> None:
    samples = [sample(prompt) for prompt in (GOOD, WRONG_TOPIC, UNRELATED)]
    scores = judge.judge(samples)
    assert all(RELEVANCE in each and all(0 <= value <= 1 for value in each.values()) for each in scores)
    for each, together in zip(samples, scores, strict=True):
        assert judge.judge([each])[0] == pytest.approx(together, abs=1e-3)
    assert judge.judge([]) == []


def test_the_better_prompt_scores_higher(judge: Judge) -> None:
    good, wrong_topic, unrelated = judge.judge([sample(prompt) for prompt in (GOOD, WRONG_TOPIC, UNRELATED)])
    assert good[RELEVANCE] > wrong_topic[RELEVANCE] > unrelated[RELEVANCE]
    assert good[RELEVANCE] > 0.7
    assert unrelated[RELEVANCE] < 0.3


def test_an_alias_is_as_good_as_the_name(judge: Judge) -> None:
    intents = (Intent("Topic", "3D printing"),)
    said = [
        Sample(intents, "t2i", f"A quiet {name} corner at night") for name in ("3D printing", "makerspace", "violin")
    ]
    by_name, by_alias, by_none = (scores[RELEVANCE] for scores in judge.judge(said))
    assert by_name == pytest.approx(by_alias, abs=0.3)
    assert by_alias > by_none + 0.2


def test_meaning_counts_where_words_differ() -> None:
    embedding: Judge = registry.load("promptlet.judges", "embedding").JUDGE.open()
    intents = (Intent("Topic", "ocean"),)
    near, far = embedding.judge(
        [Sample(intents, "t2i", "Deep blue sea under a storm"), Sample(intents, "t2i", "Brown desk under a lamp")]
    )
    assert near["coverage"] > far["coverage"]


def test_a_likely_text_is_the_more_fluent_one() -> None:
    embedding: Judge = registry.load("promptlet.judges", "embedding").JUDGE.open()
    likely, unlikely = embedding.judge([sample(GOOD, -0.9), sample(GOOD, -2.4)])
    assert likely["fluency"] > unlikely["fluency"]
    assert likely[RELEVANCE] > unlikely[RELEVANCE]
