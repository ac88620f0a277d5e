"""Stems: forms of one word are one, words of another meaning are not."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from promptlet.stemming import capitalized, content_stems, placed_stems, stem, stems, terms, without_accents

_ENDINGS = ("ing", "ed", "s", "ization", "fulness", "ational", "ously", "ivity", "ements", "ables", "icate", "ness")


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("old town", "Old town"),
        ("iPhone case", "IPhone case"),
        ("NASA", "NASA"),
        ("élan", "Élan"),
        ("2 cats", "2 cats"),
        ("", ""),
    ],
)
def test_a_sentence_begins_with_a_capital(text: str, first: str) -> None:
    """Unlike `str.capitalize`, which would make "Nasa" of "NASA"."""
    assert capitalized(text) == first


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


def test_a_letter_with_a_loose_accent_is_one() -> None:
    assert [word for _, _, word in placed_stems("e\u0301clair")] == list(map(stem, terms("e\u0301clair"))) == ["eclair"]


@pytest.mark.parametrize(
    ("text", "word"), [("Caf\u00e9", "cafe"), ("cafe\u0301,", "cafe"), ("\u65e5\u672c", "\u65e5\u672c")]
)
def test_accents_make_no_other_word(text: str, word: str) -> None:
    assert terms(text) == [word]
    ((start, end, found),) = placed_stems(text)
    assert (found, without_accents(text[start:end]).casefold()) == (stem(word), word)


def test_names_are_stemmed_word_by_word() -> None:
    assert stems("Business Invitations, well-lit") == ("business", "invitation", "well", "lit")
    assert content_stems("a fit of anime") == {stem("fit"), stem("anime")}


def test_threads_find_the_stems_that_one_finds() -> None:
    """A server judges several texts at once."""
    words = [f"{start}{middle}{end}" for start in "bcdfgl" for middle in ("aun", "ight", "onal") for end in _ENDINGS]
    alone = [stem.__wrapped__(word) for word in words]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            hands = list(threads.map(lambda _: [stem.__wrapped__(word) for word in words], range(8)))
    finally:
        sys.setswitchinterval(before)
    assert all(hand == alone for hand in hands)


def test_stems_stand_where_their_words_do() -> None:
    text = "Two hikers' BALLOONS, flying"
    assert [text[start:end] for start, end, _ in placed_stems(text)] == ["Two", "hikers'", "BALLOONS", "flying"]
    assert tuple(found for _, _, found in placed_stems(text)) == stems(text)
