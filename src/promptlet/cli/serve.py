"""`promptlet serve`: a student over HTTP, with a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(  # noqa: PLR0913, PLR0917 (one per option)
    student: Annotated[
        Path | None, typer.Argument(help="A student's folder.", show_default="the shipped student")
    ] = None,
    host: Annotated[
        str, typer.Option(help="Where to listen; 0.0.0.0 is every network, which takes keys.")
    ] = "127.0.0.1",
    port: Annotated[str, typer.Option(metavar="NUMBER", help="Where to listen; 0 is any that is free.")] = "8700",
    engine: Annotated[
        str, typer.Option(help="What computes: llamacpp, torch, or vllm, a server at $PROMPTLET_VLLM_URL.")
    ] = "llamacpp",
    threads: Annotated[
        str | None,
        typer.Option(metavar="NUMBER", help="Threads that compute.", show_default="one per core"),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(
            help="A file of API keys, a line each, as they are or as sha256:DIGITS; PROMPTLET_API_KEYS holds some too.",
            show_default=False,
        ),
    ] = None,
    origin: Annotated[
        list[str] | None,
        typer.Option(
            help="A site whose pages may use the API, as https://example.org; repeatable. With keys, * is all sites.",
            show_default=False,
        ),
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(help="Most requests that write, per key, as 120/minute.", show_default="no limit"),
    ] = None,
    queue: Annotated[str, typer.Option(metavar="NUMBER", help="Requests that may wait; more are refused.")] = "64",
    running: Annotated[
        str | None,
        typer.Option(metavar="NUMBER", help="Requests worked on side by side.", show_default="four per thread"),
    ] = None,
    timeout: Annotated[str, typer.Option(metavar="SECONDS", help="Within which a request must be done.")] = "60",
    grace: Annotated[
        str, typer.Option(metavar="SECONDS", help="For running work, once the server is asked to end.")
    ] = "25",
    log_text: Annotated[bool, typer.Option("--log-text", help="Log what is asked for.")] = False,
) -> None:
    """Serve the page and the API until Ctrl-C. What was asked for is not logged, unless you say so."""
    import os

    from promptlet.cli.numbers import number, whole
    from promptlet.cores import usable_cores
    from promptlet.extras import needing

    with needing("serving", "serve"):
        from promptlet.engines.llamacpp import TEXTS_PER_THREAD
        from promptlet.serve import serving
        from promptlet.serve.access import check_rate
        from promptlet.serve.keys import VARIABLE, Keys
        from promptlet.serve.origins import check_origin
        from promptlet.serve.settings import Settings
    from promptlet.generation import Generator

    computing = None if threads is None else whole("threads", threads, 1)
    if rate is not None:
        check_rate(rate)
    accepted = Keys.read(keys, os.environ.get(VARIABLE, ""))
    settings = Settings(
        running=TEXTS_PER_THREAD * (computing or usable_cores()) if running is None else whole("running", running, 1),
        waiting=whole("queue", queue, 0),
        timeout=number("timeout", timeout, above=0),
        grace=number("grace", grace, lowest=0),
        keys=accepted,
        rate=rate,
        origins=tuple(check_origin(each, bool(accepted)) for each in origin or ()),
        hosts=() if accepted else serving.own_names(host),
        log_text=log_text,
    )
    where = whole("port", port, 0)

    def tell(address: str) -> None:
        typer.echo(f"page      {address}\nAPI docs  {address}docs")

    serving.serve(lambda: Generator.load(student, engine, computing), settings, host, where, tell)
