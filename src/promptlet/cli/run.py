"""`promptlet run RECIPE.yaml`: from intents to a measured student."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer


def run(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a YAML file.", show_default=False)],
    folder: Annotated[Path | None, typer.Option(help="Where the run keeps its work.", show_default="runs/NAME")] = None,
    until: Annotated[str, typer.Option(help="The last stage to run.")] = "evaluate",
    runner: Annotated[str, typer.Option(help="Where records are worked on: local or ray.")] = "local",
) -> None:
    """Run the stages of a recipe that are not up to date. Safe to stop and to run again at any point."""
    from promptlet.pipeline import load_recipe, run_recipe

    loaded = load_recipe(recipe)
    try:
        folders = run_recipe(
            loaded, folder or Path("runs") / loaded.head.name, until, lambda line: typer.echo(line, err=True), runner
        )
    except KeyboardInterrupt:
        typer.echo("promptlet: interrupted; finished work is kept, run again to go on", err=True)
        # Threads may still sit in native code; all that matters is on disk.
        os._exit(130)
    typer.echo(folders[until])
