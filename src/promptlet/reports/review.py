"""`promptlet review report`: what reviewers said of each system (Figure 2 of the paper), and how far they agree."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

from promptlet.errors import RunError
from promptlet.evaluation.bootstrap import Interval
from promptlet.reports.document import Block, Cell, Code, Document, Facts, Gallery, Section, Table, Text, percent
from promptlet.reports.pictures import shares
from promptlet.reports.render import write_report
from promptlet.review.items import Item
from promptlet.review.questions import QUESTIONS, RELEVANCE
from promptlet.review.statistics import Answered, Attention, answered, attention, concord, groups, summarize
from promptlet.review.store import Rated, Store

PAPER = {"relevance": 0.87, "correctness": 0.96}
"""Figure 2 of the paper: shares of somewhat or very, of over 200 ratings by 18 reviewers."""
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
        _parts("Systems", "System", rated, lambda item: item.system),
        _parts("Tasks", "Task", rated, lambda item: f"{item.task}, {item.system}"),
        _judges(rated),
        _reviewers(store, every, checked, out),
        _examples(rated),
        _comments(every),
        _provenance(store),
    ]
    return Document(f"Review: {facts['title']}", f"{store.path.name}, created {facts['created']}", sections)


def _summary(store: Store, rated: Sequence[Rated]) -> Section:
    items = store.items()
    told = [each for each in rated if each.item.check is None and not each.deleted]
    wanted = sum(count for count in store.reviewers().values()) - len(store.reviewers()) * sum(
        item.check is not None for item in items.values()
    )
    done = sum(each.rating.complete for each in told)
    facts = [("ratings", f"{done:,}"), ("of those asked for", percent(done, wanted))]
    facts += [("reviewers", f"{len({each.reviewer for each in told})}")]
    for question in QUESTIONS:
        if summary := summarize(answered(rated, question)):
            facts.append((f"somewhat or very {question.adjective}", f"{summary.favourable.value:.0%}"))
    removed = len({each.number for each in rated if each.deleted})
    blocks: list[Block] = [Facts(facts)]
    if done < wanted:
        blocks.append(Text(f"{wanted - done:,} ratings that were asked for are missing; nothing stands in for them."))
    if removed:
        blocks.append(Text(f"{removed} rated prompts were taken out of the review and count no more."))
    blocks.append(
        Gallery(
            [
                shares(
                    question.name,
                    f"{question.name.capitalize()}: share of each answer",
                    {
                        name: summary.shares
                        for name, each in groups(answered(rated, question), _system).items()
                        if (summary := summarize(each))
                    },
                    question.answers,
                )
                for question in QUESTIONS
                if answered(rated, question)
            ]
        )
    )
    paper = " and ".join(f"{PAPER[question.name]:.0%} somewhat or very {question.adjective}" for question in QUESTIONS)
    blocks.append(Text(f"The paper's reviewers (Figure 2) found {paper}, of other prompts than these."))
    return Section("Summary", blocks)


def _parts(title: str, what: str, rated: Sequence[Rated], key: Callable[[Item], str]) -> Section:
    head = (what, "Prompts", "Ratings", "Somewhat or very", "Mean, 1 to 3", "Not", "Somewhat", "Very", "Alpha")
    blocks: list[Block] = []
    for question in QUESTIONS:
        items = answered(rated, question)
        parts = groups(items, key)
        rows: list[Sequence[Cell]] = []
        for name, part in ({"all": items} | parts if len(parts) > 1 else parts).items():
            if summary := summarize(part):
                rows.append(
                    (
                        *(name, summary.items, summary.ratings),
                        *(_interval(summary.favourable, ".1%"), _interval(summary.mean, ".2f")),
                        *(f"{share:.0%}" for share in summary.shares),
                        "-" if summary.alpha is None else f"{summary.alpha:.2f}",
                    )
                )
        blocks.append(Table(head, rows, question.name.capitalize()))
    blocks.append(
        Text(
            "Each prompt counts once. In brackets 95% bootstrap intervals over prompts. Alpha is Krippendorff's, for "
            "ordered answers: 1 is agreement, 0 chance, below 0 worse than chance; a dash where too few were rated "
            "twice, or all the same."
        )
    )
    return Section(title, blocks)


def _judges(rated: Sequence[Rated]) -> Section:
    rows: list[Sequence[Cell]] = []
    for question in QUESTIONS:
        for system, items in ({"all": answered(rated, question)} | groups(answered(rated, question), _system)).items():
            for each in concord(items):
                shown = "-" if each.correlation is None else f"{each.correlation:.2f}"
                rows.append((each.score, question.name, system, each.items, shown))
    if not rows:
        return Section("Judges and people", [Text("The prompts came without scores of a judge.")])
    said = (
        "Spearman's rank correlation of a judge's score with the mean answer of people: 1 is the same order, 0 none; a "
        "dash where scores or answers are all the same."
    )
    return Section(
        "Judges and people", [Table(("Score", "Question", "System", "Prompts", "Correlation"), rows), Text(said)]
    )


def _reviewers(store: Store, every: Sequence[Rated], checked: dict[str, Attention], out: set[str]) -> Section:
    rows: list[Sequence[Cell]] = []
    for name, given in store.reviewers().items():
        own = [each.rating for each in every if each.reviewer == name and not each.deleted]
        passed = checked.get(name, Attention(0, 0))
        means = [
            f"{fmean(values):.2f}"
            if (values := [value for each in own if (value := getattr(each, question.name))])
            else "-"
            for question in QUESTIONS
        ]
        done = sum(each.complete for each in own)
        rows.append(
            (
                name,
                done,
                given,
                f"{passed.passed} of {passed.answered}",
                *means,
                "left out" if name in out else "counts",
            )
        )
    head = ("Reviewer", "Rated", "Given", "Checks passed", *(f"Mean {question.name}" for question in QUESTIONS), "")
    said = (
        "Checks are prompts whose relevance is known: hand-written ones, and ones on another topic. Prompts rated and "
        "given include them; nothing else in this report does."
    )
    return Section("Reviewers", [Table(head, rows), Text(said)])


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


def _provenance(store: Store) -> Section:
    told = json.dumps(store.facts(), indent=2, ensure_ascii=False)
    again = Text(f"Made again by: promptlet review report {store.path.name}")
    return Section("Provenance", [again, Code(told, "How the review was created")])


def _system(item: Item) -> str:
    return item.system


def _marks(each: Answered) -> str:
    return ", ".join(map(str, each.answers))


def _interval(each: Interval, form: str) -> str:
    return f"{each.value:{form}} [{each.low:{form}}, {each.high:{form}}]"
