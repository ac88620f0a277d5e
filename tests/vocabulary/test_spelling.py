"""British spellings: a student that was taught American ones is asked in those, and read in the wish's own."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptlet.vocabulary.spelling import Spelling

TAUGHT = frozenset(
    "cozy harbor harbors center armor woolen organized defense mold jewelry hour four for red scepter".split()
)


def knows(word: str) -> bool:
    return word.lower() in TAUGHT


@pytest.mark.parametrize(
    ("wished", "asked"),
    [
        ("a cosy harbour", "a cozy harbor"),
        ("COSY Harbour", "COZY Harbor"),
        ("city centre", "city center"),
        ("woollen armour", "woolen armor"),
        ("organised defence", "organized defense"),
        ("jewellery mould", "jewelry mold"),
        ("a sceptre for an hour", "a scepter for an hour"),
        ("Zyxour, four", "Zyxour, four"),
    ],
)
def test_words_are_asked_for_as_they_are_known(wished: str, asked: str) -> None:
    spelling = Spelling.of([wished], knows)
    assert spelling.asked(wished) == asked
    assert spelling.wished(asked) == wished


def test_plurals_come_back_and_kept_words_stay() -> None:
    spelling = Spelling.of(["cosy harbour"], knows)
    assert spelling.wished("Harbors, and a cozy corner of the harborside") == (
        "Harbours, and a cosy corner of the harborside"
    )
    assert spelling.sparing(["Harbor Freight"]).wished("a cozy harbor at Harbor Freight") == (
        "a cosy harbor at Harbor Freight"
    )


@given(st.text(max_size=60))
def test_no_text_changes_its_number_of_words(text: str) -> None:
    spelling = Spelling.of([text], lambda word: not re.search("our|re|ll|is", word))
    assert len(spelling.asked(text).split()) == len(text.split())
    assert len(spelling.wished(spelling.asked(text)).split()) == len(text.split())
