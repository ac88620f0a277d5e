"""Serving a review until it is interrupted."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import uvicorn

from promptlet.listening import listen, root_url
from promptlet.review.app import make_app
from promptlet.review.store import Store


def serve(store: Store, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve the page at a host and port (0 is any that is free); once it listens, call `announce` with its URL.

    Raises:
        UsageError: if it can't listen there.
    """
    with listen(host, port) as listening:
        announce(root_url(host, listening))
        config = uvicorn.Config(make_app(store), log_level="warning", access_log=False)
        # uvicorn ends well on Ctrl-C and raises it again.
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
