"""`promptlet review report`: what reviewers said of each system (Figure 2 of the paper), and how far they agree."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from promptlet.errors import RunError
from promptlet.evaluation.bootstrap import Interval
from promptlet.reports.document import Block, Cell, Code, Document, Facts, Gallery, Section, Table, Text, percent
from promptlet.reports.pictures import shares
from promptlet.reports.render import write_report
from promptlet.review.questions import QUESTIONS, RELEVANCE
from promptlet.review.records import Item, Rated
from promptlet.review.statistics import Answered, Attention, answered, attention, concord, groups, summarize
from promptlet.review.store import Store

PAPER = {"relevance": 0.87, "correctness": 0.96}
"""Figure 2 of the paper: shares of somewhat or very, of over 200 ratings by 18 reviewers."""
_READING = (
    "Everywhere here each prompt counts once, however many rated it. In brackets are 95% bootstrap intervals over "
    "prompts. Alpha is Krippendorff's, for ordered answers: 1 is agreement, 0 chance, below 0 worse than chance; a "
    "dash where no prompt was rated twice, or all the same."
)
_EXAMPLES = 5
_NAME = "review"


def report_review(store: Store, output: Path, least_passed: float = 0.0) -> Path:
    """Write review.html, review.md and their pictures into `output`; return the page's path.

    Args:
        store: the review.
        output: where the files go.
        least_passed: reviewers who passed a smaller share of the checks that they answered are left out.

    Raises:
        RunError: if nothing that counts is rated.
    """
    return write_report(describe(store, least_passed), output, _NAME)


def describe(store: Store, least_passed: float = 0.0) -> Document:
    """Return the report of a review as a document."""
    facts, every = store.facts(), store.ratings()
    checked = attention(every)
    out = {name for name, each in checked.items() if each.share < least_passed}
    rated = [each for each in every if each.reviewer not in out]
    if not any(answered(rated, question) for question in QUESTIONS):
        raise RunError(f"{store.path} has no ratings" + (" of reviewers who passed their checks" if out else " yet"))
    sections = [
        _summary(store, rated),
        _parts("Systems", rated, _system),
        _parts("Tasks", rated, lambda item: f"{item.task}, {item.system}"),
        _judges(rated),
        _reviewers(store, every, checked, out),
        _examples(rated),
        _comments(every),
        _provenance(store, least_passed),
    ]
    return Document(f"Review: {facts['title']}", f"{store.path.name}, created {facts['created']}", sections)


def _summary(store: Store, rated: Sequence[Rated]) -> Section:
    told = [each for each in rated if each.item.check is None and not each.deleted]
    done = sum(each.rating.complete for each in told)
    wanted = sum(item.check is None for name in store.reviewers() for _, item, _ in store.assigned(name))
    facts = [
        ("ratings", f"{done:,}"),
        ("of those asked for", percent(done, wanted)),
        ("reviewers", f"{len({each.reviewer for each in told})}"),
    ]
    pictures = []
    for question in QUESTIONS:
        if items := answered(rated, question):
            facts.append((f"somewhat or very {question.adjective}", f"{summarize(items).favourable.value:.0%}"))
            parts = {name: summarize(part).shares for name, part in groups(items, _system).items()}
            caption = f"{question.name.capitalize()}: share of each answer"
            pictures.append(shares(question.name, caption, parts, question.answers))
    blocks: list[Block] = [Facts(facts)]
    if done < wanted:
        said = f"{wanted - done:,} ratings that were asked for are missing or left out; nothing stands in for them."
        blocks.append(Text(said))
    if removed := len({each.number for each in rated if each.deleted}):
        blocks.append(Text(f"Rated prompts that were taken out of the review, and count no more: {removed}."))
    paper = " and ".join(f"{PAPER[question.name]:.0%} somewhat or very {question.adjective}" for question in QUESTIONS)
    blocks += [
        Gallery(pictures),
        Text(f"The paper's reviewers (Figure 2) found {paper}, of other prompts than these."),
        Text(_READING),
    ]
    return Section("Summary", blocks)


def _parts(title: str, rated: Sequence[Rated], key: Callable[[Item], str]) -> Section:
    tables = []
    head = ("", "Prompts", "Ratings", "Somewhat or very", "Mean, 1 to 3", "Not", "Somewhat", "Very", "Alpha")
    for question in QUESTIONS:
        if items := answered(rated, question):
            rows = [_row(name, part) for name, part in (("all", items), *groups(items, key).items())]
            tables.append(Table(head, rows, question.name.capitalize()))
    return Section(title, tables)


def _row(name: str, items: Sequence[Answered]) -> Sequence[Cell]:
    summary = summarize(items)
    return (
        *(name, summary.items, summary.ratings),
        *(_interval(summary.favourable, ".1%"), _interval(summary.mean, ".2f")),
        *(f"{share:.0%}" for share in summary.shares),
        _or_dash(summary.alpha),
    )


def _judges(rated: Sequence[Rated]) -> Section:
    rows: list[Sequence[Cell]] = []
    for question in QUESTIONS:
        items = answered(rated, question)
        for system, part in (("all", items), *groups(items, _system).items()):
            rows += [
                (each.score, question.name, system, each.items, _or_dash(each.correlation)) for each in concord(part)
            ]
    title = "Judges and people"
    if not rows:
        return Section(title, [Text("The prompts came without scores of a judge.")])
    said = (
        "Spearman's rank correlation of a judge's score with the mean answer of people: 1 is the same order, 0 none; a "
        "dash where scores or answers are all the same."
    )
    return Section(title, [Text(said), Table(("Score", "Question", "System", "Prompts", "Correlation"), rows)])


def _reviewers(store: Store, every: Sequence[Rated], checked: Mapping[str, Attention], out: set[str]) -> Section:
    rows: list[Sequence[Cell]] = []
    for name, given in store.reviewers().items():
        own = [each for each in every if each.reviewer == name]
        answers = [[value for each in answered(own, question) for value in each.answers] for question in QUESTIONS]
        passed = checked.get(name, Attention(0, 0))
        rows.append(
            (
                *(name, given, sum(each.rating.complete and not each.deleted for each in own)),
                *(_or_dash(fmean(values) if values else None) for values in answers),
                *(f"{passed.passed} of {passed.answered}", "no" if name in out else "yes"),
            )
        )
    means = (f"Mean {question.name}" for question in QUESTIONS)
    head = ("Reviewer", "Given", "Rated", *means, "Checks passed", "Counts")
    said = (
        "Checks are prompts whose relevance is known: hand-written ones, and ones on another topic. They are among "
        "what was given and rated, and in no other number of this report."
    )
    return Section("Reviewers", [Text(said), Table(head, rows)])


def _examples(rated: Sequence[Rated]) -> Section:
    def rows(items: Sequence[Answered]) -> list[Sequence[Cell]]:
        return [
            (_marks(each), each.item.system, ", ".join(each.item.intents), each.item.prompt, each.number)
            for each in items[:_EXAMPLES]
        ]

    items = sorted(answered(rated, RELEVANCE), key=lambda each: (fmean(each.answers), each.number))
    split = sorted(items, key=lambda each: min(each.answers) - max(each.answers))
    split = [each for each in split if len(set(each.answers)) > 1]
    head = ("Answers", "System", "Intents", "Prompt", "Item")
    tables = [Table(head, rows(items), "The least relevant"), Table(head, rows(items[::-1]), "The most relevant")]
    return Section("Examples", [*tables, Table(head, rows(split), "Reviewers differ most")] if split else tables)


def _comments(every: Sequence[Rated]) -> Section:
    rows = [
        (
            each.rating.comment,
            each.reviewer,
            each.item.system or f"check: {each.item.check}",
            each.item.prompt,
            each.number,
        )
        for each in every
        if each.rating.comment
    ]
    if not rows:
        return Section("Comments", [Text("There are no comments.")])
    return Section(
        "Comments", [Table(("Comment", "Reviewer", "System", "Prompt", "Item"), rows, f"{len(rows)} comments")]
    )


def _provenance(store: Store, least_passed: float) -> Section:
    told = json.dumps(store.facts(), indent=2, ensure_ascii=False)
    again = f"promptlet review report {store.path.name}" + (f" --least-passed {least_passed}" if least_passed else "")
    return Section(
        "Provenance", [Text("Made again by:"), Text(again, "command"), Code(told, "How the review was created")]
    )


def _system(item: Item) -> str:
    return item.system


def _marks(each: Answered) -> str:
    return ", ".join(map(str, each.answers))


def _interval(each: Interval, form: str) -> str:
    return f"{each.value:{form}} [{each.low:{form}}, {each.high:{form}}]"


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
