"""What reviewers are asked about each prompt: the one definition for the page, the store and the report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """A question with three answers; an answer is stored as its number, from 1."""

    name: str
    adjective: str
    text: str

    @property
    def answers(self) -> tuple[str, ...]:
        """Return the answers, the worst first."""
        return tuple(f"{degree} {self.adjective}" for degree in ("Not", "Somewhat", "Very"))


RELEVANCE = Question("relevance", "relevant", "Does the prompt express what was wished for?")
CORRECTNESS = Question("correctness", "correct", "Is the prompt sound: fluent, free of errors and contradictions?")
QUESTIONS = (RELEVANCE, CORRECTNESS)
"""Their names are columns of the store and of exports."""
LEVELS = (1, 2, 3)
FAVOURABLE = 2
"""The least answer that counts as somewhat or very."""
MOST_COMMENT_CHARACTERS = 2000
