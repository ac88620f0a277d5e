"""Serving a review until it is interrupted."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import uvicorn

from promptlet.listening import address, listen
from promptlet.review.app import make_app
from promptlet.review.store import Store


def serve(store: Store, host: str, port: int, tell: Callable[[str], None]) -> None:
    """Serve the page at a host and port (0 is any that is free), once it listens `tell` its address.

    Raises:
        UsageError: if it can't listen there.
    """
    with listen(host, port) as listening:
        tell(address(host, listening))
        config = uvicorn.Config(make_app(store), log_level="warning", access_log=False)
        # uvicorn ends well on Ctrl-C and raises it again.
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
