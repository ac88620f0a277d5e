"""Ctrl-C while a student trains: what was learned since the last checkpoint is kept before the run ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from promptlet.progress import warn


@contextmanager
def interrupts_put_off(wanted: bool = True) -> Iterator[Callable[[], bool]]:
    """Yield what says whether Ctrl-C was pressed in the block, which has to end then; a second one ends it at once.

    A block that ends by itself all the same is followed by the `KeyboardInterrupt`.

    Args:
        wanted: whether it is put off at all. Of several processes one would wait for the others in vain.
    """
    pressed = threading.Event()

    def note(_number: int, _frame: FrameType | None) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()
        warn("interrupted; this step is finished and kept first, Ctrl-C again ends at once")

    if not wanted or threading.current_thread() is not threading.main_thread():
        yield pressed.is_set  # signals are the main thread's
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed.is_set():
        raise KeyboardInterrupt
