"""Options that several verbs have, and verbs that have verbs of their own."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer


def whole(lowest: float = -math.inf, highest: float = math.inf) -> Callable[[str], int]:
    """Return an option's parser of whole numbers; what it refuses it names, as typer's own does not."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError as error:
            raise typer.BadParameter(f"{text!r}; a whole number is allowed") from error
        _check(text, value, lowest, highest)
        return value

    return parse


def number(lowest: float = -math.inf, highest: float = math.inf, above: float = -math.inf) -> Callable[[str], float]:
    """Return an option's parser of finite numbers."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError as error:
            raise typer.BadParameter(f"{text!r}; a number is allowed") from error
        if not math.isfinite(value):
            raise typer.BadParameter(f"{text!r}; a finite number is allowed")
        if value <= above:
            raise typer.BadParameter(f"{text}; more than {above} is allowed")
        _check(text, value, lowest, highest)
        return value

    return parse


def _check(text: str, value: float, lowest: float, highest: float) -> None:
    if not lowest <= value <= highest:
        told = f"{lowest} or more is" if highest == math.inf else f"{lowest} to {highest} are"
        raise typer.BadParameter(f"{text}; {told} allowed")


GraphFolder = Annotated[
    Path | None, typer.Option("--graph", help="A graph's folder.", show_default="the packaged graph")
]
StudentFolder = Annotated[Path | None, typer.Argument(help="A student's folder.", show_default="the shipped student")]
EngineName = Annotated[
    str, typer.Option(help="What computes: llamacpp, openvino, torch, or vllm, a server at $PROMPTLET_VLLM_URL.")
]
Threads = Annotated[
    int | None,
    typer.Option(parser=whole(), metavar="NUMBER", help="Threads that compute.", show_default="one per core"),
]
Seed = Annotated[
    int,
    typer.Option(parser=whole(0, 2**32 - 1), metavar="NUMBER", help="The same seed makes the same choices."),
]
Port = Annotated[
    int, typer.Option(parser=whole(0, 65535), metavar="NUMBER", help="Where to listen; 0 is any that is free.")
]
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
