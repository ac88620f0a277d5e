"""What reviewers are asked about each prompt: the one definition for the page, the store and the report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """A question and its answers, the worst first; an answer is stored as its number, from 1."""

    name: str
    text: str
    answers: tuple[str, str, str]


RELEVANCE = Question(
    "relevance",
    "Does the prompt express what was wished for?",
    ("Not relevant", "Somewhat relevant", "Very relevant"),
)
CORRECTNESS = Question(
    "correctness",
    "Is the prompt sound: fluent, free of errors and contradictions?",
    ("Not correct", "Somewhat correct", "Very correct"),
)
QUESTIONS = (RELEVANCE, CORRECTNESS)
"""Their names are columns of the store and of exports."""
LEVELS = (1, 2, 3)
FAVOURABLE = 2
"""The least answer that counts as somewhat or very."""
MOST_COMMENT_CHARACTERS = 2000
