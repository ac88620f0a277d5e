"""What was measured as JSON values and as a Markdown table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from promptlet.speed.measuring import BATCHES, EXACT, FIRST, START, SUGGEST, Measured, batch

_SLOW = 0.95
_HEAD = (
    "who",
    *(f"tok/s at {heads}" for heads in BATCHES),
    "exact tok/s",
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
    lines = [_row(_HEAD), _row("---" for _ in _HEAD)]
    for each in found:
        if each.skipped is not None:
            lines.append(_row([each.name, f"skipped: {each.skipped}", *("" for _ in _HEAD[2:])]))
            continue
        ceiling, alone = bandwidth / each.weights, each.rate(batch(1))
        lines.append(
            _row(
                [
                    each.name,
                    *(_pair(each.rate(batch(heads)), each.rate(batch(heads), _SLOW), 0) for heads in BATCHES),
                    _pair(each.rate(EXACT), each.rate(EXACT, _SLOW), 0),
                    f"{ceiling:.0f}, {(alone or 0) / ceiling:.0%}",
                    _pair(each.seconds(FIRST), each.seconds(FIRST, _SLOW), 1, scale=1000),
                    _pair(each.seconds(SUGGEST), each.seconds(SUGGEST, _SLOW), 2),
                    _pair(each.seconds(START), each.seconds(START, _SLOW), 2),
                    f"{each.resident / 1e6:.0f}" if each.resident else "",
                ]
            )
        )
    return "\n".join(lines)


def values(found: Sequence[Measured], bandwidth: float, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything that was measured, every repeat of it, as JSON values."""
    return {"facts": dict(facts), "bytes read per second": bandwidth, "contenders": [asdict(each) for each in found]}


def _pair(middle: float | None, slow: float | None, digits: int, scale: float = 1.0) -> str:
    return "" if middle is None or slow is None else f"{middle * scale:.{digits}f} ({slow * scale:.{digits}f})"


def _row(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"
