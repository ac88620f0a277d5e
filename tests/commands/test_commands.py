"""The contract of every command in the folder, and what each promises beyond it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptlet import registry
from promptlet.commands import make_commands
from promptlet.commands.relevance import STEPS, Relevance
from promptlet.commands.words import Words
from promptlet.errors import RunError, UsageError
from promptlet.types import Intent, Sample

PROMPT = "whimsical birthday celebration featuring giant balloons in fun shapes and sizes"


def sample(prompt: str) -> Sample:
    return Sample((Intent("Topic", "birthday"),), "t2i", prompt, scores={"relevance": 0.7})


@pytest.mark.parametrize("name", registry.names("promptlet.commands"))
def test_every_command_keeps_the_contract(name: str) -> None:
    command = make_commands([name])[name]
    assert command.name == name
    again = make_commands({name: command.settings()})[name]
    assert again.settings() == command.settings()
    fitted = command.fitted([sample(PROMPT), sample(PROMPT[:-10])])
    assert make_commands({name: fitted.settings()})[name].measure(sample(PROMPT)) == fitted.measure(sample(PROMPT))
    assert command.default() is None or command.default() in command.values()
    value = command.measure(sample(PROMPT))
    assert value in command.values()
    tokens = command.tokens()
    assert command.encode(value) in tokens
    assert len(set(tokens)) == len(tokens)
    assert all(token.startswith("<|") and token.endswith("|>") for token in tokens)
    wanted = command.parse(value)
    assert value in wanted
    assert command.score(value, sample(PROMPT)) == 0
    assert command.draw(wanted, seed=3) == command.draw(wanted, seed=3)
    with pytest.raises(UsageError, match="nonsense"):
        command.parse("nonsense")
    with pytest.raises(UsageError, match="no such setting"):
        make_commands({name: {"no such setting": 1}})


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        (
            "whimsical birthday celebration featuring giant balloons in fun shapes and sizes, tied to a birthday "
            "child's arm or wrist.",
            19,
        ),
        (
            "create a whimsical birthday party invitation template with balloons, confetti, and a playful theme.",
            14,
        ),
    ],
)
def test_table_1_of_the_paper_is_counted_as_the_paper_counts_it(prompt: str, words: int) -> None:
    assert Words().measure(sample(prompt)) == words
    assert Words().encode(words) == f"<|{words}|>"


@given(st.text())
def test_a_word_is_what_split_gives(text: str) -> None:
    assert Words().measure(sample(text)) == len(text.split())


@given(st.integers(5, 40), st.integers(5, 40))
def test_a_range_is_parsed_and_a_miss_scored_from_both_sides(one: int, other: int) -> None:
    low, high = sorted((one, other))
    command = Words(5, 40)
    wanted = command.parse(f" {low} - {high} ")
    assert (wanted[0], wanted[-1]) == (low, high)
    assert command.score(low, sample("word " * (low - 2))) == -2
    assert command.score(high, sample("word " * (high + 3))) == 3
    assert command.draw(wanted, seed=1) in wanted


@pytest.mark.parametrize("raw", ["", "-3", "4", "41", "5-41", "30-20", "1e3", "ten", "10-", "99999999999", None, 19.5])
def test_what_is_no_allowed_count_is_refused_with_its_value(raw: object) -> None:
    with pytest.raises(UsageError) as error:
        Words(5, 40).parse(raw)
    assert str(raw) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("bounds", [(0, 5), (5, 65), (9, 8)])
def test_a_range_without_tokens_is_refused(bounds: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match=str(bounds[1])):
        Words(*bounds)


def scored(score: float, task: str = "t2i") -> Sample:
    return Sample((), task, "a prompt", scores={"relevance": score})


@given(st.lists(st.floats(0, 1, width=16), min_size=20, max_size=60, unique=True))
def test_relevance_is_the_fifth_of_the_tasks_samples(scores: list[float]) -> None:
    others = [scored(score / 10, "t2t") for score in scores]
    command = Relevance().fitted([*map(scored, scores), *others])
    values = [command.measure(scored(score)) for score in sorted(scores)]
    assert values == sorted(values)
    assert all(abs(values.count(step) - len(scores) / STEPS) <= 2 for step in command.values())
    assert [command.measure(each) for each in others] == [command.measure(scored(score)) for score in scores]


def test_relevance_is_the_best_unless_asked_for_and_missed_from_both_sides() -> None:
    command = Relevance({"t2i": (0.2, 0.4, 0.6, 0.8)})
    assert command.encode(command.default()) == "<|relevance=4|>"
    assert command.score(3, scored(0.5)) == -1
    assert command.score(3, scored(0.9)) == 1


def test_a_recipes_own_bounds_of_relevance_stay() -> None:
    own = Relevance.make({"bounds": {"t2i": [0.5, 0.6, 0.7, 0.8]}})
    assert own.fitted([scored(0.1)] * 5).settings() == own.settings()


@pytest.mark.parametrize("bounds", [7, {"t2i": 7}, {"t2i": [0.1]}, {"t2i": [0.4, 0.3, 0.2, 0.1]}, {"t2i": ["a"] * 4}])
def test_bounds_that_are_no_rising_scores_are_refused(bounds: object) -> None:
    with pytest.raises(UsageError, match=r"4 rising scores"):
        Relevance.make({"bounds": bounds})


def test_a_sample_that_nobody_judged_can_not_be_labelled() -> None:
    with pytest.raises(RunError, match=r"no score 'relevance'.*a fox"):
        Relevance().fitted([Sample((), "t2i", "a fox")])
