"""What a wish says besides what it wishes for, and how the rest is put plainly.

"Please make me a picture of" and "Return only the prompt." are said to a person or a chat model, "masterpiece, 8k" to
an image maker; none of them names a thing that can be seen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from promptlet.intents.headings import is_heading, is_loud

NOT = ("no", "not", "without", "never")
"""Behind these stands what shall not be said; "or" goes on with it."""
LINKS = frozenset(
    (
        "a an the this that these those some his her its their my our your and or nor of in on at to from with without "
        "by as into onto over under above below behind before beside between near through across along around against "
        "about while during where when who which is are was were be being has have there it very for"
    ).split()
)
"""Words that say how one thing belongs to another."""
FILLERS = LINKS.union(
    (
        "he she they them except vs versus should would could maybe perhaps also like "
        "i me you we us please just only do does did named called titled"
    ).split()
)
"""Words that end one thing and begin another."""
STYLED = "styled-like"
"""What stands for "in the style of"."""
_REQUEST = re.compile(
    r"\s*(?:(?:please|kindly|hi|hello|hey|ok|okay)\b[\s,!.]*)*"
    r"(?:(?:/?imagine\b|(?:what|how) about\b)\s*)?(?:prompt:\s*)?"
    r"(?:(?:(?:can|could|would|will) you|(?:i|we)(?:['\u2019]d| would) (?:like|love)|(?:i|we) (?:want|need)|"
    r"(?:i am |i['\u2019]m )?looking for|help me)\b"
    r"(?: please)?(?: to)?(?: (?:have|see|get))?\s+)?"
    r"(?:(?:please )?(?:make|draw|paint|create|generate|show|design|write|give|produce|render)"
    r"(?: (?:me|us)\b|(?= (?:an?|the|some|one|two|three|\d+|prompts?)\b))\s*)?"
    r"(?:(?:an?|the|some)?\s*(?:\b(?:short|brief|long|simple|detailed|creative|good|nice|single|image|art|ai|midjourney|"
    r"stable diffusion|text-to-image|design|template)\s+)*\bprompts? "
    r"(?:for|about|of|describing|showing|that (?:describes|shows)|to (?:generate|create|make|draw))\s+)?"
    r"(?:(?:an?|the|some|this)?\s*\b(?:image|picture|pic)s? "
    r"(?:of|with|showing|about|for|where|(?:that )?shows|depicts)\s+)?",
    re.IGNORECASE,
)
"""How a wish is begun by who talks to a person; it says nothing of what is wished for."""
_REPLACED = (
    (re.compile(r"\bin front of\b", re.IGNORECASE), "before"),
    (re.compile(r"\bon top of\b", re.IGNORECASE), "on"),
    (re.compile(r"\bnext to\b", re.IGNORECASE), "beside"),
    # "isn't" stands for "is not", and with neither apostrophe nor its verb it says as much.
    (re.compile(r"\b(?:is|are|do|does|did|has|have|had|wo|was|were|should|would|could)n['\u2019]?t\b", re.I), "not"),
    (re.compile(r"\bcan(?:['\u2019]t|not)\b|\bain['\u2019]t\b", re.IGNORECASE), "not"),
    (re.compile(r"\b(he|she|it|that|there|what|where|who)['\u2019]s\b", re.IGNORECASE), r"\1 is"),
    (re.compile(r"\b(they|we|who|you)['\u2019]re\b", re.IGNORECASE), r"\1 are"),
    (re.compile(r"\bb[/&]w\b", re.IGNORECASE), "black and white"),
    (re.compile(r"(?<![\w/])w/o\b", re.IGNORECASE), "without"),
    (re.compile(r"(?<![\w/])w/ ?(?=\w)", re.IGNORECASE), "with "),
    (re.compile(r"\b(?:no one|no-one|nobody)(?: else)?\b", re.IGNORECASE), "no people"),
    (re.compile(r"\bnothing but\b", re.IGNORECASE), "only"),
    (re.compile(r"\b(?:apart|aside) from\b|\bother than\b", re.IGNORECASE), "except"),
    (re.compile(r"\b(?:free(?! of charge)|devoid) of\b|\bneither\b", re.IGNORECASE), "without"),
    (re.compile(r"\b(?:exclud(?:e|ing)|omit(?:ting)?|instead of|rather than)\b", re.IGNORECASE), "without"),
    (re.compile(r"\bminus\b(?! \d)", re.IGNORECASE), "without"),
    # "a man avoiding a puddle" does want one.
    (re.compile(r"(?:(?<=^)|(?<=[,.;:] )|(?<=\band ))(?:please )?(?:avoid(?:ing)?|leave out)\b", re.I), "without"),
    (re.compile(r"(?:(?<=^)|(?<=[,.;:] ))(?:i['\u2019]?m |i am )?not (?:really |quite )?sure\b", re.IGNORECASE), ""),
    (re.compile(r"\bbut (?=(?:no|not|without|never)\b)", re.IGNORECASE), ""),
    (re.compile(r"\bin (?:the |a )?(?:style|manner) of\b|(?<=, )style of\b", re.IGNORECASE), STYLED),
    # The tags of drawings count who is in them.
    (re.compile(r"\b1(girl|boy)\b", re.IGNORECASE), r"\1"),
    (re.compile(r"\b(\d)\+?(girls|boys)\b", re.IGNORECASE), r"\1 \2"),
    # What is said of the picture as of a thing that is being made.
    (re.compile(r"(?:(?<=^)|(?<=[,.;:!?] ))(?:please )?(?:make|keep) (?:it|this)\b(?: (?:look|feel)\b)?", re.I), ""),
    (re.compile(r"(?<=[.;!?] )(?:please |also )*(?:add|include|use)\b(?= \w)", re.IGNORECASE), ""),
    (re.compile(r"\b(?:should|must|needs? to|has to) (?:be|have|look|feel|show)\b", re.IGNORECASE), ","),
    # Trademarks are denied, and this is all that is meant by them.
    (
        re.compile(
            r"\b(?:facebook|instagram|linkedin|pinterest|tiktok|twitter|youtube)"
            r"(?= (?:posts?|ads?|banners?|covers?|headers?|reels?|stor(?:y|ies)|thumbnails?)\b)",
            re.IGNORECASE,
        ),
        "social media",
    ),
    (re.compile(r"\bnot (?:only|just|merely|simply)\b", re.IGNORECASE), ""),
    (re.compile(r"\bbut also\b", re.IGNORECASE), "and"),
)
"""What several words, or a contraction, say in one that is known below."""
_SAYING = (
    r"\b(?:says?|saying|reads|reading|named|called|titled|title|headline|slogan|text|words|quote|caption|message|phrase|"
    r"lettering|inscription|labell?ed|written)\b:?"
)
_SINGLY = re.compile(rf"({_SAYING}\s*)['\u2018]([^'\u2018\u2019]{{1,60}})['\u2019](?!\w)", re.IGNORECASE)
"""A quotation in single quotes; elsewhere these are apostrophes, or say nothing."""
_QUOTED = re.compile(
    rf"({_SAYING}\s*|:\s*)?[\"\u201c\u201d]([^\"\u201c\u201d]{{1,60}})[\"\u201c\u201d]",
    re.IGNORECASE,
)
"""A quotation, and what says that it shall be written as it is; other quotes say nothing."""
_NEGATION = re.compile(r"\b(?:no|not|without|never|\w+n['\u2019]t)\b", re.IGNORECASE)
"""What would be a ban, were it not quoted."""
_NUMBER = r"(?:\d+|ten|fifteen|twenty|thirty|forty|fifty)(?:\s?(?:-|to|or)\s?\d+)?"
_WITHIN = (
    r"(?:in|about|around|approximately|roughly|exactly|under|below|within|at (?:most|least)|max(?:imum)?(?: of)?|up to|"
    r"no (?:more|longer) than|(?:less|fewer) than)"
)
_WORDS = rf"{_NUMBER}[ -]words?\b(?: (?:or (?:less|fewer)|max(?:imum)?|long|at most|in length|total))*"
_BEGINS, _ENDS = r"(?:^|[,.;:!(]\s*|\s-\s)(?:and |please )*", r"(?=\s*(?:$|[,.;:!)]))"
_RESULT = r"(?:the |your )?(?:final |finished )?(?:prompt|text|answer|result)\b[^,.;!\"]*"
_TOLD = re.compile(
    rf"(?:{_BEGINS}|\s)(?:and |please )*(?:keep|make) (?:it|this|the (?:prompt|text)) "
    rf"(?:short|brief|concise|(?:to |at )?(?:{_WITHIN} )*{_WORDS}){_ENDS}"
    rf"|(?:\s(?:{_WITHIN} )+|{_BEGINS}(?:(?:{_WITHIN}|with|of|length|use) )*){_WORDS}{_ENDS}"
    rf"|{_BEGINS}(?:only )?(?:return|output|reply|respond|answer|provide|give|send|print|write)(?: (?:me|with|back))*"
    rf" (?:only|just|nothing but) {_RESULT}"
    rf"|{_BEGINS}only (?:return|output|reply with|respond with|answer with|provide|give|send|print|write) {_RESULT}"
    rf"|{_BEGINS}(?:no|without|(?:do not|don['\u2019]t) (?:add|include|give|use))(?: (?:any|extra|other|further))*"
    r" (?:explanations?|preamble|commentary|comments|quotation marks|quotes|introduction|markdown)\b",
    re.IGNORECASE,
)
"""How long a prompt shall be and that nothing else shall be said, as chat models are told."""
_SITE = (
    r"(?:art ?station|deviant ?art|behance|pixiv|dribbble|instagram|pinterest|twitter|reddit|cg ?society|flickr|500px)"
)
_SHOWN = re.compile(
    rf"(?:,\s*)?\b(?:trending|featured|popular) (?:on|at) {_SITE}(?:(?: and|,) {_SITE})*(?: hq)?\b", re.I
)
"""Where pictures are praised, which names a trademark and nothing to be seen."""
_BOOSTER = (
    r"(?:masterpiece|(?:the )?best quality|(?:very |ultra )?high[ -]?(?:quality|res(?:olution)?)|absurdres|"
    r"(?:ultra[ -]?)?(?:4k|8k|16k|u?hd)(?: (?:u?hd|resolution|quality))*|"
    rf"(?:highly|very|ultra|extremely|insanely|hyper|super|incredibly|intricately)[ -]?detailed|"
    rf"score_\d+(?:_up)?|{_SITE}(?: hq)?)"
)
_BOOSTERS = re.compile(rf"[\s(\[{{]*{_BOOSTER}(?:\s+{_BOOSTER})*[\s.)\]}}]*", re.IGNORECASE)
"""What image makers are told for better pictures, and is nothing in them."""
_REPEATED = re.compile(r"(?<!\w)(\w+(?: \w+){0,3}?)(?: \1(?!\w)){2,}", re.IGNORECASE)
"""What is said three times or more is said."""
_QUOTATION = re.compile(r"\"[^\"]*\"")
_BEFORE_SENTENCES = frozenset(".!?;:(-\u2013\u2014")
_OUTSIDE_QUOTES = re.compile(r"[^\"]+|\"[^\"]*\"?")


def plainly(text: str) -> str:
    """Return what a text wishes for, with one word for what several say; the text if nothing else is in it."""
    plain = _QUOTED.sub(_quoted, _SINGLY.sub(r'\1"\2"', text))
    parts = _OUTSIDE_QUOTES.findall(plain)
    untold = "".join(part if part.startswith('"') else _untold(part) for part in parts)
    if untold != plain:
        plain = untold.strip(" ,.;:!") or plain
    plain = without_request(plain)
    segments = plain.split(",")
    told = [segment for segment in segments if not _BOOSTERS.fullmatch(segment)]
    plain = ",".join(told).strip() if told and len(told) < len(segments) else plain
    return in_fewer_words(plain)


def without_request(text: str) -> str:
    """Return a text without "please make me a picture of" and the like before it, if anything is left then."""
    begun = _REQUEST.match(text)
    return (text[begun.end() :] if begun else text).strip() or text


def in_fewer_words(text: str) -> str:
    """Return a text with one word for what several say: "without" for "free of"; what is quoted stays."""
    # A quotation is set aside, and not cut out: what is before it and behind it may be said together.
    quoted = _QUOTATION.findall(text)
    text = _QUOTATION.sub('""', text)
    for pattern, word in _REPLACED:
        text = pattern.sub(word, text)
    return _QUOTATION.sub(lambda _: quoted.pop(0), text)


def _quoted(found: re.Match[str]) -> str:
    """Return a quotation in straight quotes if it shall be written as it is, and without quotes if not."""
    whole = found[0] == found.string.strip()
    return f'{found[1] or ""}"{found[2]}"' if found[1] or (_NEGATION.search(found[2]) and not whole) else found[2]


def _untold(text: str) -> str:
    return _REPEATED.sub(r"\1", _TOLD.sub(". ", _SHOWN.sub("", text)))


def negates(pieces: Sequence[str], place: int, text: str) -> bool:
    """Return whether a word says that what is behind it shall not be.

    "No Parking" may be written on a sign, unless all words of the text have capitals; "No people" begins a sentence.

    Args:
        pieces: the words and marks of a text.
        place: the word's among them.
        text: the text.
    """
    piece = pieces[place]
    if piece in NOT or piece.casefold() not in NOT:
        return piece in NOT
    begins = place == 0 or pieces[place - 1] in _BEFORE_SENTENCES
    small = place + 1 < len(pieces) and pieces[place + 1][0].islower()
    return is_loud(text) or (begins and small) or (place > 0 and is_heading(text))
