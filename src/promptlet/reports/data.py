"""`promptlet report data RUN`: what a run's pairs look like, what was rejected, and where all of it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from promptlet.evaluation.diversity import ORDERS, distinct, self_bleu
from promptlet.progress import metering
from promptlet.reports.coverage import graph_coverage
from promptlet.reports.document import (
    Block,
    Cell,
    Document,
    Facts,
    Gallery,
    Section,
    Table,
    Text,
    intents_text,
    percent,
)
from promptlet.reports.pictures import histogram
from promptlet.reports.provenance import provenance
from promptlet.reports.render import write_report
from promptlet.reports.runs import StageData, find_stages
from promptlet.reports.shards import Shards, open_shards
from promptlet.types import LIKELIHOOD

_SELF_BLEU_SAMPLE, _DISTINCT_SAMPLE = 500, 10_000
_OPENERS, _READ, _EXAMPLES = 10, 20, 3
_BINS = 20
_MOST_PAIRS = 20
"""Combinations with more pairs share the last bar."""


def report_data(run: Path, output: Path | None = None, seed: int = 1, graph: Path | None = None) -> Path:
    """Write data.html, data.md and its pictures into `output` or the run's ``report`` folder; return the page's path.

    Args:
        run: the run's folder.
        output: where the files go.
        seed: what the samples are drawn by.
        graph: a folder with the graph that the run drew from, None for the packaged one.

    Raises:
        UsageError: if the run's folder is missing, or the graph can't be read.
        RunError: if it holds no finished curation, or shards that can't be read.
    """
    stages = find_stages(run)
    with open_shards(stages) as shards:
        document = describe(run.resolve().name, stages, shards, seed, graph)
    return write_report(document, output or run / "report", "data")


def describe(
    name: str, stages: Mapping[str, StageData], shards: Shards, seed: int, graph: Path | None = None
) -> Document:
    """Return the report of a run as a document."""
    parts: Sequence[tuple[str, Callable[[], Section]]] = (
        ("summary", lambda: _summary(stages, shards)),
        ("lengths", lambda: _lengths(shards)),
        ("relevance", lambda: _relevance(shards)),
        ("openers", lambda: _openers(shards, stages)),
        ("diversity", lambda: _diversity(shards, seed)),
        ("coverage", lambda: graph_coverage(shards, stages.get("intents"), graph, seed)),
        ("intents", lambda: _intents(shards)),
        ("rejects", lambda: _rejects(shards, seed)),
        ("pairs", lambda: _pairs(shards, seed)),
        ("provenance", lambda: provenance(stages)),
    )
    sections = []
    with metering("report", "parts", len(parts)) as meter:
        for part, make in parts:
            sections.append(make())
            meter.advance(note=part)
    curated = stages["curate"]
    subtitle = f"{curated.folder.name}, finished {curated.manifest.finished}"
    return Document(f"Data of the run {name}", subtitle, sections)


def _summary(stages: Mapping[str, StageData], shards: Shards) -> Section:
    kept, combinations, words = shards.row(
        "SELECT count(*), approx_count_distinct(combination), coalesce(avg(words), 0.0) FROM pairs"
    )
    rejected = shards.row("SELECT count(*) FROM rejects")[0]
    per_task = shards.rows(
        "SELECT coalesce(p.task, r.task), coalesce(p.n, 0), coalesce(r.n, 0) "
        "FROM (SELECT task, count(*) AS n FROM pairs GROUP BY task) p "
        "FULL JOIN (SELECT task, count(*) AS n FROM rejects GROUP BY task) r ON p.task = r.task ORDER BY 1"
    )
    splits = shards.rows("SELECT task, split, count(*) FROM pairs GROUP BY ALL ORDER BY ALL")
    facts = (
        ("pairs kept", f"{kept:,}"),
        ("rejected", f"{rejected:,}"),
        ("kept of all answers", percent(kept, kept + rejected)),
        ("combinations of intents, about", f"{combinations:,}"),
        ("words per prompt", f"{words:.1f}"),
        ("tasks", ", ".join(shards.tasks) or "none"),
    )
    blocks: list[Block] = [
        Facts(facts),
        Table(
            ("Task", "Kept", "Rejected", "Kept of all"),
            [(task, good, bad, percent(good, good + bad)) for task, good, bad in per_task],
            "Pairs per task",
        ),
        Table(("Task", "Split", "Pairs"), splits, "Pairs per split", bar=2),
    ]
    if "synthesize" not in stages:
        blocks.append(Text("The teacher's stage is not there: what failed or was cut off there is not counted."))
    return Section("Summary", blocks)


def _lengths(shards: Shards) -> Section:
    counted = shards.rows("SELECT task, words, count(*) FROM pairs GROUP BY ALL ORDER BY ALL")
    if not counted:
        return Section("Lengths", [Text("There are no pairs.")])
    pictures = []
    for task in shards.tasks:
        bars = [(float(words), count) for name, words, count in counted if name == task]
        pictures.append(histogram(f"length-{task}", f"{task}: pairs by number of words", bars, "words"))
    rows = shards.rows(
        "SELECT task, min(words), approx_quantile(words, 0.25)::INTEGER, approx_quantile(words, 0.5)::INTEGER, "
        "approx_quantile(words, 0.75)::INTEGER, max(words), avg(words) FROM pairs GROUP BY task ORDER BY task"
    )
    head = ("Task", "Shortest", "First quarter", "Median", "Third quarter", "Longest", "Mean")
    return Section("Lengths", [Gallery(pictures), Table(head, rows, "Words per prompt")])


def _relevance(shards: Shards) -> Section:
    title = "Relevance and other scores"
    if not shards.has_scores:
        return Section(title, [Text("These shards have no column 'scores': the run was made before pairs were rated.")])
    scores = (
        "(SELECT task, s.key AS part, s.value AS score FROM (SELECT task, unnest(map_entries(scores)) AS s FROM pairs) "  # noqa: S608
        f"WHERE s.key <> '{LIKELIHOOD}')"
    )
    rows = shards.rows(
        "SELECT part, task, count(*), avg(score), approx_quantile(score, 0.1)::DOUBLE, "  # noqa: S608
        f"approx_quantile(score, 0.5)::DOUBLE, approx_quantile(score, 0.9)::DOUBLE FROM {scores} "
        "GROUP BY part, task ORDER BY part <> 'relevance', part, task"
    )
    if not rows:
        return Section(title, [Text("The column 'scores' is empty: no pair of this run was rated.")])
    bins = shards.rows(
        f"SELECT part, greatest(0, least({_BINS - 1}, floor(score * {_BINS})))::INTEGER, count(*) "  # noqa: S608
        f"FROM {scores} GROUP BY ALL ORDER BY ALL"
    )
    pictures = []
    for number, key in enumerate(dict.fromkeys(row[0] for row in rows)):
        bars = [((index + 0.5) / _BINS, count) for name, index, count in bins if name == key]
        pictures.append(histogram(f"score-{number}", f"{key}: pairs by score", bars, key, 1 / _BINS, (-0.02, 1.02)))
    head = ("Score", "Task", "Pairs", "Mean", "Lowest tenth below", "Median", "Highest tenth above")
    return Section(title, [Gallery(pictures), Table(head, rows, "Scores, from 0 to 1")])


def _openers(shards: Shards, stages: Mapping[str, StageData]) -> Section:
    rows = shards.rows(
        "SELECT task, opening, count(*) AS n, 100.0 * n / sum(n) OVER (PARTITION BY task) FROM pairs "  # noqa: S608
        f"GROUP BY task, opening QUALIFY row_number() OVER (PARTITION BY task ORDER BY n DESC, opening) <= {_OPENERS} "
        "ORDER BY task, n DESC, opening"
    )
    different = shards.rows("SELECT task, count(DISTINCT opening), count(*) FROM pairs GROUP BY task ORDER BY task")
    limit = stages["curate"].manifest.configuration.get("opener_share")
    said = "The three words that prompts begin with, the most frequent first. "
    said += f"Curation let no opening pass {limit:.0%} of a task." if limit else "Curation set no limit to them."
    blocks: list[Block] = [Text(said)]
    for task, openings, pairs in different:
        ranked = [(opening, count, float(share)) for name, opening, count, share in rows if name == task]
        caption = f"{task}: {openings:,} openings in {pairs:,} pairs"
        blocks.append(Table(("Opening", "Pairs", "Per cent"), ranked, caption, bar=2))
    return Section("Openers", blocks)


def _diversity(shards: Shards, seed: int) -> Section:
    drawn: dict[str, list[str]] = shards.draw(_DISTINCT_SAMPLE, seed)
    rows: list[Sequence[Cell]] = []
    for task, prompts in drawn.items():
        few = prompts[:_SELF_BLEU_SAMPLE]
        rows.append((task, len(prompts), *(distinct(prompts, order) for order in ORDERS), len(few), self_bleu(few)))
    said = (
        f"Distinct-n is the share of different n-grams among all, of up to {_DISTINCT_SAMPLE:,} prompts per task drawn "
        f"with the seed {seed}. Self-BLEU is the mean BLEU of a prompt with all others of a sample of up to "
        f"{_SELF_BLEU_SAMPLE} as references: 0 is all different, 1 all the same. Only samples of equal size compare."
    )
    head = ("Task", "Prompts", *(f"Distinct-{order}" for order in ORDERS), "Prompts for BLEU", "Self-BLEU")
    return Section("N-gram diversity", [Text(said), Table(head, rows)])


def _intents(shards: Shards) -> Section:
    sizes = shards.rows("SELECT len(intents), count(*) FROM pairs GROUP BY ALL ORDER BY ALL")
    shared = shards.rows(
        f"SELECT least(n, {_MOST_PAIRS}), count(*), sum(n)::BIGINT FROM "  # noqa: S608
        "(SELECT count(*) AS n FROM pairs GROUP BY combination) GROUP BY ALL ORDER BY ALL"
    )
    if not sizes:
        return Section("Intents per pair", [Text("There are no pairs.")])
    label = f"pairs ({_MOST_PAIRS} and more in the last bar)" if shared[-1][0] == _MOST_PAIRS else "pairs"
    pictures = (
        histogram("intents", "Pairs by number of intents", [(float(n), count) for n, count in sizes], "intents"),
        histogram(
            "combinations",
            "Combinations of intents by number of pairs",
            [(float(n), count) for n, count, _ in shared],
            label,
        ),
    )
    return Section(
        "Intents per pair",
        [
            Gallery(pictures),
            Table(("Intents", "Pairs"), sizes, "Pairs by number of intents", bar=1),
            Table(
                ("Pairs per combination", "Combinations", "Pairs in all"),
                [(f"{n} and more" if n == _MOST_PAIRS else str(n), count, pairs) for n, count, pairs in shared],
                "Combinations by number of pairs",
                bar=1,
            ),
        ],
    )


def _rejects(shards: Shards, seed: int) -> Section:
    # A reason may go on behind a colon with what exactly it was; it is counted by what stands before.
    reason = "split_part(reason, ':', 1)"
    counts = shards.rows(
        f"SELECT {reason}, stage, count(*) FROM rejects GROUP BY ALL ORDER BY count(*) DESC, 1, 2"  # noqa: S608
    )
    if not counts:
        return Section("Rejects", [Text("Nothing was rejected, or the run keeps no rejected rows.")])
    row = "{'task': task, 'prompt': prompt, 'reason': reason, 'intents': intents}"
    drawn = shards.draw(_EXAMPLES, seed, row, "rejects", reason)
    total = sum(count for *_, count in counts)
    ranked = [(name, stage, count, percent(count, total)) for name, stage, count in counts]
    examples = [
        (each["reason"], each["task"], intents_text(each["intents"]), each["prompt"])
        for name in dict.fromkeys(name for name, *_ in counts)
        for each in drawn[name]
    ]
    return Section(
        "Rejects",
        [
            Table(("Reason", "Stage", "Answers", "Share"), ranked, f"{total:,} rejected answers by reason", bar=2),
            Table(
                ("Reason", "Task", "Intents", "Answer"), examples, f"Up to {_EXAMPLES} examples of each", folded=True
            ),
        ],
    )


def _pairs(shards: Shards, seed: int) -> Section:
    drawn = shards.draw(_READ, seed, "{'intents': intents, 'prompt': prompt, 'words': words}")

    def tables() -> Iterator[Table]:
        for task, pairs in drawn.items():
            rows = [(each["words"], each["prompt"], intents_text(each["intents"])) for each in pairs]
            yield Table(("Words", "Prompt", "Intents"), rows, f"{task}: {len(rows)} pairs drawn with the seed {seed}")

    return Section("Pairs to read", list(tables()) or [Text("There are no pairs.")])
