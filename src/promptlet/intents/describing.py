"""Words that name nothing themselves: they say how a thing is ("tiny"), or as what it is shown ("Van Gogh style")."""

from __future__ import annotations

import re
from collections.abc import Sequence

_DESCRIBING = frozenset(
    (
        "tiny small little big large huge massive enormous vast tall long deep wide narrow thick thin lone old "
        "ancient young new aged beautiful gorgeous stunning lovely pretty handsome cute ugly elegant amazing "
        "awesome incredible breathtaking magnificent impressive striking strong fierce brave bold wise clever quiet "
        "loud silent happy sad angry soft hard smooth rough fluffy furry shiny glossy bright dark dim pale vivid "
        "warm cold hot icy wet dry dusty muddy rusty misty foggy rainy sunny snowy cloudy stormy windy clean dirty "
        "messy tidy empty broken lush realistic intricate simple complex sharp blurry creative unique special nice "
        "perfect funny silly strange weird odd creepy scary mystical traditional rich poor expensive cheap monthly "
        "weekly annual yearly wooden golden delicate ornate graceful gentle delicious tasty slim muscular noble "
        "holy sacred majestic spectacular"
    ).split()
)
"""Only such as are hardly a noun: "a giant" and "a flat" may be what is wished for."""
_FORMED = re.compile(r"[a-z]{2,}(?:ful|ous|less|esque|like)|[a-z]{3,}[^be]ed")
"""Others by their endings: "peaceful", "mysterious", "abandoned"; a flowerbed and seaweed are things."""

_STYLES = frozenset("style styled aesthetic inspired".split())
"""Behind a name these say that it is a style: "Van Gogh style sunflowers"."""
MANNER = _STYLES.union(
    "look vibe vibes feel mood atmosphere tone lighting light shot font fonts typography lettering".split()
)
"""Words that are of one kind with the word before them: "anime style", "close-up shot", "warm lighting"."""
_NAME = re.compile(r"[A-Z]\w*.*|(?:\d\d)?\d0s")
"""A word of a name, or a decade."""
_MEDIA = frozenset("photo photograph photography painting drawing sketch illustration artwork render rendering".split())
_SHOWN = ("shot", "art", "still")
"""Only behind another word: "voxel art of a house", but "the art of cooking"."""


def describes(words: Sequence[str]) -> bool:
    """Return whether words name nothing, but say how a thing is; there must be one."""
    return bool(words) and all(
        word in _DESCRIBING or _FORMED.fullmatch(word) is not None for word in map(str.casefold, words)
    )


def is_medium(words: Sequence[str]) -> bool:
    """Return whether words before an "of" say as what a thing is shown: a "cinematic shot", but no "shot"."""
    return words[-1].casefold() in _MEDIA or (len(words) > 1 and words[-1].casefold() in _SHOWN)


def style_of_name(words: Sequence[str]) -> tuple[int, int] | None:
    """Return from where to where a style is named that the graph does not know: "Van Gogh style", "Pixar-style"."""
    for end in range(1, len(words) + 1):
        name, _, style = words[end - 1].rpartition("-")
        start = end - 1
        while start and _NAME.fullmatch(words[start - 1]):
            start -= 1
        if style in _STYLES and (name or start < end - 1):
            further = end < len(words) and words[end].casefold() in MANNER
            return start, end + further
    return None
