"""What free text has from image makers: ``(forest:1.4)``, ``<lora:foo:0.8>``, ``--ar 16:9``, ``--no people``."""

from __future__ import annotations

import re

from promptlet.intents.headings import is_loud

_UNWANTED = re.compile(r"(?<!\S)(?:--|\u2014)no (.+?)(?=\s*;|,?\s+(?:--|\u2014)\w|$)")
"""Midjourney's list of what shall not be there."""
_NEGATIVE = re.compile(
    r"[\s,;.(]*(?<!\w)negative(?: prompts?)?\s*:\s*(.+?)(?=\s*;|\s+--\w|\s*<|$)(?:\s*;\s*steps: \d.*)?", re.IGNORECASE
)
"""The same as Stable Diffusion's pages write it, before their settings."""
_LESS_THAN_NONE = re.compile(r"(?:^|[,;]|::\d*\.?\d*)\s*([^,;:]+)::-\d*\.?\d+")
_PART = re.compile(r"::(?:\d*\.?\d+)?,?")
"""Midjourney's end of a part, and how much it weighs: below nothing is what shall not be there."""
_SETTING = re.compile(
    r"(?<!\S)--(?:(?:style|sref|cref|profile) (?!--)[^\s,]+|[a-z]+(?: (?!--)[\d.:]+)?)(?![^\s,])"
    r"|<(?:\w+:)?[\w.-]+(?::[\w.:-]+)?>"
    r"|\(embedding:[\w./-]+:\d*\.?\d+\)|(?<![\w:(])embedding:[\w./-]+"  # ComfyUI's textual inversions
)
_WEIGHTED = re.compile(r"\(([^()\[\]<>:]{1,100}):\d*\.?\d+\)")
_LESS = re.compile(r"\[([^\[\]<>:|]+)(?::\d*\.?\d+)?\]")
_ESCAPED = re.compile(r"\\([()\[\]])")
_BREAK = re.compile(r"[\s,]*(?<!\w)BREAK(?!\w)[\s,]*")
_NEGATED = re.compile(r"\s*(?:no|not|without)\b", re.IGNORECASE)
_DETERMINED = re.compile(r"^(?:an?|any|the) ", re.IGNORECASE)


def split_markup(text: str) -> tuple[str, list[str], list[str]]:
    """Return free text without markup, what it says shall not be there, and the parts of it that stay as they are.

    The words of a weight are wished for as well; BREAK is a comma. The text is empty if it only says what shall not be.
    """
    unwanted: list[str] = []
    rest = text
    for pattern in (_UNWANTED, _NEGATIVE, _LESS_THAN_NONE):
        unwanted += [item for found in pattern.findall(rest) for item in _items(found)]
        rest = pattern.sub(" ", rest)
    rest = _PART.sub(",", rest)
    weighted = [found[0] for found in _WEIGHTED.finditer(rest) if not _NEGATED.match(found[1])]
    rest = _WEIGHTED.sub(r"\1", rest)
    settings = [found.strip() for found in _SETTING.findall(rest)]
    rest = _ESCAPED.sub(r"\1", _LESS.sub(r"\1", _SETTING.sub(" ", rest)))
    if not is_loud(rest):
        rest = _BREAK.sub(", ", rest)
    rest = re.sub(r"(?<!:)\s+(?=[,;])", "", " ".join(rest.split())).strip(" ,;")
    if not rest and not unwanted:
        return text, [], []
    return rest, unwanted, [*weighted, *settings]


def _items(listed: str) -> list[str]:
    """Return what a list of unwanted things names, without weights and without a "no" or an article before it."""
    items = re.split(r",|\band\b|\bor\b", _WEIGHTED.sub(r"\1", listed))
    bare = (_NEGATED.sub("", raw.strip(" ()[]{}.")).strip() for raw in items)
    return [item for each in bare if any(map(str.isalnum, item := _DETERMINED.sub("", each)))]
