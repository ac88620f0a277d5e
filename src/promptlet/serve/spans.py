"""Where in a prompt its intents are said, for the page to mark."""

from __future__ import annotations

from collections.abc import Iterable

from promptlet.stemming import content_stems, placed_stems

Span = tuple[int, int, str]
"""Start and end, in code points, and the intent as ``Kind: value``."""


def spans(text: str, intents: Iterable[str]) -> list[Span]:
    """Return the spans of a text that say some form of an intent's words, in order; adjacent ones are joined."""
    wanted = {intent: content_stems(intent.partition(": ")[2]) for intent in intents}
    found: list[Span] = []
    for start, end, stem in placed_stems(text):
        for intent in (intent for intent, stems in wanted.items() if stem in stems):
            previous = next((span for span in reversed(found) if span[2] == intent), None)
            if previous is not None and text[previous[1] : start] in {" ", "-"}:
                found[found.index(previous)] = (previous[0], end, intent)
            else:
                found.append((start, end, intent))
    return sorted(found)
