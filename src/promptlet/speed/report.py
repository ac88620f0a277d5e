"""What was measured as JSON values and as a Markdown table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from promptlet.speed.measuring import BATCHES, EXACT, FIRST, START, SUGGEST, Measured, batch

_SLOW = 0.95
HEAD = (
    "who",
    *(f"tok/s at {heads}" for heads in BATCHES),
    "exact tok/s, cost",
    "ceiling, share",
    "first token, ms",
    f"{SUGGEST}, s",
    "start-up, s",
    "memory, MB",
)


def table(found: Sequence[Measured], bandwidth: float) -> str:
    """Return a Markdown table: medians, and behind them what 95% of the repeats kept to.

    Args:
        found: the contenders.
        bandwidth: bytes that the machine reads per second.
    """
    lines = [_line(HEAD), _line("---" for _ in HEAD)]
    return "\n".join([*lines, *(_line(row(each, bandwidth)) for each in found)])


def row(each: Measured, bandwidth: float) -> list[str]:
    """Return the cells of one contender's row, as many as `HEAD` has."""
    if each.skipped is not None:
        return [each.name, f"skipped: {each.skipped}", *("" for _ in HEAD[2:])]
    alone = each.rate(batch(1))
    # A server's weights may be on no disk here.
    ceiling = bandwidth / each.weights if each.weights else None
    return [
        each.name,
        *(_pair(each.rate(batch(heads)), each.rate(batch(heads), _SLOW), 0) for heads in BATCHES),
        "" if each.exact_cost is None else f"{each.rate(EXACT):.0f}, {each.exact_cost:.1%}",
        f"{ceiling:.0f}, {(alone or 0) / ceiling:.0%}" if ceiling else "",
        _pair(each.seconds(FIRST), each.seconds(FIRST, _SLOW), 1, scale=1000),
        _pair(each.seconds(SUGGEST), each.seconds(SUGGEST, _SLOW), 2),
        _pair(each.seconds(START), each.seconds(START, _SLOW), 2),
        f"{each.resident / 1e6:.0f}" if each.resident else "",
    ]


def values(found: Sequence[Measured], bandwidth: float, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything that was measured, every repeat of it, as JSON values."""
    return {"facts": dict(facts), "bytes read per second": bandwidth, "contenders": [asdict(each) for each in found]}


def _pair(middle: float | None, slow: float | None, digits: int, scale: float = 1.0) -> str:
    return "" if middle is None or slow is None else f"{middle * scale:.{digits}f} ({slow * scale:.{digits}f})"


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"
