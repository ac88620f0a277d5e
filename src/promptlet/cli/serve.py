"""`promptlet serve`: a student over HTTP, with a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    student: Annotated[
        Path | None, typer.Argument(help="A student's folder.", show_default="the shipped student")
    ] = None,
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 is every network.")] = "127.0.0.1",
    port: Annotated[str, typer.Option(metavar="NUMBER", help="Where to listen; 0 is any that is free.")] = "8700",
    engine: Annotated[str, typer.Option(help="What computes: llamacpp or torch.")] = "llamacpp",
    threads: Annotated[
        str | None,
        typer.Option(metavar="NUMBER", help="Threads that compute.", show_default="one per core"),
    ] = None,
) -> None:
    """Serve the page and the API until Ctrl-C."""
    from promptlet.cli.extras import needing
    from promptlet.cli.numbers import whole

    number = whole("port", port, 0)
    with needing("serving", "serve"):
        from promptlet.serve.serving import serve as run
        from promptlet.serve.settings import Settings
    from promptlet.generation import Generator

    generator = Generator.load(student, engine, None if threads is None else whole("threads", threads))

    def tell(address: str) -> None:
        typer.echo(f"page      {address}\nAPI docs  {address}docs")

    run(generator, Settings(), host, number, tell)
