"""Bounds that an evaluation must keep, for those who run it in CI: ``within2=0.93``.

A wish for which there is no prompt keeps no length: a system that fails half of its wishes must not pass by the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from promptlet.errors import RunError, UsageError
from promptlet.evaluation.run import Evaluation, SystemResult
from promptlet.registry import unknown

_MEASURES: Mapping[str, Callable[[SystemResult], float]] = {
    "answered": lambda system: system.answered,
    "exact": lambda system: system.adherence("exact"),
    "within2": lambda system: system.adherence("within_2"),
    "distinct2": lambda system: system.diversity.distinct[1],
}


def parse_bounds(texts: Sequence[str]) -> dict[str, float]:
    """Return the least values that ``NAME=NUMBER`` texts ask for.

    Raises:
        UsageError: for another form, or a name that is not measured.
    """
    bounds = {}
    for text in texts:
        name, _, number = text.partition("=")
        if name not in _MEASURES:
            raise UsageError(unknown("measure", name, _MEASURES))
        try:
            bounds[name] = float(number)
        except ValueError as error:
            raise UsageError(f"the bound '{text}' is not NAME=NUMBER, as in within2=0.93") from error
        if not 0 <= bounds[name] <= 1:
            raise UsageError(f"the bound '{text}' is not from 0 to 1")
    return bounds


def check_bounds(evaluation: Evaluation, bounds: Mapping[str, float]) -> None:
    """Refuse an evaluation in which a system falls under a bound.

    Raises:
        RunError: naming each system and measure.
    """
    under = [
        f"{name} of {system.name} is {_MEASURES[name](system):.3f}, under {least:g}"
        for system in evaluation.systems
        for name, least in bounds.items()
        if not _MEASURES[name](system) >= least
    ]
    if under:
        raise RunError("; ".join(under))
