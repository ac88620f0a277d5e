"""A rate limit that a client keeps to: so many requests or tokens a minute, from all of its threads together.

Libraries such as `limits` count per window: a whole minute's budget may be spent in its first second, which endpoints
refuse with 429, and they keep an entry per token. Here the budget flows evenly: each cost delays the next start.
"""

from __future__ import annotations

import threading
import time


class RateLimiter:
    """Spaces starts so that their costs never add up to more than `per_minute` units in a minute."""

    def __init__(self, per_minute: float) -> None:
        self._seconds_per_unit = 60 / per_minute
        self._next_start = 0.0
        self._lock = threading.Lock()

    def wait(self, cost: float = 1.0) -> None:
        """Block until this thread may start; the next start is delayed by the time that `cost` units take."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next_start)
            self._next_start = start + cost * self._seconds_per_unit
        time.sleep(start - now)

    def correct(self, more: float) -> None:
        """Add `more` units to a cost that was underestimated in `wait`; a negative number gives units back."""
        with self._lock:
            self._next_start += more * self._seconds_per_unit
