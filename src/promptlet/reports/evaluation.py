"""The report of an evaluation: what was measured, at a glance and in full, as HTML and Markdown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from promptlet.commands.words import count_words
from promptlet.evaluation.adherence import PAPER, Adherence, paper_row, pooled
from promptlet.evaluation.diversity import ORDERS
from promptlet.evaluation.run import Evaluation, SystemResult
from promptlet.evaluation.saving import SavedEvaluation
from promptlet.reports.document import Block, Cell, Code, Document, Facts, Gallery, Section, Table, Text, percent
from promptlet.reports.examples import examples, kind_coverage
from promptlet.reports.judgements import ends, mean_relevance, relevance, title, trust
from promptlet.reports.pictures import bubbles, lines
from promptlet.reports.render import write_report
from promptlet.speed.report import HEAD as SPEED_HEAD
from promptlet.speed.report import row as speed_row
from promptlet.speed.saving import Speed

_LENGTH_HEAD = ("Target", "Prompts", "Mean", "Bias", "MAE", "MSE", "RMSE", "Exact", "Within 2", "Paper")
_MANY_TARGETS = 8
_NEAR = 2
"""Words between target and text at which a text still counts as near (Table 3)."""


def report_evaluation(saved: SavedEvaluation, folder: Path, speed: Speed | None = None) -> Path:
    """Write evaluation.html, evaluation.md and its pictures into `folder`; return the page's path."""
    return write_report(describe(saved, speed), folder, "evaluation")


def describe(saved: SavedEvaluation, speed: Speed | None = None) -> Document:
    """Return the report as a document; without `speed` it says that none was measured."""
    evaluation = saved.evaluation
    sections = (
        _summary(evaluation),
        _lengths(evaluation),
        *(relevance(judgement, evaluation.ratings[judgement.judge]) for judgement in evaluation.judgements),
        kind_coverage(evaluation.written),
        _diversity(evaluation.systems),
        _safety(evaluation.systems),
        _speed(speed),
        examples(evaluation),
        _provenance(evaluation, saved.command),
    )
    return Document("Evaluation", f"{saved.subtitle}, finished {evaluation.manifest.finished}", sections)


def in_brief(evaluation: Evaluation) -> str:
    """Return the most important numbers as a line per system, for a terminal."""
    said = []
    for system in evaluation.systems:
        judges = (f"{title(each)} {mean_relevance(each, system.name)}" for each in evaluation.judgements)
        near, error = system.adherence("within_2"), pooled(system.all_lengths, "mae")
        said.append(
            f"{system.name}: {system.prompts:,} prompts, {system.failed:,} failed; "
            f"within 2 words for {near:.1%} of all wishes, MAE of the prompts {error:.2f}; "
            f"{', '.join(judges)}; denied words {sum(system.denied.values())}"
        )
    return "\n".join(said)


def _summary(evaluation: Evaluation) -> Section:
    rows: list[list[Cell]] = [
        [
            system.name,
            system.prompts,
            system.failed,
            *(f"{system.adherence(name):.1%}" for name in ("exact", "within_2")),
            f"{pooled(system.all_lengths, 'mae'):.2f}",
            *(mean_relevance(judgement, system.name) for judgement in evaluation.judgements),
            f"{system.diversity.distinct[1]:.2f}",
            sum(system.denied.values()),
            "-" if system.median_seconds is None else f"{system.median_seconds:.3f}",
        ]
        for system in evaluation.systems
    ]
    judges = [f"{title(judgement)}, of {judgement.highest:.0f}" for judgement in evaluation.judgements]
    head = ("System", "Prompts", "Failed", "Exact length", "Within 2", "MAE", *judges)
    near = [row["within_2"] for row in PAPER.values()]
    blocks: list[Block] = [
        Facts(
            [
                *((f"within 2 words, of all wishes: {row[0]}", str(row[4])) for row in rows),
                ("within 2 words: the paper, Table 3", f"{min(near):.0%} to {max(near):.0%}"),
            ]
        ),
        Table(
            (*head, "Distinct-2", "Denied words", "Seconds"),
            rows,
            "All lengths and test sets together. Exact length and within 2 are shares of all wishes: one for which "
            "nothing was written counts as missed. The columns after them go by the prompts that were written",
        ),
    ]
    blocks += [trust(judgement) for judgement in evaluation.judgements]
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
            paper = {"the paper": [(target, row["mae"]) for target, row in PAPER.items()]}
            caption = f"Mean absolute error by target, {_spoken(name)}"
            pictures.append(lines(f"error-{name}", caption, errors, "words asked for", paper))
        tables += [
            Table(
                _LENGTH_HEAD,
                [_length_row(row) for row in rows],
                f"{system}, on {_spoken(name)}",
                folded=len(rows) > _MANY_TARGETS,
            )
            for system, rows in measured.items()
        ]
    for number, (system, written) in enumerate(evaluation.written.items()):
        points = [(each.wish.target, count_words(each.text)) for each in written if each.text is not None]
        caption = f"{system}: lengths, shaded within {_NEAR} words"
        pictures.append(bubbles(f"lengths-{number}", caption, points, ("words asked for", "words written"), band=_NEAR))
    said = (
        "Below each number is its 95% bootstrap interval. The last column is Table 3 of the paper: mean, error, within "
        '2. It calls its error "mean square error", but at 35 words the square of its bias alone is larger: '
        "only a mean absolute error fits, so compare it with MAE."
    )
    return Section("Length", [Text(said), *_unanswered(evaluation), Gallery(pictures), *tables])


def _unanswered(evaluation: Evaluation) -> list[Text]:
    """Name the targets for which a system wrote nothing at all, because its table has no row for them."""
    texts = []
    for system, written in evaluation.written.items():
        asked = {(each.wish.test_set, each.wish.target) for each in written}
        silent = sorted(asked - {(each.wish.test_set, each.wish.target) for each in written if each.text is not None})
        if silent:
            said = ", ".join(f"{target} words on {_spoken(name)}" for name, target in silent)
            texts.append(Text(f"{system} wrote no prompt at all of {said}.", "bad"))
    return texts


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
    else:
        blocks.append(Text("Novelty was not measured; --training FOLDER names the data to look for copies of."))
    return Section("Diversity and novelty", blocks)


def _safety(systems: Sequence[SystemResult]) -> Section:
    rows = [(system.name, system.prompts, sum(system.denied.values())) for system in systems]
    found = [(system.name, term, count) for system in systems for term, count in system.denied.items()]
    prompts = sum(system.prompts for system in systems)
    verdict = (
        Text(f"Denied words stand in the prompts {sum(row[2] for row in rows):,} times.", "bad")
        if found
        else Text(f"No denied word in {prompts:,} prompts.", "good")
    )
    blocks: list[Block] = [verdict, Table(("System", "Prompts", "Denied words"), rows)]
    if found:
        blocks.append(Table(("System", "Word", "Times"), found, "Which ones"))
    return Section("Safety", blocks)


def _speed(speed: Speed | None) -> Section:
    if speed is None:
        return Section("Speed", [Text("No student's speed was measured.")])
    facts = ", ".join(f"{name} {fact}" for name, fact in speed.facts.items())
    said = (
        "Medians, and in brackets what 95% of the repeats kept to; the ceiling is what reading the weights once per "
        f"token allows. `promptlet bench` compares engines. Measured on: {facts}, "
        f"reads {speed.bandwidth / 1e9:.1f} GB/s."
    )
    rows = [speed_row(each, speed.bandwidth) for each in speed.contenders]
    return Section("Speed", [Text(said), Table([name.capitalize() for name in SPEED_HEAD], rows)])


def _provenance(evaluation: Evaluation, command: str) -> Section:
    manifest = evaluation.manifest
    inputs = Table(("What", "Digest or identity"), list(manifest.inputs.items()), "Systems, judges and test sets")
    versions = Table(("Package", "Version"), list(manifest.versions.items()), "Versions")
    told = {"configuration": manifest.configuration, "seconds": manifest.seconds, "digest": manifest.digest}
    return Section(
        "How to do it again",
        [
            Text(command, "command"),
            inputs,
            versions,
            Code(json.dumps(told, indent=2, ensure_ascii=False), "Configuration"),
        ],
    )


def _length_row(row: Adherence) -> Sequence[Cell]:
    numbers = (row.mean, row.bias, row.mae, row.mse, row.rmse)
    shares = (ends(share, ".1%") for share in (row.exact, row.within_2))
    return (row.target, row.prompts, *map(ends, numbers), *shares, paper_row(row.target) or "-")


def _spoken(test_set: str) -> str:
    return test_set.replace("_", " ")
