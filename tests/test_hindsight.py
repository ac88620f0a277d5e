"""What hindsight makes of curated pairs."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptlet.curation.checks import Examined
from promptlet.curation.hindsight import Hindsight
from promptlet.intents.graph import load_graph
from promptlet.intents.mentions import Mentions
from promptlet.intents.splits import split_of
from promptlet.io.records import SAMPLE_SCHEMA, from_row, read_samples, to_row
from promptlet.types import Intent, Sample
from promptlet.vocabulary import load_policy

PROMPT = "A red fox rests under an old oak, its fur lit by moonlight, while fireflies drift over the quiet grass."
INTENTS = (Intent("Topic", "fox"), Intent("Color", "red"), Intent("Mood", "joyful"))

CLAUSES = (
    "rests under an old oak",
    "its fur lit by moonlight",
    "fireflies drift over quiet grass",
    "beside a river in the",
    "on a warm",
    "you see it",
    "zorblat",
    "no",
)
"""Whole ones, and ones after which no prompt ends, or that none has."""


def derived(sample: Sample, drop: float = 0, add: float = 0, cut: float = 0, shortest: int = 5) -> list[Sample]:
    hindsight = Hindsight(1, None, "words", None, shortest, drop, add, cut)
    first, *others = map(from_row, hindsight(pa.Table.from_pylist([to_row(sample)], SAMPLE_SCHEMA)).to_pylist())
    assert first == sample
    return others


def fox(split: str = "train", prompt: str = PROMPT) -> Sample:
    return Sample(INTENTS, "t2i", prompt, source="teacher", split=split, scores={"relevance": 0.5})


def test_intents_that_left_no_trace_are_dropped() -> None:
    (less,) = derived(fox(), drop=1)
    assert less.intents == INTENTS[:2]
    assert (less.prompt, less.source, less.scores["relevance"]) == (PROMPT, "teacher, drop", 1.0)


def test_no_prompt_is_cut_below_what_curation_keeps() -> None:
    (short,) = derived(fox(), cut=1)
    shortest = len(short.prompt.split()) + 1
    assert all(len(cut.prompt.split()) >= shortest for cut in derived(fox(), cut=1, shortest=shortest))


def test_an_intent_that_the_prompt_speaks_of_is_added() -> None:
    (more,) = derived(fox(), add=1)
    assert more.intents[:-1] == INTENTS
    assert any(more.intents[-1] in nodes for nodes in Mentions(load_graph()).find(PROMPT))
    assert more.intents[-1].kind not in {intent.kind for intent in INTENTS}


def test_a_cut_ends_with_a_clause_and_keeps_the_intents_that_are_left() -> None:
    cuts = {each.prompt for seed in "abcdefgh" for each in derived(fox(prompt=PROMPT.replace("A", seed, 1)), cut=1)}
    assert {len(cut.split()) for cut in cuts} == {8, 13}
    (cut,) = derived(fox(), cut=1)
    assert cut.intents == INTENTS[:2]
    assert PROMPT.startswith(cut.prompt.rstrip("."))
    assert cut.prompt.endswith(".")


@pytest.mark.parametrize("split", ["validation", "test"])
def test_what_is_held_out_stays_as_it_is(split: str) -> None:
    assert derived(fox(split), 1, 1, 1) == []


def test_every_cut_is_a_prompt_that_curation_lets_pass() -> None:
    made = set[str]()

    @given(st.lists(st.tuples(st.sampled_from(CLAUSES), st.sampled_from([",", ";", ".", "!", ""])), max_size=6))
    def cuts_pass(clauses: list[tuple[str, str]]) -> None:
        text = " ".join(f"{clause}{mark}" for clause, mark in clauses)
        for cut in derived(fox(prompt=f"a red fox {text}".strip()), cut=1):
            assert Examined.of(cut, load_policy(), unknown_words=1_000).objection() is None
            made.add(cut.prompt)

    cuts_pass()
    assert len(made) >= 5, "hardly anything was cut"


def test_nothing_that_is_made_belongs_to_another_split(smoke: dict[str, Path]) -> None:
    samples = list(read_samples(smoke["augment"]))
    assert [each for each in samples if each.source == "teacher"] == list(read_samples(smoke["curate"]))
    made = [each for each in samples if each.source != "teacher"]
    assert {each.source for each in made} == {"teacher, drop", "teacher, add", "teacher, cut"}
    assert {split_of(load_graph(), each.intents) for each in made} == {"train"}
