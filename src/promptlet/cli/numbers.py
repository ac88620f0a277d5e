"""Numbers on the command line, refused in one line that names the value."""

from __future__ import annotations


def whole(name: str, text: str, lowest: int | None = None) -> int:
    """Return the number that `text` writes.

    Raises:
        UsageError: if it is no whole number, or lower than `lowest`.
    """
    from promptlet.errors import UsageError

    try:
        number = int(text)
    except ValueError as error:
        raise UsageError(f"{name} is '{text}'; a whole number is allowed") from error
    if lowest is not None and number < lowest:
        raise UsageError(f"{name} is {number}; {lowest} or more is allowed")
    return number


def number(name: str, text: str, above: float | None = None, lowest: float | None = None) -> float:
    """Return the number that `text` writes.

    Raises:
        UsageError: if it is no finite number, not above `above`, or lower than `lowest`.
    """
    import math

    from promptlet.errors import UsageError

    try:
        number = float(text)
    except ValueError as error:
        raise UsageError(f"{name} is '{text}'; a number is allowed") from error
    if not math.isfinite(number):
        raise UsageError(f"{name} is '{text}'; a finite number is allowed")
    if above is not None and number <= above:
        raise UsageError(f"{name} is {number:g}; more than {above:g} is allowed")
    if lowest is not None and number < lowest:
        raise UsageError(f"{name} is {number:g}; {lowest:g} or more is allowed")
    return number
