"""Keeping to a rate: so many requests or tokens a minute, whatever number of threads ask.

Libraries such as `limits` count per window, so a minute's budget may go in its first second, which endpoints answer
with 429, and they keep an entry per token. Here the budget flows evenly: each cost moves the next start on.
"""

from __future__ import annotations

import threading
import time


class Pace:
    """Starts that are spaced so that their costs never add up to more than `per_minute` in a minute."""

    def __init__(self, per_minute: float) -> None:
        self._seconds_per_unit = 60 / per_minute
        self._free = 0.0
        self._lock = threading.Lock()

    def wait(self, cost: float = 1.0) -> None:
        """Return when this thread may go on; the others wait for the time that `cost` units take."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._free)
            self._free = start + cost * self._seconds_per_unit
        time.sleep(start - now)

    def correct(self, more: float) -> None:
        """Take account of a cost that was `more` units than was said before it was known (or less, if negative)."""
        with self._lock:
            self._free += more * self._seconds_per_unit
