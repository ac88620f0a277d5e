"""Options that several verbs have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

GraphFolder = Annotated[
    Path | None, typer.Option("--graph", help="A graph's folder.", show_default="the packaged graph")
]
FailUnder = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=NUMBER",
        help="Exit with 1 if a system's answered, exact, within2 or distinct2 is less; may be repeated.",
        show_default=False,
    ),
]
