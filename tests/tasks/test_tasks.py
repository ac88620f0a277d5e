"""The contract of every task in the folder."""

from __future__ import annotations

from collections import Counter

import pytest

from promptlet.curation.checks import CHECKS, Answer, copied
from promptlet.errors import UsageError
from promptlet.prompting import BANDS, band_of, hand, messages
from promptlet.tasks import load_task, task_names
from promptlet.types import KINDS, Intent, Sample
from promptlet.vocabulary import load_policy


@pytest.mark.parametrize("name", task_names())
def test_every_task_keeps_the_contract(name: str) -> None:
    task = load_task(name)
    assert task.token.startswith("<|")
    assert task.token.endswith("|>")
    assert set(task.kinds) <= set(KINDS)
    assert set(task.always) <= set(task.kinds)
    exemplars = task.exemplars()
    per_band = Counter(band_of(len(exemplar.prompt.split())) for exemplar in exemplars)
    assert len(exemplars) >= 150
    assert min(per_band[band] for band in range(len(BANDS))) >= 30
    openings = Counter(tuple(exemplar.prompt.split()[:2]) for exemplar in exemplars)
    assert max(openings.values()) == 1
    others = [check for check in CHECKS if check is not copied]
    for exemplar in exemplars:
        answer = Answer.of(Sample(exemplar.intents, name, exemplar.prompt), load_policy())
        assert {intent.kind for intent in exemplar.intents} <= set(task.kinds)
        assert [check(answer) for check in others if check(answer)] == [], exemplar.prompt
        assert copied(answer)


def test_tokens_are_distinct() -> None:
    tokens = [load_task(name).token for name in task_names()]
    assert len(set(tokens)) == len(tokens)


def test_an_unknown_task_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'t2x'.*did you mean"):
        load_task("t2x")


def test_a_teacher_is_shown_exemplars_of_the_asked_length_and_the_wish_last() -> None:
    task = load_task("t2t")
    intents = (Intent("Design type", "poster"), Intent("Topic", "bake sale"), Intent("Color", "mint"))
    shown = hand(task, band_of(8), 0, 3)
    chat = messages(task, shown, intents, 8)
    assert [message["role"] for message in chat] == ["system"] + ["user", "assistant"] * 3 + ["user"]
    assert all(len(exemplar.prompt.split()) in BANDS[0] for exemplar in shown)
    assert chat[-1]["content"] == "Describe a template in about 8 words: bake sale poster, in mint"
    assert hand(task, 0, 0, 3) == hand(task, 0, 0, 3) != hand(task, 0, 1, 3)
