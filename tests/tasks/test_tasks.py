"""The contract of every task in the folder."""

from __future__ import annotations

from collections import Counter

import pytest

from promptlet.commands.words import count_words
from promptlet.curation.checks import CHECKS, Examined, copied
from promptlet.errors import UsageError
from promptlet.prompting import chat_messages, choose_exemplars
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
    exemplars = task.exemplars
    counts = [count_words(exemplar.prompt) for exemplar in exemplars]
    assert len(exemplars) >= 150
    assert all(sum(abs(count - words) <= 3 for count in counts) >= 8 for words in range(5, 41))
    openings = Counter(tuple(exemplar.prompt.split()[:2]) for exemplar in exemplars)
    assert max(openings.values()) <= max(1, len(exemplars) // 100)
    others = [check for check in CHECKS if check is not copied]
    for exemplar in exemplars:
        answer = Examined.of(Sample(exemplar.intents, name, exemplar.prompt), load_policy())
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
    shown = choose_exemplars(task, intents, 8, 3, "shared", variant=0, seed=1)
    chat = chat_messages(task, shown, intents, 8)
    assert [message["role"] for message in chat] == ["system"] + ["user", "assistant"] * 3 + ["user"]
    assert all(abs(count_words(exemplar.prompt) - 8) <= 4 for exemplar in shown)
    assert chat[-1]["content"] == "In about 8 words, describe a template: bake sale poster, in mint"


def test_shared_exemplars_depend_on_the_variant_alone_and_diverse_ones_on_the_request() -> None:
    task, one, other = load_task("t2i"), (Intent("Topic", "tea"),), (Intent("Topic", "red fox"),)
    assert choose_exemplars(task, one, 20, 5, "shared", 0, 1) == choose_exemplars(task, other, 20, 5, "shared", 0, 2)
    assert choose_exemplars(task, one, 20, 5, "shared", 0, 1) != choose_exemplars(task, one, 20, 5, "shared", 1, 1)
    diverse = choose_exemplars(task, one, 20, 8, "diverse", 0, 1)
    assert (
        diverse
        == choose_exemplars(task, one, 20, 8, "diverse", 5, 1)
        != choose_exemplars(task, one, 20, 8, "diverse", 0, 2)
    )
    assert len({exemplar.prompt.split()[0].casefold() for exemplar in diverse}) == 8


@pytest.mark.parametrize("name", task_names())
def test_the_nearest_exemplar_is_the_one_with_the_same_wish(name: str) -> None:
    task = load_task(name)
    for exemplar in task.exemplars[::10]:
        shown = choose_exemplars(task, exemplar.intents, count_words(exemplar.prompt), 3, "nearest", 0, 1)
        assert exemplar in shown


def test_tone_style_and_context_are_told_to_the_teacher() -> None:
    task = load_task("t2t")
    manner = {"tone": "playful", "context": "a children's library"}
    system = chat_messages(task, (), (Intent("Topic", "story hour"),), 10, manner)[0]["content"]
    assert system == f"{task.instructions} The tone is playful. They are for a children's library."
