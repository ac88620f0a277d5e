"""What a judge says of each system, and whether it can be believed, as parts of the report of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from promptlet.evaluation.anchors import FIT
from promptlet.evaluation.bootstrap import Interval
from promptlet.evaluation.judge import JudgeRating
from promptlet.evaluation.relevance import FEWEST_PAIRS, Judgement
from promptlet.evaluation.suites import Wish
from promptlet.reports.document import Block, Cell, Gallery, Ranged, Section, Table, Text
from promptlet.reports.pictures import histogram
from promptlet.types import RELEVANCE

_BINS = 20
_PAPER = (
    "Table 2 of the paper: its student was rated 7.94 for text-to-image and 7.79 for text-to-template, by GPT-4o on "
    "the same four points. Ratings of another judge do not compare with these, only with its own."
)


def relevance(judgement: Judgement, ratings: Mapping[str, Mapping[Wish, JudgeRating]]) -> Section:
    """Return the section about one judge and its ratings of each system."""
    points = next((list(each.points) for each in judgement.systems if each.points), [])
    tasks = next((list(each.tasks) for each in judgement.systems if each.tasks), [])
    rows: list[list[Cell]] = [
        [
            each.system,
            each.prompts,
            each.missing,
            *(ends(each.points.get(name)) for name in points),
            *(ends(each.tasks.get(name)) for name in tasks),
            "-" if each.length_correlation is None else f"{each.length_correlation:+.2f}",
        ]
        for each in judgement.systems
    ]
    head = ("System", "Prompts", "Missing", *map(str.capitalize, (*points, *tasks)), "Correlation with length")
    pictures = [
        histogram(
            f"{_slug(judgement.judge)}-{number}", f"{system}: prompts by relevance", bars, "relevance", width, span
        )
        for number, (system, rated) in enumerate(ratings.items())
        for bars, width, span in [_bars([each.scores[RELEVANCE] for each in rated.values() if each.scores], judgement)]
    ]
    differences = [
        (each.one, each.other, each.pairs, ends(each.difference), each.significance)
        for each in judgement.comparisons
        if each.difference
    ]
    anchors = [(kind, "-" if value is None else f"{value:.2f}") for kind, value in judgement.anchors.items()]
    blocks: list[Block] = [
        trust(judgement),
        Table(head, rows, f"Ratings up to {judgement.highest:.0f}; a rating that could not be had is missing, not 0"),
        Gallery(pictures),
        Table(
            ("One", "Other", "Pairs", "One less other", "Certain"),
            differences,
            f"Relevance on the same wishes; fewer than {FEWEST_PAIRS} pairs are too few to say more",
        ),
        Table(("Damage", "AUC"), anchors, "How well good anchors are told from damaged ones; 0.5 is chance"),
        Text(f"Ratings of anchors that could not be had: {judgement.anchors_missing:,}."),
    ]
    if judgement.bill:
        blocks.append(Text(_PAPER))
        blocks.append(
            Table(
                ("What", "Count"),
                [(name.replace("_", " "), str(count)) for name, count in asdict(judgement.bill).items()],
            )
        )
    return Section(f"Relevance: {judgement.judge}", blocks)


def trust(judgement: Judgement) -> Text:
    """Return whether the judge is fit, and why, in a sentence."""
    told = ", ".join(f"{kind} {'-' if value is None else f'{value:.2f}'}" for kind, value in judgement.anchors.items())
    if not judgement.blind_to:
        said = f"{judgement.judge} is fit: it tells good anchors from every kind of damage (AUC: {told})."
        return Text(said, "good")
    return Text(
        f"{judgement.judge} is UNFIT as a judge: it can't tell good anchors from {' and '.join(judgement.blind_to)} "
        f"(AUC: {told}; {FIT} is asked for). Don't rely on its ratings.",
        "bad",
    )


def title(judgement: Judgement) -> str:
    """Return the name under which its numbers stand."""
    return f"{judgement.judge}{' (UNFIT)' if judgement.blind_to else ''}"


def mean_relevance(judgement: Judgement, system: str) -> str:
    """Return the mean rating of a system, or a dash."""
    found = next(each for each in judgement.systems if each.system == system)
    return f"{found.points[RELEVANCE].value:.2f}" if found.points else "-"


def ends(found: Interval | None, form: str = ".2f") -> Cell:
    """Return a mean with its interval, or a dash."""
    if found is None:
        return "-"
    return Ranged(f"{found.value:{form}}", f"[{found.low:{form}}, {found.high:{form}}]")


def _bars(scores: Sequence[float], judgement: Judgement) -> tuple[list[tuple[float, int]], float, tuple[float, float]]:
    """Return bars of ratings over the judge's scale, their width, and the ends of the axis."""
    width = judgement.highest / _BINS
    places = [min(_BINS - 1, int(score / width)) for score in scores]
    bars = [((index + 0.5) * width, places.count(index)) for index in range(_BINS)]
    return bars, width, (-width, judgement.highest + width)


def _slug(text: str) -> str:
    return "".join(each if each.isalnum() else "-" for each in text)
