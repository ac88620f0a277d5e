"""Histograms, lines, bubbles, bars and shares as SVG (library matplotlib).

Colours are CSS variables, so that one picture suits light and dark pages.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

from promptlet.reports.document import Picture

_INK, _BAR, _LINE, _TEXT, _GROUND = "#010203", "#040506", "#070809", "#0a0b0c", "#0d0e0f"
_SECOND, _THIRD, _FOURTH = "#101112", "#131415", "#161718"
"""Stand-ins that no picture uses otherwise; each becomes a variable."""
_VARIABLES = {
    _INK: "var(--muted)",
    _BAR: "var(--bar)",
    _LINE: "var(--line)",
    _TEXT: "var(--ink)",
    _GROUND: "var(--card)",
    _SECOND: "var(--second)",
    _THIRD: "var(--third)",
    _FOURTH: "var(--fourth)",
}
_COLOURS = (_BAR, _SECOND, _THIRD, _FOURTH)
_NARROWEST = 0.06
"""Share of a bar that has room for its number."""
_FEW = 6
"""Values that have room for a mark each on an axis."""
_SIZE = (5.2, 2.7)
"""Inches; small, so that letters stay readable where a picture fills a phone's width."""
_ALONE = """<style>
svg { --muted: #57606a; --bar: #3b6fd4; --line: #d8dee4; --ink: #1c2128; --card: #ffffff; background: #ffffff;
--second: #c2571a; --third: #1f8a5b; --fourth: #8250b4; }
@media (prefers-color-scheme: dark) {
svg { --muted: #9aa4b2; --bar: #7ba4f4; --line: #30363d; --ink: #e6e9ee; --card: #14171c; background: #14171c;
--second: #f0a06a; --third: #66c79b; --fourth: #c09af0; } }
</style>"""
_MARKERS, _STYLES = ("o", "s", "^", "D"), ("-", "--", ":")
_FONT = "system-ui, sans-serif"


def histogram(
    name: str,
    caption: str,
    bars: Sequence[tuple[float, int]],
    what: str,
    width: float = 1.0,
    span: tuple[float, float] | None = None,
) -> Picture:
    """Return a picture of counts.

    Args:
        name: of the file, without its ending.
        caption: what is shown.
        bars: (middle of the bar, count).
        what: the unit of the horizontal axis.
        width: of a bar, in that unit.
        span: ends of the horizontal axis; None is where the bars end.
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    def plot(axes: Any) -> None:
        axes.bar([x for x, _ in bars], [count for _, count in bars], width=0.86 * width, color=_BAR)
        if span:
            axes.set_xlim(*span)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True) if width >= 1 else MaxNLocator(nbins=5))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))

    return _draw(name, caption, plot, what)


Line = Sequence[tuple[float, float]]
"""Points (x, y)."""


def lines(
    name: str, caption: str, lines: Mapping[str, Line], what: str, beside: Mapping[str, Line] = MappingProxyType({})
) -> Picture:
    """Return a picture of one line of points for each name; `what` is the unit of the horizontal axis.

    Lines `beside` them are what others report: grey, with a marker that no other line has.
    """

    def plot(axes: Any) -> None:
        for place, (label, points) in enumerate(lines.items()):
            marker, style = _MARKERS[place % len(_MARKERS)], _STYLES[place // len(_MARKERS) % len(_STYLES)]
            colour = _COLOURS[place % len(_COLOURS)]
            axes.plot(
                *zip(*points, strict=True), label=label, color=colour, marker=marker, linestyle=style, markersize=5
            )
        for label, points in beside.items():
            axes.plot(*zip(*points, strict=True), label=label, color=_INK, marker="x", linestyle="-.", markersize=6)
        # Room above the highest point for the names.
        axes.set_ylim(0, axes.get_ylim()[1] * (1 + 0.1 * (len(lines) + len(beside))))
        axes.legend(frameon=False, labelcolor=_INK, fontsize=8)

    return _draw(name, caption, plot, what)


def bubbles(
    name: str, caption: str, points: Sequence[tuple[float, float]], axes_named: tuple[str, str], band: float = 0.0
) -> Picture:
    """Return a picture of points (x, y), the larger the more of them there are, with the line on which y is x.

    Args:
        name: of the file, without its ending.
        caption: what is shown.
        points: (x, y); at least one.
        axes_named: what the horizontal and the vertical axis show.
        band: how far from the line a point still counts as near; that is shaded.
    """

    def plot(axes: Any) -> None:
        counts = Counter(points)
        most = max(counts.values())
        sizes = [14 + 110 * count / most for count in counts.values()]
        every = [value for point in counts for value in point]
        ends = min(every) - 3, max(every) + 3
        axes.plot(ends, ends, color=_LINE, linewidth=1.5)
        low, high = ([end + shift for end in ends] for shift in (-band, band))
        axes.fill_between(ends, low, high, color=_LINE, alpha=0.6, linewidth=0)
        axes.scatter(*zip(*counts, strict=True), s=sizes, color=_BAR, alpha=0.55, linewidths=0)
        axes.set_xlim(*ends)
        axes.set_ylim(*ends)
        if len(marks := sorted({x for x, _ in counts})) <= _FEW:
            axes.set_xticks(marks)
        axes.set_ylabel(axes_named[1], color=_INK)

    return _draw(name, caption, plot, axes_named[0])


def bars(name: str, caption: str, rows: Mapping[str, Sequence[float | None]], labels: Sequence[str]) -> Picture:
    """Return a picture of a group of bars from 0 to 1 per row, one for each label; None leaves its place empty."""
    from matplotlib.ticker import PercentFormatter

    def plot(axes: Any) -> None:
        height = 0.8 / len(labels)
        for place, label in enumerate(labels):
            # The first row and the first label stand on top.
            middles = [len(rows) - 1 - row + 0.4 - (place + 0.5) * height for row in range(len(rows))]
            widths = [each[place] or 0.0 for each in rows.values()]
            alpha = 1.0 if place < len(_COLOURS) else 0.5
            axes.barh(middles, widths, 0.9 * height, color=_COLOURS[place % len(_COLOURS)], alpha=alpha, label=label)
        axes.set_yticks(range(len(rows)), list(rows)[::-1])
        axes.set_ylim(-0.5, len(rows) - 0.5)
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.legend(
            frameon=False,
            labelcolor=_INK,
            fontsize=8,
            ncols=min(2, len(labels)),
            loc="lower center",
            bbox_to_anchor=(0.4, 1),
        )

    return _draw(name, caption, plot, "", grid="x", height=1 + 0.11 * len(rows) * (1 + len(labels)))


def shares(name: str, caption: str, rows: Mapping[str, Sequence[float]], answers: Sequence[str]) -> Picture:
    """Return a picture of a bar per row that is split by the shares of the answers, the stronger the deeper."""
    from matplotlib.ticker import PercentFormatter

    def plot(axes: Any) -> None:
        labels = list(rows)[::-1]
        start = [0.0] * len(labels)
        for place, answer in enumerate(answers):
            widths = [rows[label][place] for label in labels]
            depth = (place + 1) / len(answers)
            bars = axes.barh(labels, widths, 0.6, start, label=answer, color=_BAR, alpha=depth**1.5, linewidth=0)
            shown = [f"{width:.0%}" if width >= _NARROWEST else "" for width in widths]
            axes.bar_label(bars, shown, label_type="center", color=_GROUND if depth == 1 else _TEXT)
            start = [x + width for x, width in zip(start, widths, strict=True)]
        axes.set_xlim(0, 1)
        axes.set_ylim(-0.6, max(len(labels), 2) - 0.4)
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.legend(
            frameon=False, labelcolor=_INK, fontsize=8, ncols=len(answers), loc="lower center", bbox_to_anchor=(0.5, 1)
        )

    return _draw(name, caption, plot, "share of answers", grid="")


def _draw(
    name: str,
    caption: str,
    plot: Callable[[Any], None],
    what: str,
    grid: Literal["x", "y", ""] = "y",
    height: float = _SIZE[1],
) -> Picture:
    """Return the picture of what `plot` puts on its axes; `grid` is the axis that has lines, `height` in inches."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 10, "axes.linewidth": 0.8}):
        figure = Figure(figsize=(_SIZE[0], height), layout="constrained")
        axes = figure.add_subplot()
        plot(axes)
        axes.set_xlabel(what, color=_INK)
        if grid:
            axes.grid(axis=grid, color=_LINE, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(length=0, labelcolor=_INK)
        for side, spine in axes.spines.items():
            spine.set_visible(side == "bottom")
            spine.set_color(_LINE)
        file = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    return Picture(name, _tidy(file.getvalue()), caption)


def standing_alone(picture: Picture) -> str:
    """Return the picture as a file of its own, with the colours that its page would have given it."""
    start = picture.svg.index(">") + 1
    head = f'<?xml version="1.0" encoding="utf-8"?>\n{picture.svg[:start]}'
    return f"{head}{_ALONE}{picture.svg[start:]}"


def _tidy(svg: str) -> str:
    """Return the bare element with variables for colours, and names only where another place refers to them."""
    svg = svg[svg.index("<svg") :].strip()
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    used = set(re.findall(r"#([\w-]+)[\")]", svg))
    svg = re.sub(r' id="([^"]*)"', lambda match: match[0] if match[1] in used else "", svg)
    svg = re.sub(r"font: (\d+)px [^;\"]*", rf"font: \1px {_FONT}", svg)
    return re.sub(r"\n\s*", "\n", svg)
