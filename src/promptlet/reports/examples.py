"""Prompts in the report of an evaluation: the best and the worst with reasons, and which intents are said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from promptlet.commands.words import count_words
from promptlet.curation.checks import expressed
from promptlet.evaluation.judge import JudgeRating
from promptlet.evaluation.run import Evaluation
from promptlet.evaluation.suites import Wish
from promptlet.evaluation.systems import SystemOutput
from promptlet.reports.document import Block, Cell, Gallery, Section, Table, Text, percent
from promptlet.reports.pictures import bars
from promptlet.stemming import stems
from promptlet.types import KINDS, RELEVANCE, Intents, render_intents

_EXAMPLES = 3


def examples(evaluation: Evaluation) -> Section:
    """Return the best and the worst prompts of each system, as the last judge sees them."""
    judgement = evaluation.judgements[-1]
    tables = []
    for system, rated in evaluation.ratings[judgement.judge].items():
        texts = {each.wish: each.text or "" for each in evaluation.written[system]}
        scored = [(wish, each, each.scores[RELEVANCE]) for wish, each in rated.items() if each.scores]
        ranked = sorted(scored, key=lambda found: -found[2])
        shown = ranked if len(ranked) <= 2 * _EXAMPLES else [*ranked[:_EXAMPLES], *ranked[-_EXAMPLES:]]
        rows: list[Sequence[Cell]] = [
            (f"{score:.2f}", texts[wish], render_intents(wish.intents), _reason(wish, texts[wish], each))
            for wish, each, score in shown
        ]
        tables.append(Table(("Rating", "Prompt", "Intents", "Why"), rows, f"{system}: the best and the worst"))
    said = f"Rated by {judgement.judge}, up to {judgement.highest:.0f}."
    if judgement.blind_to:
        said += " It is unfit as a judge, so what stands on top need not be the best."
    return Section("Examples", [Text(said), *tables])


def kind_coverage(written: Mapping[str, Sequence[SystemOutput]]) -> Section:
    """Return which kinds of intents left a trace in the prompts, by the stems of their words."""
    wanted: dict[str, dict[str, int]] = {}
    said: dict[str, dict[str, int]] = {}
    for system, prompts in written.items():
        wanted[system], said[system] = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
        for each in prompts:
            if each.text is not None:
                for intent in each.wish.intents:
                    wanted[system][intent.kind] += 1
                for intent in _said(each.wish.intents, each.text):
                    said[system][intent.kind] += 1
    kinds = [kind for kind in KINDS if any(counts[kind] for counts in wanted.values())]
    shares = {
        kind: [said[name][kind] / wanted[name][kind] if wanted[name][kind] else None for name in written]
        for kind in kinds
    }
    picture = bars("coverage", "Share of intents of which a word stands in the prompt", shares, list(written))
    rows: list[Sequence[Cell]] = [
        (
            kind,
            max(counts[kind] for counts in wanted.values()),
            *(percent(said[name][kind], wanted[name][kind]) for name in written),
        )
        for kind in kinds
    ]
    blocks: list[Block] = [Gallery([picture]), Table(("Kind", "Asked for", *written), rows, "The same in numbers")]
    return Section("Coverage by kind of intent", blocks)


def _reason(wish: Wish, text: str, rating: JudgeRating) -> str:
    """Return why a rating is what it is: what the judge says, its points, what is left out, and the length."""
    missing = [str(intent) for intent in wish.intents if intent not in _said(wish.intents, text)]
    points = ", ".join(
        f"{name} {round(value, 2):g}" for name, value in (rating.scores or {}).items() if name != RELEVANCE
    )
    words = count_words(text)
    parts = (
        rating.reason.rstrip("."),
        points,
        f"no word of {', '.join(missing)}" if missing else "",
        f"{words} words, not {wish.target}" if words != wish.target else "",
    )
    return "; ".join(filter(None, parts))


def _said(intents: Intents, text: str) -> Intents:
    return expressed(intents, frozenset(stems(text)))
