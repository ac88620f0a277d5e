"""Curation as one would write it first: row by row in one process, each check spelt out, nothing kept between rows.

It gives the same reasons as `promptlet.curation`; of duplicates it knows the exact ones only.
"""

from __future__ import annotations

import re
from collections import Counter
from importlib import resources
from itertools import pairwise
from typing import Any

from promptlet.curation import checks
from promptlet.stemming import stem
from promptlet.tasks import load_task, task_names
from promptlet.vocabulary import Policy, dictionary_words

_LEAK = re.compile(
    r"\b(?:words? (?:long|count|limit)|\d+[- ]words?|text-to-\w+|as an ai|language model|here (?:is|are)|of course|"
    r"one line)\b",
    re.IGNORECASE,
)
_stem = stem.__wrapped__
"""Without what it remembers."""
_TERM, _WORD = re.compile(r"[\w']+"), re.compile(r"[^\W_]+(?:'[^\W_]+)?")


class Naive:
    """Judges rows one after another."""

    def __init__(self, policy: Policy) -> None:
        self.dictionary = dictionary_words()
        self.patterns = [pattern for category in policy.file.denied.values() for pattern in category.patterns]
        self.innocent = policy.file.allowed.phrases
        self.exemplar_words: dict[str, set[str]] = {}
        self.exemplar_runs: dict[str, set[tuple[str, ...]]] = {}
        for task in task_names():
            prompts = [_TERM.findall(exemplar.prompt.casefold()) for exemplar in load_task(task).exemplars]
            self.exemplar_words[task] = {term for said in prompts for term in said}
            self.exemplar_runs[task] = {
                tuple(said[at : at + 8]) for said in prompts for at in range(max(1, len(said) - 7))
            }
        self.denied: list[str] = []
        for category in policy.file.denied.values():
            for name in category.lists:
                lines = (resources.files("promptlet.vocabulary") / name).read_text(encoding="utf-8").splitlines()
                lines = [line for line in lines if line.strip() and not line.startswith("#")]
                self.denied += [" ".join(_WORD.findall(line.casefold())) for line in lines]
        self.seen: set[tuple[str, str]] = set()
        self.openings: Counter[tuple[str, str]] = Counter()
        self.kept: Counter[str] = Counter()

    def reason(self, row: dict[str, Any]) -> str | None:
        """Return why a row is rejected, or None."""
        prompt = checks.clean(row["prompt"])
        said = _TERM.findall(prompt.casefold())
        return self._form(prompt, said) or self._content(row, prompt, said)

    def compared(self, row: dict[str, Any]) -> str | None:
        """Return why a row is rejected, rows before it counted."""
        if reason := self.reason(row):
            return reason
        prompt, task = checks.clean(row["prompt"]), row["task"]
        if (task, prompt.casefold()) in self.seen:
            return "duplicate"
        opening = " ".join(_TERM.findall(prompt.casefold())[:3])
        if self.openings[task, opening] + 1 > 0.03 * max(self.kept[task] + 1, 100):
            return "common opening"
        self.seen.add((task, prompt.casefold()))
        self.openings[task, opening] += 1
        self.kept[task] += 1
        return None

    def _form(self, prompt: str, said: list[str]) -> str | None:  # noqa: PLR0911
        words = prompt.split()
        if "\n" in prompt or checks._LIST.match(prompt) or prompt.count(",") > max(4, len(words) // 3):
            return "list"
        if not 5 <= len(words) <= 40:
            return "too short" if len(words) < 5 else "too long"
        for place, term in enumerate(said):
            if term in checks._LEAKS and not (term == "you" and said[place - 1] == "thank"):
                return "instruction leak"
        if _LEAK.search(prompt) or checks._KIND_LABEL.search(prompt):
            return "instruction leak"
        if checks._ODD.search(prompt) or not prompt.isprintable() or any(len(word) > 24 for word in words):
            return "odd characters"
        if any(one == other for one, other in pairwise(said)):
            return "repetition"
        triples = [tuple(said[at : at + 3]) for at in range(len(said) - 2)]
        if len(set(triples)) < len(triples):
            return "repetition"
        if any(said.count(word) > 2 and len(word) > 3 for word in said) or len(set(said)) / len(said) < 0.6:
            return "repetition"
        return "truncated" if self._ends_early(words) else None

    def _ends_early(self, words: list[str]) -> bool:
        last = words[-1].casefold()
        if last[-1] in ",;:-(&/" or last in checks._UNFINISHED or last.rstrip(".!?") in checks._NEVER_LAST:
            return True
        if last.rstrip(".!?") in checks._ADJECTIVES and any(word.casefold() in ("a", "an") for word in words[-3:-1]):
            return True
        return any(word[-1] in ".!?" and len(word) > 3 for word in words[-3:-1])

    def _content(self, row: dict[str, Any], prompt: str, said: list[str]) -> str | None:
        if self._denies(prompt):
            return "denied"
        own = {term for intent in row["intents"] for term in _TERM.findall(intent["value"].casefold())}
        known = self.exemplar_words[row["task"]] | own
        unknown = [term for term in said if not self._in_dictionary(term) and term.isalpha() and term not in known]
        if unknown:
            return "not English" if len(unknown) > 0.5 * len(said) else "unknown word"
        runs = {tuple(said[at : at + 8]) for at in range(max(1, len(said) - 7))}
        if runs & self.exemplar_runs[row["task"]]:
            return "copied exemplar"
        stems = {_stem(word) for word in said}
        found = [intent for intent in row["intents"] if self._expressed(intent["value"], stems)]
        on_topic = any(intent["kind"] == "Topic" for intent in found)
        return None if on_topic and 2 * len(found) >= len(row["intents"]) else "off topic"

    def _expressed(self, value: str, stems: set[str]) -> bool:
        words = _TERM.findall(value.casefold())
        return any(_stem(word) in stems for word in [w for w in words if len(w) > 2] or words)

    def _in_dictionary(self, term: str) -> bool:
        word = term.partition("'")[0]
        if len(word) < 3 or word in self.dictionary:
            return True
        return any(word[:at] in self.dictionary and word[at:] in self.dictionary for at in range(4, len(word) - 3))

    def _denies(self, prompt: str) -> bool:
        text = f" {' '.join(_WORD.findall(prompt.casefold()))} "
        for phrase in self.innocent:
            text = text.replace(f" {phrase} ", " ")
        if any(f" {term}{ending} " in text for term in self.denied for ending in ("", "s", "'s")):
            return True
        return any(re.search(pattern, prompt, re.IGNORECASE) for pattern in self.patterns)
