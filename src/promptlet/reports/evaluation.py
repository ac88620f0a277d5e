"""The report of an evaluation: what was measured, at a glance and in full, as HTML, Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from promptlet.commands.words import count_words
from promptlet.curation.checks import expressed
from promptlet.evaluation.adherence import Adherence, paper_row, pooled
from promptlet.evaluation.diversity import ORDERS
from promptlet.evaluation.judge import Rating
from promptlet.evaluation.run import Evaluation, SystemResult
from promptlet.evaluation.systems import Written
from promptlet.io.atomic import write_json
from promptlet.lemmas import terms
from promptlet.reports.document import Block, Cell, Code, Document, Facts, Gallery, Section, Table, Text, percent
from promptlet.reports.judgements import ends, mean_relevance, relevance, title, trust
from promptlet.reports.pictures import bubbles, lines
from promptlet.reports.render import write_report
from promptlet.types import KINDS, RELEVANCE, render_intents

_EXAMPLES = 3
_LENGTH_HEAD = ("Target", "Prompts", "Mean", "Bias", "MAE", "MSE", "RMSE", "Exact", "Within 2", "Paper")


def report_evaluation(evaluation: Evaluation, subtitle: str, command: str, folder: Path) -> Path:
    """Write evaluation.html, .md and .json, its pictures and prompts.json into `folder`; return the page's path.

    Args:
        evaluation: what was measured.
        subtitle: what was asked, in a few words.
        command: the line that does it again.
        folder: where the files go.
    """
    measured = {name: [asdict(each) for each in getattr(evaluation, name)] for name in ("systems", "judgements")}
    write_json(folder / "evaluation.json", {"command": command, "manifest": asdict(evaluation.manifest), **measured})
    write_json(folder / "prompts.json", list(_prompts(evaluation)))
    return write_report(describe(evaluation, subtitle, command), folder, "evaluation")


def describe(evaluation: Evaluation, subtitle: str, command: str) -> Document:
    """Return the report as a document."""
    sections = (
        _summary(evaluation),
        _lengths(evaluation),
        *(relevance(judgement, evaluation.ratings[judgement.judge]) for judgement in evaluation.judgements),
        _coverage(evaluation.written),
        _diversity(evaluation.systems),
        _safety(evaluation.systems),
        _examples(evaluation),
        _provenance(evaluation, command),
    )
    return Document("Evaluation", f"{subtitle}, finished {evaluation.manifest.finished}", sections)


def _summary(evaluation: Evaluation) -> Section:
    rows: list[list[Cell]] = []
    for system in evaluation.systems:
        lengths = system.all_lengths
        rows.append(
            [
                system.name,
                system.prompts,
                system.failed,
                *(f"{pooled(lengths, name):.1%}" for name in ("exact", "within_2")),
                f"{pooled(lengths, 'mae'):.2f}",
                *(mean_relevance(judgement, system.name) for judgement in evaluation.judgements),
                f"{system.diversity.distinct[1]:.2f}",
                sum(system.denied.values()),
                "-" if system.median_seconds is None else f"{system.median_seconds:.3f}",
            ]
        )
    judges = [title(judgement) for judgement in evaluation.judgements]
    head = ("System", "Prompts", "Failed", "Exact length", "Within 2", "MAE", *judges)
    blocks: list[Block] = [
        Facts([(f"within 2 words: {row[0]}", str(row[4])) for row in rows]),
        Table((*head, "Distinct-2", "Denied words", "Seconds"), rows, "All lengths and test sets together"),
    ]
    blocks += [Text(trust(judgement)) for judgement in evaluation.judgements]
    blocks += [
        Text(f"{system.name} wrote nothing for {system.failed} wishes, the last because: {system.last_failure}")
        for system in evaluation.systems
        if system.failed
    ]
    return Section("Summary", blocks)


def _lengths(evaluation: Evaluation) -> Section:
    pictures, tables = [], []
    for name in dict.fromkeys(name for system in evaluation.systems for name in system.lengths):
        measured = {system.name: system.lengths[name] for system in evaluation.systems if name in system.lengths}
        if any(len(rows) > 1 for rows in measured.values()):
            errors = {system: [(row.target, row.mae.value) for row in rows] for system, rows in measured.items()}
            pictures.append(lines(f"error-{name}", f"Mean absolute error by target, {name}", errors, "target in words"))
        tables += [
            Table(_LENGTH_HEAD, [_length_row(row) for row in rows], f"{system}, on {name}")
            for system, rows in measured.items()
        ]
    for number, (system, written) in enumerate(evaluation.written.items()):
        points = [(each.wish.target, count_words(each.text)) for each in written if each.text is not None]
        caption = f"{system}: words written by words asked for"
        pictures.append(bubbles(f"lengths-{number}", caption, points, "target in words"))
    said = (
        "Each number has its 95% bootstrap interval. The last column is Table 3 of the paper: mean, error, within 2. "
        'It calls its error "mean square error", but at 35 words the square of its bias alone is larger: '
        "only a mean absolute error fits, so compare it with MAE."
    )
    return Section("Length", [Text(said), Gallery(pictures), *tables])


def _coverage(written: Mapping[str, Sequence[Written]]) -> Section:
    """Return which kinds of intents left a trace in the prompts, by the stems of their words."""
    rows: list[list[Cell]] = []
    known = {name: [each for each in prompts if each.text is not None] for name, prompts in written.items()}
    found = {
        name: [(each.wish.intents, expressed(each.wish.intents, tuple(terms(each.text or "")))) for each in prompts]
        for name, prompts in known.items()
    }
    for kind in KINDS:
        wanted = {name: sum(i.kind == kind for all_, _ in pairs for i in all_) for name, pairs in found.items()}
        said = {name: sum(i.kind == kind for _, some in pairs for i in some) for name, pairs in found.items()}
        if any(wanted.values()):
            rows.append([kind, *(percent(said[name], wanted[name]) for name in found)])
    return Section("Coverage", [Table(("Kind", *found), rows, "Intents of which a word stands in the prompt")])


def _diversity(systems: Sequence[SystemResult]) -> Section:
    rows: list[Sequence[Cell]] = [
        (
            system.name,
            system.diversity.prompts,
            *(f"{value:.3f}" for value in system.diversity.distinct),
            f"{system.diversity.self_bleu:.3f}",
            f"{system.diversity.opener} ({system.diversity.opener_share:.1%})",
            *(
                "-" if value is None else f"{value:.3f}"
                for value in (system.diversity.spread, system.diversity.spread_per_intents)
            ),
        )
        for system in systems
    ]
    names = (f"Distinct-{order}" for order in ORDERS)
    head = ("System", "Prompts", *names, "Self-BLEU", "Commonest opening", "Spread", "Spread per intents")
    blocks: list[Block] = [
        Table(head, rows),
        Text("Spread is the mean cosine distance of the embeddings of two prompts, of all or for the same intents."),
    ]
    copies = [
        (
            system.name,
            system.novelty.prompts,
            percent(system.novelty.touching, system.novelty.prompts),
            percent(system.novelty.copied, system.novelty.prompts),
        )
        for system in systems
        if system.novelty
    ]
    if copies:
        head = ("System", "Prompts of 8 words and more", "With an 8-gram of the training data", "All of them")
        blocks.append(Table(head, copies, "Novelty"))
    return Section("Diversity and novelty", blocks)


def _safety(systems: Sequence[SystemResult]) -> Section:
    rows = [(system.name, system.prompts, sum(system.denied.values())) for system in systems]
    found = [(system.name, term, count) for system in systems for term, count in system.denied.items()]
    blocks: list[Block] = [Table(("System", "Prompts", "Denied words"), rows)]
    if found:
        blocks.append(Table(("System", "Word", "Times"), found, "Which ones", folded=True))
    return Section("Safety", blocks)


def _examples(evaluation: Evaluation) -> Section:
    """Return the best and the worst prompts of each system, as the last judge sees them."""
    judgement = evaluation.judgements[-1]
    tables = []
    for system, rated in evaluation.ratings[judgement.judge].items():
        texts = {each.wish: each.text for each in evaluation.written[system]}
        known = [(wish, each) for wish, each in rated.items() if each.scores]
        ranked = sorted(known, key=lambda pair: -(pair[1].scores or {})[RELEVANCE])
        shown = ranked if len(ranked) <= 2 * _EXAMPLES else [*ranked[:_EXAMPLES], *ranked[-_EXAMPLES:]]
        rows = [
            (f"{(each.scores or {})[RELEVANCE]:.2f}", texts[wish] or "", render_intents(wish.intents), _reason(each))
            for wish, each in shown
        ]
        tables.append(Table(("Rating", "Prompt", "Intents", "Why"), rows, f"{system}: the best and the worst"))
    return Section("Examples", [Text(f"Rated by {judgement.judge}."), *tables])


def _provenance(evaluation: Evaluation, command: str) -> Section:
    manifest = evaluation.manifest
    inputs = Table(("What", "Digest or identity"), list(manifest.inputs.items()), "Systems and test sets")
    told = {"configuration": manifest.configuration, "versions": manifest.versions, "seconds": manifest.seconds}
    return Section(
        "How to do it again",
        [Text(command), inputs, Code(json.dumps(told, indent=2, ensure_ascii=False), "Configuration and versions")],
    )


def _prompts(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    """Yield every prompt with its ratings."""
    for system, written in evaluation.written.items():
        for each in written:
            wish = asdict(each.wish) | {"intents": list(map(str, each.wish.intents))}
            ratings = {
                judge: asdict(rated[system][each.wish])
                for judge, rated in evaluation.ratings.items()
                if each.wish in rated[system]
            }
            yield {"system": system, **wish, "prompt": each.text, "error": each.error, "ratings": ratings}


def _length_row(row: Adherence) -> Sequence[Cell]:
    numbers = (row.mean, row.bias, row.mae, row.mse, row.rmse)
    shares = (ends(share, ".1%") for share in (row.exact, row.within_2))
    return (row.target, row.prompts, *map(ends, numbers), *shares, paper_row(row.target))


def _reason(rating: Rating) -> str:
    points = ", ".join(f"{name} {value:g}" for name, value in (rating.scores or {}).items() if name != RELEVANCE)
    return f"{rating.reason} ({points})" if rating.reason else points
