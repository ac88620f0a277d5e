"""`promptlet serve`: a student over HTTP, with a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from promptlet.cli.options import EngineName, Port, StudentFolder, Threads, number, whole


def serve(  # noqa: PLR0913, PLR0917 (one per option)
    student: StudentFolder = None,
    host: Annotated[
        str, typer.Option(help="Where to listen; 0.0.0.0 is every network, which takes keys.")
    ] = "127.0.0.1",
    port: Port = 8700,
    engine: EngineName = "llamacpp",
    threads: Threads = None,
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
    queue: Annotated[
        int, typer.Option(parser=whole(0), metavar="NUMBER", help="Requests that may wait; more are refused.")
    ] = 64,
    running: Annotated[
        int | None,
        typer.Option(
            parser=whole(1),
            metavar="NUMBER",
            help="Requests worked on side by side.",
            show_default="four per thread; at least 16 with openvino and vllm",
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(parser=number(above=0), metavar="SECONDS", help="Within which a request must be done.")
    ] = 60,
    grace: Annotated[
        float,
        typer.Option(parser=number(0), metavar="SECONDS", help="For running work, once the server is asked to end."),
    ] = 25,
    log_text: Annotated[bool, typer.Option("--log-text", help="Log what is asked for.")] = False,
) -> None:
    """Serve the page and the API until Ctrl-C. What was asked for is not logged, unless you say so."""
    import os

    from promptlet.extras import needing

    with needing("serving", "serve"):
        from promptlet.serve import serving
        from promptlet.serve.access import check_rate
        from promptlet.serve.keys import VARIABLE, Keys
        from promptlet.serve.origins import check_origin
        from promptlet.serve.settings import Settings, usual_running
    from promptlet.generation import Generator
    from promptlet.generation.generator import check_threads

    check_threads(threads)
    if rate is not None:
        check_rate(rate)
    accepted = Keys.read(keys, os.environ.get(VARIABLE, ""))
    settings = Settings(
        running=usual_running(engine, threads) if running is None else running,
        waiting=queue,
        timeout=timeout,
        grace=grace,
        keys=accepted,
        rate=rate,
        origins=tuple(check_origin(each, bool(accepted)) for each in origin or ()),
        hosts=() if accepted else serving.own_names(host),
        log_text=log_text,
    )

    def tell(address: str) -> None:
        typer.echo(f"page      {address}\nAPI docs  {address}docs")

    serving.serve(lambda: Generator.load(student, engine, threads), settings, host, port, tell)
