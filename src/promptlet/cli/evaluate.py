"""`promptlet evaluate`: measures students, teachers and endpoints on the same work, and writes a report."""

from __future__ import annotations

import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from promptlet.cli.options import FailUnder, Seed, number


def evaluate(  # noqa: PLR0913, PLR0917 (one per option)
    systems: Annotated[
        list[str],
        typer.Argument(
            help="Students' folders, 'default' (the shipped student), 'embedded' (its teacher), "
            "endpoints (URL#MODEL or a .yaml file); NAME=SYSTEM gives one another name.",
            metavar="SYSTEM...",
        ),
    ],
    suite: Annotated[
        str,
        typer.Option(help="How much is asked: quick (100 prompts of each system), paper (2,500) or full (22,000)."),
    ] = "quick",
    task: Annotated[
        list[str] | None, typer.Option(help="A task; may be repeated.", show_default="the test sets' tasks")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Where answers and the report go.", show_default="evaluations/SUITE")
    ] = None,
    seed: Seed = 1,
    judge: Annotated[
        str | None,
        typer.Option(help="An endpoint whose model rates the prompts.", show_default="the local judge alone"),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            parser=number(above=0), metavar="AMOUNT", help="The most that the judge may cost.", show_default="none"
        ),
    ] = None,
    training: Annotated[
        Path | None, typer.Option(help="Training data, to count what was copied from it.", show_default="none")
    ] = None,
    fail_under: FailUnder = None,
    speed: Annotated[bool, typer.Option(help="Measure how fast students write here.")] = True,
) -> None:
    """Measure length, relevance, diversity, safety and speed of what systems write. Safe to stop and to run again."""
    from promptlet.extras import needing

    with needing("evaluation", "evaluate"):
        from promptlet.evaluation.bounds import check_bounds, parse_bounds
        from promptlet.evaluation.judge import choose_judge
        from promptlet.evaluation.run import evaluate as measure
        from promptlet.evaluation.saving import SavedEvaluation, check_folder, check_systems, save_evaluation
        from promptlet.evaluation.suites import choose_tasks, load_suite
        from promptlet.evaluation.systems import open_systems, students
        from promptlet.remote import without_credentials
        from promptlet.reports.evaluation import in_brief, report_evaluation
        from promptlet.speed.saving import measure_speed

        bounds, asked, tasks = parse_bounds(fail_under or ()), load_suite(suite), choose_tasks(task)
        rater = choose_judge(judge, budget)
        folder = output or Path("evaluations") / suite
        check_folder(folder)
        with ExitStack() as stack:  # what was asked takes no memory while speed is measured
            if rater:
                stack.callback(rater.model.close)
            opened = open_systems(systems)
            for system in opened:
                stack.callback(system.close)
            if output is None:
                check_systems(folder, opened)
            found = measure(opened, asked, tasks, folder, seed, rater, training)
        command = shlex.join(["promptlet", *map(without_credentials, sys.argv[1:])])
        saved = SavedEvaluation(found, f"Suite {suite}, seed {seed}", command)
        save_evaluation(saved, folder)
        folders = students(systems) if speed else {}
        page = report_evaluation(saved, folder, measure_speed(folders, folder) if folders else None)
        typer.echo(in_brief(found))
        typer.echo(page)
        check_bounds(found, bounds)
