"""Stems: forms of one word are one, words of another meaning are not."""

from __future__ import annotations

import pytest

from promptlet.lemmas import content_stems, stem, stems


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("balloons", "balloon"),
        ("hiking", "hike"),
        ("parties", "party"),
        ("festivals", "festival"),
        ("invite", "invited"),
    ],
)
def test_forms_of_a_word_have_one_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("universe", "university"),
        ("organ", "organic"),
        ("anime", "animals"),
        ("festive", "festivals"),
        ("inviting", "invitations"),
        ("friends", "friendly"),
        ("holy", "holi"),
        ("apart", "apartment"),
    ],
)
def test_words_of_different_meaning_have_different_stems(one: str, other: str) -> None:
    assert stem(one) != stem(other)


def test_names_are_stemmed_word_by_word() -> None:
    assert stems("Business Invitations, well-lit") == ("business", "invitation", "well", "lit")
    assert content_stems("a fit of anime") == {stem("fit"), stem("anime")}
