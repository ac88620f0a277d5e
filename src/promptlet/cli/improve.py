"""`promptlet improve RECIPE.yaml`: let the student learn from its own outcomes, and see what every round gave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from promptlet.cli.options import RunFolder, RunnerName


def improve(
    recipe: Annotated[
        Path, typer.Argument(help="The recipe; its section `improve` says how often and how.", show_default=False)
    ],
    folder: RunFolder = None,
    runner: RunnerName = "local",
) -> None:
    """Run a recipe up to its rounds of improvement, as far as it is not done, and print how the student stood."""
    from promptlet.cli.run import interruptible
    from promptlet.errors import UsageError
    from promptlet.pipeline import load_recipe, run_recipe
    from promptlet.stages.improve import ROUNDS, STAGE

    loaded = load_recipe(recipe)
    if not loaded.stages[STAGE.name].model_dump()["rounds"]:
        raise UsageError(f"{recipe} asks for no rounds; set improve.rounds to 1 or more")
    with interruptible():
        done = run_recipe(
            loaded,
            folder or loaded.default_folder,
            STAGE.name,
            lambda line: typer.echo(line, err=True),
            runner,
        )
    for row in json.loads((done[STAGE.name] / ROUNDS).read_text(encoding="utf-8")):
        typer.echo(f"round {row['round']}{'' if row['shipped'] else ' (thrown away)'}: {row['said']}")
