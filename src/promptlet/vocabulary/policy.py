"""A policy file: denied terms and patterns by category, approved words, and who approved it when."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import chain
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from promptlet import stemming
from promptlet.errors import UsageError, unread
from promptlet.io.atomic import value_digest, write_text
from promptlet.io.yaml import read_yaml
from promptlet.validation import explain
from promptlet.vocabulary.dictionary import in_dictionary

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


class Category(BaseModel):
    """Why some terms are denied, and which."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    source: str
    licence: str
    lists: tuple[str, ...] = ()
    """Files of one term a line, beside the policy; lines that begin with # are comments."""
    terms: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    """Regular expressions, searched in the text as it is, whatever its case."""

    @field_validator("patterns")
    @classmethod
    def _compiles(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"'{pattern}' is no regular expression: {error}") from error
        return patterns


class Allowed(BaseModel):
    """What is innocent, whatever a list says."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    phrases: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


class PolicyFile(BaseModel):
    """What a policy file says."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    approved_by: str
    approved_on: date
    denied: dict[str, Category]
    allowed: Allowed = Allowed()


@dataclass(frozen=True, slots=True)
class Finding:
    """A denied term that stands in a text, and its category."""

    term: str
    category: str

    def __str__(self) -> str:
        return f"{self.term} ({self.category})"


class Policy:
    """A loaded policy. Terms are matched as whole words: "cockatoo" and "grape" hold no denied one."""

    def __init__(self, file: PolicyFile, terms: Mapping[str, tuple[str, ...]]) -> None:
        self.file, self._terms = file, terms
        self.approved_words = frozenset(stemming.without_accents(word).casefold() for word in file.allowed.words)
        self.digest = value_digest([file.model_dump(mode="json"), {name: list(each) for name, each in terms.items()}])
        self._patterns = [
            (re.compile(pattern, re.IGNORECASE), name)
            for name, category in file.denied.items()
            for pattern in category.patterns
        ]
        # A term is found by its longest word, seldom the commonest; only texts that hold it pay for the comparison.
        self._holding: dict[str, list[tuple[tuple[str, ...], int, str]]] = {}
        for split, name in _first_categories(terms).items():
            longest = max(range(len(split)), key=lambda index: len(split[index]))
            self._holding.setdefault(split[longest], []).append((split, longest, name))
        self._triggers = frozenset(word + ending for word in self._holding for ending in ("", "s", "'s"))
        self._knows = lru_cache(maxsize=1 << 16)(self._know)
        self._innocent = [_split(phrase) for phrase in file.allowed.phrases]

    def write(self, path: Path) -> None:
        """Write a policy file that says the same and needs no lists beside it."""
        whole = self.file.model_dump(mode="json")
        for name, category in whole["denied"].items():
            category |= {"lists": [], "terms": list(self._terms[name])}
        write_text(path, yaml.safe_dump(whole, sort_keys=False, allow_unicode=True))

    def find_denied(self, text: str, said: Sequence[str] | None = None) -> Finding | None:
        """Return the first denied term in the text, or None; a plural by s counts as its singular.

        Args:
            text: what is searched.
            said: its `promptlet.stemming.terms`, if they are at hand.
        """
        return next(self.findings(text, said), None)

    def findings(self, text: str, said: Sequence[str] | None = None) -> Iterator[Finding]:
        """Yield the denied terms in the text, as often as they stand there; `said` as in `find_denied`."""
        if not text.isascii() and (plain := stemming.as_read(text)) != text:
            text, said = plain, None
        words = _split(text, said)
        # Nearly all texts hold nothing denied: what is quickest says so first, here and for the patterns.
        for index, word in () if self._triggers.isdisjoint(words) else enumerate(words):
            if word not in self._triggers:
                continue
            for held in dict.fromkeys((word, word.removesuffix("s"), word.removesuffix("'s"))):
                for term, before, category in self._holding.get(held, ()):
                    start = index - before
                    if _stands(term, words, start) and not self._is_innocent(words, start, len(term)):
                        yield Finding(" ".join(term), category)
        for pattern, category in self._patterns:
            if pattern.search(text):
                yield from (Finding(match[0], category) for match in pattern.finditer(text))

    def approves(self, term: str, *own: Container[str]) -> bool:
        """Return whether a term (`stemming.terms`) is approved: by the dictionary, the policy, or as one's own.

        A possessive goes by its word. Numbers, and words that hold a digit, need no approval.
        """
        return self._knows(term) or any(form in words for form in _forms(term) for words in own)

    def _know(self, term: str) -> bool:
        forms = _forms(term)
        return not forms[0].isalpha() or any(in_dictionary(form) or form in self.approved_words for form in forms)

    def _is_innocent(self, words: tuple[str, ...], index: int, length: int) -> bool:
        """Return whether an allowed phrase covers so many words from `index` on."""
        for phrase in self._innocent:
            for start in range(max(0, index + length - len(phrase)), index + 1):
                if words[start : start + len(phrase)] == phrase:
                    return True
        return False


@cache
def load_policy(path: Path | None = None) -> Policy:
    """Return the policy in a file, or the packaged one.

    Raises:
        UsageError: if it or one of its lists can't be read, or says something that is not allowed.
    """
    where = resources.files(__package__) / "policy.yaml" if path is None else path
    folder = resources.files(__package__) if path is None else path.parent
    try:
        file = PolicyFile.model_validate(read_yaml(where, f"the policy {where}"))
        terms = {
            name: (*category.terms, *(term for each in category.lists for term in _read_list(folder / each)))
            for name, category in file.denied.items()
        }
    except ValidationError as error:
        raise UsageError(f"the policy {where}: {explain(error, PolicyFile)}") from error
    return Policy(file, terms)


def _first_categories(terms: Mapping[str, tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """Return the words of each term -> its category, the first of several: what stands once in a text counts once."""
    found: dict[tuple[str, ...], str] = {}
    for name, each in terms.items():
        for term in each:
            split = _split(term)
            if not split:
                raise UsageError(f"the term '{term}' of the category '{name}' holds no word; make it a pattern")
            found.setdefault(split, name)
    return found


def _read_list(file: Path | Traversable) -> Iterator[str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the list of denied terms {file} can't be read: {unread(error)}") from error
    for line in lines:
        if line.strip() and not line.startswith("#"):
            yield line.strip()


def _split(text: str, said: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the words of a text; terms are words, but that a quote or an underscore may hold some together."""
    said = stemming.terms(text) if said is None else said
    return tuple(chain(*map(_WORD.findall, said)) if "'" in text or "_" in text else said)


def _forms(term: str) -> tuple[str, str]:
    """Return the word of a term without its possessive or contraction, and the term itself, both without quotes."""
    bare = term.strip("'")
    return bare.partition("'")[0], bare


def _stands(term: tuple[str, ...], words: tuple[str, ...], index: int) -> bool:
    """Return whether the term begins at `index`; its last word may be a plural or a possessive."""
    found = words[index : index + len(term)] if index >= 0 else ()
    if len(found) < len(term) or found[:-1] != term[:-1]:
        return False
    return found[-1] in (term[-1], f"{term[-1]}s", f"{term[-1]}'s")
