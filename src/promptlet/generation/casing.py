"""In which case words are put to a student: "FOX IN THE SNOW" is a fox in snow.

A student was taught "fox" and "Christmas"; of "FOX" it makes "raviolis". Which form it met more often its tokenizer
tells: that has fewer tokens, or a token that was merged earlier.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

from promptlet.intents.graph import load_graph
from promptlet.intents.headings import is_heading, is_loud, small_words_are_capital
from promptlet.stemming import without_accents
from promptlet.student.format import Student
from promptlet.types import Intents

_WORD = re.compile(r"\"[^\"]*\"|(?<![\w.])[^\W\d_]+(?:['\u2019][^\W\d_]+)*(?![\w]|\.\w)")
"""A word of letters only; what is quoted is written as it is."""
_RUN = re.compile(r"\"[^\"]*\"|(?<![\w.])[A-Z][^\W\d_]*(?: [A-Z][^\W\d_]*)*(?![\w'\u2019])")
_ACRONYM = 3
"""Letters up to which a word in capitals may be one among other words: "a LED lamp"."""


def in_usual_case(intents: Intents, student: Student, text: str = "") -> Intents:
    """Return intents whose words have the case in which a student knows them; what it does not know stays.

    Args:
        intents: what is wished for.
        student: who is asked.
        text: the free text that they were read in, if they were.
    """
    if not any(map(_has_capital, (intent.value for intent in intents))):
        return intents
    whole = " ".join(intent.value for intent in intents)
    heading, loud = is_heading(whole), is_loud(whole)
    changed = (replace(intent, value=_usual(intent.value, heading, loud, student)) for intent in intents)
    # The graph takes longer to read than most prompts to write: it is asked only where something would change.
    return tuple(
        old if new == old or old in load_graph().aliases or (not heading and _is_name(old.value, text)) else new
        for old, new in zip(intents, changed, strict=True)
    )


def _is_name(value: str, text: str) -> bool:
    """Return whether a value has a capital within a sentence, and the graph has its first word nowhere in small ones.

    A student may know "lisbon" better than "Lisbon"; but who writes "a Cat on a Sofa" names nobody.
    """
    first = _WORD.match(value)
    within = re.search(rf"[\w,] {re.escape(value)}(?!\w)", text)
    return first is not None and first[0].istitle() and within is not None and first[0].lower() not in _small_words()


@cache
def _small_words() -> frozenset[str]:
    graph = load_graph()
    return frozenset(word for node in graph.nodes() for name in graph.names(node) for word in _WORD.findall(name))


def _usual(value: str, heading: bool, loud: bool, student: Student) -> str:
    """Return the value of an intent in its usual case, if all is written like a heading, or in capitals only."""
    if not _has_capital(value):
        return value
    if loud or small_words_are_capital(value):
        return _WORD.sub(lambda found: _form(found[0], student), value)
    if heading:
        return _RUN.sub(lambda found: _form_of_run(found[0], student), value)
    first = _WORD.match(value)
    if first and first[0].istitle() and not _has_capital(value[first.end() :]):  # as sentences begin
        return _form(first[0], student) + value[first.end() :]
    return _WORD.sub(lambda found: _form(found[0], student) if _is_loud(found[0]) else found[0], value)


def _form_of_run(run: str, student: Student) -> str:
    """Return words that have a capital each; with a name among them they are one: "Eiffel Tower"."""
    words = run.split()
    forms = [_form(word, student) for word in words]
    return run if any(form == word for form, word in zip(forms, words, strict=True)) else " ".join(forms)


def _form(word: str, student: Student) -> str:
    """Return the form of a word that the student met most often, or the word as it is if it knows none."""
    small = word.lower()
    if word.startswith('"') or small == word or not student.knows(small):
        return word
    return min((small, small.capitalize(), word), key=lambda form: _rarity(form, student))


def _rarity(form: str, student: Student) -> tuple[int, int]:
    ids = student.codec.ids(without_accents(form))
    return len(ids), max(ids)


def _is_loud(word: str) -> bool:
    return word.isupper() and len(word) > _ACRONYM


def _has_capital(text: str) -> bool:
    return text != text.lower()
