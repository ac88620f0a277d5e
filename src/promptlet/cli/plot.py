"""`promptlet plot`: the curves of a training run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def plot(
    run: Annotated[Path, typer.Argument(help="A run's folder, or that of one training.")],
    output: Annotated[
        Path | None, typer.Option(help="The picture, .png, .svg or .pdf.", show_default="RUN/curves.png")
    ] = None,
) -> None:
    """Draw the curves of every training in a run's folder: losses, length error, learning rate, gradient."""
    from promptlet.extras import needing

    with needing("the plot", "report"):
        from promptlet.reports.curves import plot_curves

        picture = plot_curves(run, output)
    typer.echo(picture)
