"""Progress of long work on standard error: a bar with rate and time left, or a line now and then without a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

_SECONDS_BETWEEN_LINES = 15.0


class Meter:
    """Counts the finished units of one piece of work; a total of None is unknown."""

    def __init__(self, name: str, unit: str, total: int | None, done: int) -> None:
        self.name, self.unit, self.total, self.done = name, unit, total, done
        self.note = ""
        self._start, self._at_start = time.monotonic(), done

    @property
    def rate(self) -> float:
        """Units per second since this process began."""
        return (self.done - self._at_start) / max(time.monotonic() - self._start, 1e-9)

    def advance(self, units: int = 1, note: str = "") -> None:
        """Count finished units; `note` is shown beside them."""
        self.done += units
        self.note = note or self.note
        self._show()

    def _show(self) -> None:
        """Show the new state."""


class _BarMeter(Meter):
    def __init__(self, name: str, unit: str, total: int | None, done: int, bars: Progress) -> None:
        super().__init__(name, unit, total, done)
        self._bars, self._task = bars, bars.add_task(name, total=total, completed=done, meter=self)

    def _show(self) -> None:
        self._bars.update(self._task, completed=self.done)


class _LineMeter(Meter):
    def __init__(self, name: str, unit: str, total: int | None, done: int, console: Console) -> None:
        super().__init__(name, unit, total, done)
        self._console, self._shown = console, time.monotonic()

    def _show(self) -> None:
        now = time.monotonic()
        if now - self._shown < _SECONDS_BETWEEN_LINES and self.done != self.total:
            return
        self._shown = now
        if self.total is None:
            line = f"{self.name} {self.done} {_rate(self)} {self.note}"
        else:
            minutes, seconds = divmod(int((self.total - self.done) / self.rate if self.rate else 0), 60)
            line = f"{self.name} {self.done}/{self.total} {_rate(self)} {minutes}:{seconds:02d} left {self.note}"
        self._console.print(line.rstrip(), highlight=False, soft_wrap=True, markup=False)


def warn(line: str) -> None:
    """Say on standard error what does not end the work and should be known."""
    Console(stderr=True).print(f"warning: {line}", highlight=False, soft_wrap=True, markup=False)


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        meter: Meter = task.fields["meter"]
        return Text(f"{_rate(meter)} {meter.note}")


@contextmanager
def metering(name: str, unit: str, total: int | None, done: int = 0) -> Iterator[Meter]:
    """Yield a meter for `total` units (None: unknown), of which `done` were finished by an earlier run."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _LineMeter(name, unit, total, done, console)
        return
    columns = (
        TextColumn("{task.description:<10}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        _RateColumn(),
    )
    with Progress(*columns, console=console) as bars:
        yield _BarMeter(name, unit, total, done, bars)


def _rate(meter: Meter) -> str:
    return f"{meter.rate:.1f} {meter.unit}/s" if meter.rate < 100 else f"{meter.rate:.0f} {meter.unit}/s"
