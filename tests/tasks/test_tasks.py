"""The contract of every task in the folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest

from promptlet import tasks
from promptlet.commands.words import count_words
from promptlet.curation.checks import CHECKS, Examined, copied
from promptlet.errors import UsageError
from promptlet.prompting import Choice, chat_messages, choose_exemplars
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


Write = Callable[[str, str], None]


@pytest.fixture
def slogan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Make a further task of `tags`, in which a text is replaced by another."""
    packaged = Path(tasks.__file__).parent
    texts = {name: (packaged / f"{name}.yaml").read_text(encoding="utf-8") for name in task_names()}
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(tasks.resources, "files", lambda _: tmp_path)
    load_task.cache_clear()

    def write(old: str, new: str) -> None:
        text = texts["tags"].replace("<|TG|>", "<|SL|>").replace(old, new, 1)
        (tmp_path / "slogan.yaml").write_text(text, encoding="utf-8")

    yield write
    load_task.cache_clear()


def test_a_task_of_one_s_own_is_one_more_file(slogan: Write) -> None:
    slogan("title: tags", "title: slogan")
    assert (load_task("slogan").title, load_task("slogan").token) == ("slogan", "<|SL|>")
    assert load_task("slogan").exemplars == load_task("tags").exemplars


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("title: tags\n", "", "title is missing"),
        ("title: tags", "title: 5", "title is 5"),
        ("title: tags", "title: [", "not YAML: .*at line 2, column 8"),
        ("listed: true", "listd: true", "'listd'.*did you mean 'listed'"),
        ("{wish}", "{wisch}", r"request is .*no place {wisch}; {wish} and {words} may"),
        ("{wish}", "", "request is .*{wish} must stand there"),
        ("{wish}", "{wish", "request is .*expected '}'"),
        ("always: [Topic]", "always: [Topik]", "always: .*'Topik'; did you mean 'Topic'"),
        ("always: [Topic]", "always: [Topic, Tone]", "always has 'Tone', which phrases lacks; there: Topic"),
        ("always: [Topic]", "always: Topic", "always is 'Topic': a list is needed"),
        ("  Mood: ", "  Mod: ", "phrases: .*'Mod'; did you mean 'Mood'"),
        ('Topic: "{}"', 'Topic: "x"', r"phrases\.Topic is 'x': {} must stand there"),
        ('  Topic: "{}"\n', "", "phrases: 'Topic' is missing"),
        ("  tone: ", "  tune: ", r"'manner\.tune'; did you mean 'tone'"),
        ("<|SL|>", "<|19|>", r"token is '<\|19\|>': .*capital letters"),
        ("<|SL|>", "<|TG|>", r"token is <\|TG\|>, which is that of the task tags"),
        ('"<|SL|>"', "<|IP|>", r"token is <\|IP\|>, which is that of the task t2i"),
        ('"prompt"', '"promt"', 'exemplars, line 1: an exemplar is {"intents"'),
        ('[["Topic", ', '[["Topik", ', "exemplars, line 1: unknown kind of intent 'Topik'"),
        ('[["Topic", ', '[["Tone", ', "exemplars, line 1: 'Tone: .*phrases lacks"),
        ('[["Topic", ', '[[["Topic", ', "exemplars, line 1: not JSON"),
    ],
)
def test_a_mistake_in_a_task_s_file_is_told_in_one_line(slogan: Write, old: str, new: str, named: str) -> None:
    slogan(old, new)
    with pytest.raises(UsageError, match=rf"slogan\.yaml.*{named}") as caught:
        _ = load_task("slogan").exemplars
    assert "\n" not in str(caught.value)


def test_a_mistake_in_one_task_s_file_is_no_other_task_s(slogan: Write) -> None:
    slogan("title: tags\n", "")
    assert load_task("t2i").title == "text-to-image"
    slogan("<|SL|>", "<|TG|>")
    assert load_task("t2i").title == "text-to-image"


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


@pytest.mark.parametrize("choice", get_args(Choice))
def test_no_more_exemplars_are_shown_than_there_are(choice: Choice) -> None:
    task = load_task("tags")
    shown = choose_exemplars(task, task.exemplars[0].intents, 12, len(task.exemplars) + 3, choice)
    assert sorted(each.prompt for each in shown) == sorted(each.prompt for each in task.exemplars)


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
