"""The contract of every command in the folder, and what the word command promises beyond it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptlet import registry
from promptlet.commands import make_commands
from promptlet.commands.words import Words
from promptlet.errors import UsageError
from promptlet.types import Intent, Sample

PROMPT = "whimsical birthday celebration featuring giant balloons in fun shapes and sizes"


def sample(prompt: str) -> Sample:
    return Sample((Intent("Topic", "birthday"),), "t2i", prompt)


@pytest.mark.parametrize("name", registry.names("promptlet.commands"))
def test_every_command_keeps_the_contract(name: str) -> None:
    command = make_commands([name])[name]
    assert command.name == name
    again = make_commands({name: command.settings()})[name]
    assert again.settings() == command.settings()
    value = command.measure(sample(PROMPT))
    assert value in command.values()
    tokens = command.tokens()
    assert command.encode(value) in tokens
    assert len(set(tokens)) == len(tokens)
    assert all(token.startswith("<|") and token.endswith("|>") for token in tokens)
    wanted = command.parse(value)
    assert value in wanted
    assert command.score(wanted, sample(PROMPT)) == 0
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
def test_a_range_is_parsed_and_scored_from_both_sides(one: int, other: int) -> None:
    low, high = sorted((one, other))
    command = Words(5, 40)
    wanted = command.parse(f" {low} - {high} ")
    assert (wanted[0], wanted[-1]) == (low, high)
    assert command.score(wanted, sample("word " * (low - 2))) == -2
    assert command.score(wanted, sample("word " * (high + 3))) == 3
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
