"""The curves of trainings as one picture (library matplotlib), a panel per metric."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from promptlet.errors import RunError, UsageError
from promptlet.io.atomic import replacing
from promptlet.student.names import METRICS

_PANELS = {
    "loss": "loss per prompt token",
    "validation_loss": "held-out loss",
    "length_error": "length error, free running (words)",
    "learning_rate": "learning rate",
    "norm": "norm of the gradient",
}
_FORMATS = (".png", ".svg", ".pdf")

Curve = list[tuple[int, float]]


def plot_curves(run: Path, output: Path | None = None) -> Path:
    """Draw what the trainings in `run` logged; return the picture's path.

    Raises:
        UsageError: if there is no such folder, or for another kind of picture.
        RunError: if nothing was logged there, or a log is damaged.
    """
    target = output or run / "curves.png"
    if target.suffix not in _FORMATS:
        raise UsageError(f"the picture is '{target.name}'; {', '.join(_FORMATS)} are allowed")
    if not run.is_dir():
        raise UsageError(f"there is no run's folder at {run}")
    logs = sorted(run.rglob(METRICS))
    trainings = {str(log.parent.relative_to(run.parent if log.parent == run else run)): _read(log) for log in logs}
    _draw({name: curves for name, curves in trainings.items() if curves}, target, run)
    return target


def _read(log: Path) -> dict[str, Curve]:
    """Return the curves of one log; a last line that is still being written is left out."""
    curves: dict[str, Curve] = {}
    text = log.read_text(encoding="utf-8")
    for number, line in enumerate(text[: text.rfind("\n") + 1].splitlines(), start=1):
        try:
            row = json.loads(line)
            for name in _PANELS.keys() & row.keys():
                curves.setdefault(name, []).append((row["step"], float(row[name])))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RunError(f"{log}, line {number}, is no metric of a step: {line[:60]}") from error
    return curves


def _draw(trainings: Mapping[str, Mapping[str, Curve]], target: Path, run: Path) -> None:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    panels = [name for name in _PANELS if any(name in curves for curves in trainings.values())]
    if not panels:
        raise RunError(f"{run} holds no {METRICS} of a training")
    figure = Figure(figsize=(8, 2.4 * len(panels)), layout="constrained")
    for row, name in enumerate(panels, start=1):
        axes = figure.add_subplot(len(panels), 1, row)
        for training, curves in trainings.items():
            if name in curves:
                axes.plot(*zip(*curves[name], strict=True), label=training, linewidth=1)
        axes.set_title(_PANELS[name], loc="left", fontsize=10)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("step")
    if len(trainings) > 1:
        figure.axes[0].legend(fontsize=8)
    with replacing(target) as temporary:
        figure.savefig(temporary, format=target.suffix[1:], dpi=120)
