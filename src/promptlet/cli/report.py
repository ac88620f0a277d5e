"""`promptlet report`: pages that show what a run made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Write pages that show what a run made.", invoke_without_command=True)


@app.callback()
def _help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def data(
    run: Annotated[Path, typer.Argument(help="The run's folder.")],
    output: Annotated[Path | None, typer.Option(help="Where the files go.", show_default="RUN/report")] = None,
    seed: Annotated[str, typer.Option(metavar="NUMBER", help="The same seed draws the same samples.")] = "1",
) -> None:
    """Write one HTML page and Markdown about a run's pairs: lengths, scores, diversity, coverage, rejects, samples."""
    from promptlet.cli.extras import needing
    from promptlet.cli.numbers import whole

    chosen = whole("seed", seed)
    with needing("the report", "report"):
        from promptlet.reports.data import report_data

        page = report_data(run, output, chosen)
    typer.echo(page)
