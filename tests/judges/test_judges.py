"""The contract of every judge in the folder."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from promptlet import registry
from promptlet.errors import RunError
from promptlet.judges.base import Judge
from promptlet.types import RELEVANCE, Intent, Sample

INTENTS = (Intent("Topic", "lighthouse"), Intent("Mood", "lonely"), Intent("Style", "watercolor"))
GOOD = "A lonely lighthouse in soft watercolor above grey waves"
WRONG_TOPIC = "A lonely bakery in soft watercolor beside a quiet street"
UNRELATED = "Bold pizza menu with red columns and cheerful prices"

GIVEN = "given"
"""The one that scores nothing itself."""
JUDGES = [name for name in registry.names("promptlet.judges") if name != GIVEN]


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
    wordless = Sample((Intent("Topic", "birthday"), Intent("Mood", "\u2605")), "t2i", GOOD)
    assert 0 <= judge.judge([wordless])[0][RELEVANCE] <= 1


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


def test_given_scores_are_taken_as_they_are_and_must_be_there() -> None:
    given: Judge = registry.load("promptlet.judges", GIVEN).JUDGE.open()
    scores = {RELEVANCE: 0.25, "likelihood": -1.5}
    assert given.judge([replace(sample(GOOD), scores=scores)]) == [scores]
    with pytest.raises(RunError, match="another one judge"):
        given.judge([sample(GOOD)])


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


def rated() -> list[tuple[Sample, int]]:
    """Return curated answers of SmolLM2-135M, each rated by hand: 1 of no use, 3 usable, 5 very good."""
    rows = map(json.loads, (Path(__file__).parent / "rated.jsonl").read_text(encoding="utf-8").splitlines())
    return [
        (
            Sample(
                tuple(Intent.of(*pair) for pair in row["intents"]),
                row["task"],
                row["prompt"],
                scores={"likelihood": row["likelihood"]},
            ),
            row["rating"],
        )
        for row in rows
    ]


@pytest.mark.usefixtures("remembered")
def test_the_judge_goes_with_ratings_by_hand(judge: Judge) -> None:
    samples, ratings = zip(*rated(), strict=True)
    scores = np.array([each[RELEVANCE] for each in judge.judge(samples)])
    high, low = scores[np.array(ratings) >= 4], scores[np.array(ratings) <= 2]
    better = (high[:, None] > low).mean() + (high[:, None] == low).mean() / 2
    assert better > 0.6, better


@pytest.mark.usefixtures("remembered")
def test_the_judge_tells_damaged_prompts_from_whole_ones(judge: Judge) -> None:
    samples = [sample for sample, rating in rated() if rating >= 3]
    turned = [replace(s, prompt=other.prompt) for s, other in zip(samples, samples[1:] + samples[:1], strict=True)]
    whole, wrong = ([each[RELEVANCE] for each in judge.judge(part)] for part in (samples, turned))
    assert np.mean(np.array(whole) > np.array(wrong)) > 0.97


def test_word_salad_scores_lower_than_the_prompt_it_was_made_of() -> None:
    embedding: Judge = registry.load("promptlet.judges", "embedding").JUDGE.open()
    samples = [sample for sample, rating in rated() if rating >= 4]
    rng = random.Random(1)
    salad = [replace(s, prompt=" ".join(rng.sample(s.prompt.split(), len(s.prompt.split())))) for s in samples]
    whole, mixed = ([each["likeness"] for each in embedding.judge(part)] for part in (samples, salad))
    assert np.mean(whole) > np.mean(mixed)
