"""`promptlet report`: pages that show what a run made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from promptlet.cli.options import FailUnder, GraphFolder, Seed, group

app = group("Write pages that show what a run made.")


@app.command()
def data(
    run: Annotated[Path, typer.Argument(help="The run's folder.")],
    output: Annotated[Path | None, typer.Option(help="Where the files go.", show_default="RUN/report")] = None,
    seed: Seed = 1,
    graph: GraphFolder = None,
) -> None:
    """Write one HTML page and Markdown about a run's pairs: lengths, scores, diversity, coverage, rejects, samples."""
    from promptlet.extras import needing

    with needing("the report", "report"):
        from promptlet.reports.data import report_data

        page = report_data(run, output, seed, graph)
    typer.echo(page)


@app.command("eval")
def evaluation(
    run: Annotated[Path, typer.Argument(help="The evaluation's folder, as in evaluations/paper.")],
    output: Annotated[Path | None, typer.Option(help="Where the files go.", show_default="RUN")] = None,
    fail_under: FailUnder = None,
) -> None:
    """Write one HTML page and Markdown about a finished evaluation, from its files alone."""
    from promptlet.extras import needing

    with needing("the report", "evaluate"):
        from promptlet.evaluation.bounds import check_bounds, parse_bounds
        from promptlet.evaluation.saving import read_evaluation
        from promptlet.reports.evaluation import in_brief, report_evaluation
        from promptlet.speed.saving import read_speed

        bounds, saved = parse_bounds(fail_under or ()), read_evaluation(run)
        page = report_evaluation(saved, output or run, read_speed(run))
        typer.echo(in_brief(saved.evaluation))
        typer.echo(page)
        check_bounds(saved.evaluation, bounds)
