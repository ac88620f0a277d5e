"""Options that several verbs have, and verbs that have verbs of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

GraphFolder = Annotated[
    Path | None, typer.Option("--graph", help="A graph's folder.", show_default="the packaged graph")
]
StudentFolder = Annotated[Path | None, typer.Argument(help="A student's folder.", show_default="the shipped student")]
EngineName = Annotated[
    str, typer.Option(help="What computes: llamacpp, torch, or vllm, a server at $PROMPTLET_VLLM_URL.")
]
Threads = Annotated[
    str | None, typer.Option(metavar="NUMBER", help="Threads that compute.", show_default="one per core")
]
Port = Annotated[str, typer.Option(metavar="NUMBER", help="Where to listen; 0 is any that is free.")]
RunFolder = Annotated[Path | None, typer.Option(help="Where the run keeps its work.", show_default="runs/NAME")]
RunnerName = Annotated[str, typer.Option(help="Where records are worked on: local or ray.")]
FailUnder = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=NUMBER",
        help="Exit with 1 if a system's answered, exact, within2 or distinct2 is less; may be repeated.",
        show_default=False,
    ),
]


def group(about: str) -> typer.Typer:
    """Return a verb that has verbs of its own; alone it prints its help."""
    app = typer.Typer(help=about, invoke_without_command=True)

    @app.callback()
    def show_help(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            typer.echo(context.get_help())

    return app
