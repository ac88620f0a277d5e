"""How texts open that begin with words which a student is made to write: as it opened texts of its own before.

Each text that begins with "red fox at dawn" begins alike. Where the student wrote "Snow covers a red fox as it turns",
the next one may begin with "Snow covers a red fox at dawn".
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from promptlet.generation.terms import KeptTerm
from promptlet.intents.phrasing import LINKS
from promptlet.stemming import content_stems, stems, terms

_LONGEST = 5
"""Words; what stands further on is seldom about what the text is about."""

_LEADS = re.compile(rf"(?:,|\b(?:{'|'.join(LINKS - {'a', 'an'})}))$", re.IGNORECASE)
"""How openings end behind which any words may stand."""


def find_openings(texts: Iterable[str], term: KeptTerm) -> tuple[str, ...]:
    """Return how texts open that soon say what a term is about (`KeptTerm.first`): what stands before it, each once.

    What says some of the term itself is left out, for the text would say it twice; so is what ends a sentence, and what
    suits only another beginning ("An" elephant for "elephants", "An old woman" reading for "girl reading").
    """
    about, whole = content_stems(term.first), content_stems(term.spoken)
    found: dict[str, None] = {}
    for text in texts:
        words = text.split()
        for index, word in enumerate(words[: _LONGEST + 1]):
            if about.intersection(stems(word)):
                opening = " ".join(words[:index])
                fits = _LEADS.search(opening) or terms(word)[:1] == terms(term.spoken)[:1]
                if opening and fits and not whole.intersection(stems(opening)) and not set(opening) & set(".!?"):
                    found[opening] = None
                break
    return tuple(found)
