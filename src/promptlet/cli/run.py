"""`promptlet run RECIPE.yaml`: from intents to a measured student."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from promptlet.cli.options import RunFolder, RunnerName


def run(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a YAML file.", show_default=False)],
    folder: RunFolder = None,
    until: Annotated[str | None, typer.Option(help="The last stage to run.", show_default="evaluate")] = None,
    runner: RunnerName = "local",
    estimate: Annotated[
        bool,
        typer.Option(
            "--estimate",
            help="Ask the teacher (tuned first, if the recipe tunes it) a short sample, say what the rest takes, stop.",
        ),
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask the teacher again for the rows that failed in a finished run.")
    ] = False,
) -> None:
    """Run the stages of a recipe that are not up to date. Safe to stop and to run again at any point."""
    from promptlet.errors import UsageError
    from promptlet.pipeline import ORDER, estimate_recipe, load_recipe, run_recipe

    if estimate and (until or retry_failed):
        raise UsageError("--estimate runs no stage after tune: it goes without --until and --retry-failed")
    loaded = load_recipe(recipe)
    place, last = folder or loaded.default_folder, until or ORDER[-1]

    def report(line: str) -> None:
        typer.echo(line, err=True)

    with interruptible():
        if estimate:
            typer.echo(estimate_recipe(loaded, place, report, runner))
        else:
            typer.echo(run_recipe(loaded, place, last, report, runner, retry_failed)[last])


@contextmanager
def interruptible() -> Iterator[None]:
    """End the process with one line when a run is interrupted from the keyboard."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("promptlet: interrupted; finished work is kept, run again to go on", err=True)
        # Threads may still sit in native code; all that matters is on disk.
        os._exit(130)
