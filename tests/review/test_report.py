"""The statistics of a review, its report and its exports."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from promptlet.errors import RunError
from promptlet.reports.review import report_review
from promptlet.review.export import export_ratings
from promptlet.review.items import passed
from promptlet.review.questions import RELEVANCE
from promptlet.review.records import Item
from promptlet.review.statistics import Answered, answered, attention, concord, groups, summarize
from promptlet.review.store import Store
from tests.conftest import Run
from tests.review.conftest import Review, Write


def rate_all(store: Store, reviewer: str, north: int, south: int, attentive: bool = True) -> None:
    """Give every prompt of a system the same answer; checks are passed or failed."""
    for number, item, _ in store.assigned(reviewer):
        level = {"north": north, "south": south}.get(item.system) or (3 if passed(item, 3) == attentive else 1)
        store.rate(reviewer, number, level, 4 - level)


def items_of(*answers: tuple[int, ...], scores: tuple[float, ...] = ()) -> list[Answered]:
    return [
        Answered(Item("one", "t2i", ("Topic: a",), "a", {"judge": scores[place]} if scores else {}), place, given)
        for place, given in enumerate(answers)
    ]


def test_every_prompt_counts_once_however_many_rated_it() -> None:
    summary = summarize(items_of((1, 1, 1), (3,)))
    assert summary.mean.value == 2
    assert summary.favourable.value == 0.5
    assert summary.shares == (0.5, 0, 0.5)
    assert (summary.items, summary.ratings) == (2, 4)
    assert summary.mean.low < 2 < summary.mean.high


def test_agreement_knows_the_order_of_answers() -> None:
    same = summarize(items_of((1, 1), (2, 2), (3, 3))).alpha
    assert same == pytest.approx(1)
    against = summarize(items_of((1, 3), (3, 1), (1, 3))).alpha
    assert against is not None
    assert against < 0
    near, far = (summarize(items_of((1, 1), (2, 2), (3, 3), pair)).alpha for pair in ((1, 2), (1, 3)))
    assert near is not None
    assert far is not None
    assert far < near < 1, "answers have an order"
    assert summarize(items_of((1,), (3,))).alpha is None
    assert summarize(items_of((2, 2), (2, 2), (3,))).alpha is None


def test_agreement_is_what_the_package_krippendorff_computes() -> None:
    """Version 0.9.0, level of measurement ordinal."""
    alpha = summarize(items_of((1, 1, 2), (3, 2), (2, 2, 3, 3), (1,), (3, 3, 3), (1, 2, 1))).alpha
    assert alpha == pytest.approx(0.5810998877665545)


def test_a_judge_is_compared_by_ranks() -> None:
    (risen,) = concord(items_of((1,), (2,), (3,), scores=(0.1, 0.2, 90)))
    assert risen.correlation == pytest.approx(1)
    (fallen,) = concord(items_of((3, 2), (2,), (1,), scores=(0, 1, 2)))
    assert fallen.correlation == pytest.approx(-1)
    (level,) = concord(items_of((3,), (2,), scores=(1, 1)))
    assert level.correlation is None
    assert concord(items_of((3,), (2,))) == []


def test_checks_and_what_was_taken_out_are_not_counted(review: Review) -> None:
    rate_all(review.store, "Ann", north=3, south=1)
    rate_all(review.store, "Bob", north=3, south=1, attentive=False)
    first = next(number for number, item in review.store.items().items() if item.system == "south")
    review.store.remove(first)
    rated = review.store.ratings()
    parts = groups(answered(rated, RELEVANCE), lambda item: item.system)
    assert {name: len(part) for name, part in parts.items()} == {"north": 4, "south": 3}
    assert summarize(parts["north"]).mean.value == 3
    assert {name: each.share for name, each in attention(rated).items()} == {"Ann": 1, "Bob": 0}


def test_the_report_shows_figure_judges_reviewers_and_comments(review: Review, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="has no ratings yet"):
        report_review(review.store, tmp_path / "empty")
    assert not (tmp_path / "empty").exists()
    rate_all(review.store, "Ann", north=3, south=2)
    rate_all(review.store, "Bob", north=3, south=1, attentive=False)
    number = review.store.assigned("Ann")[0][0]
    review.store.rate("Ann", number, comment="<b>odd</b> & bold")
    page = report_review(review.store, tmp_path / "report").read_text()
    assert "&lt;b&gt;odd&lt;/b&gt; &amp; bold" in page
    assert page.count("<svg") == 2
    assert "<script" not in page
    assert "src=" not in page
    text = (tmp_path / "report" / "review.md").read_text()
    assert "| north | 4 | 8 | 100.0% " in text
    assert "| south | 4 | 8 | 50.0% " in text
    assert "| Bob | 10 | 10 | 2.00 | 2.00 | 0 of 2 | yes |" in text
    assert "Spearman" in text
    report_review(review.store, tmp_path / "strict", least_passed=0.5)
    text = (tmp_path / "strict" / "review.md").read_text()
    assert "| south | 4 | 4 | 100.0% " in text
    assert "| Bob | 10 | 10 | 2.00 | 2.00 | 0 of 2 | no |" in text
    assert "8 ratings that were asked for are missing or left out" in text


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_an_export_holds_every_rating(review: Review, tmp_path: Path, ending: str) -> None:
    rate_all(review.store, "Ann", north=3, south=1)
    number, item, _ = review.store.assigned("Ann")[0]
    review.store.rate("Ann", number, comment='two\nlines, "quoted"')
    review.store.remove(number)
    path = tmp_path / f"out.{ending}"
    assert export_ratings(review.store, path) == 10
    match ending:
        case "csv":
            with path.open(newline="") as file:
                rows = [row | {"intents": json.loads(row["intents"])} for row in csv.DictReader(file)]
        case "jsonl":
            rows = [json.loads(line) for line in path.read_text().splitlines()]
        case _:
            rows = pq.read_table(path).to_pylist()
    assert len(rows) == 10
    (row,) = (row for row in rows if int(row["item"]) == number)
    assert row["comment"] == 'two\nlines, "quoted"'
    assert row["prompt"] == item.prompt
    assert row["intents"] == list(item.intents)
    assert str(row["deleted"]) == "True"


def test_the_way_from_prompts_to_a_report_on_the_command_line(tmp_path: Path, write_prompts: Write, cli: Run) -> None:
    path = tmp_path / "review.db"
    made = cli("review", "create", path, write_prompts("north"), f"s={write_prompts('south')}", "--reviewer", "Ann")
    assert re.search(r"each reviewer gets \d+\n$", made.stderr)
    assert made.returncode == 0, made.stderr
    name, _, code = made.stdout.strip().partition("\t")
    assert Store(path).reviewer(code) == name == "Ann"
    assert "8 prompts and 6 checks" in made.stderr
    assert cli("review", "invite", path, "Bob").stdout.startswith("Bob\t")
    rate_all(Store(path), "Ann", north=2, south=2)
    assert cli("review", "remove", path, "1").returncode == 0
    assert cli("review", "report", path).stdout.strip() == str(tmp_path / "review-report" / "review.html")
    refused = cli("review", "export", path, tmp_path / "ratings.txt")
    assert refused.returncode == 2
    assert ".csv, .jsonl, .parquet are allowed" in refused.stderr
