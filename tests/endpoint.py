"""A real HTTP server that speaks as much of OpenAI's API as a teacher needs, and misbehaves as it is told to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OPENERS = ("bright", "quiet", "vivid", "simple", "layered", "airy", "warm")


@dataclass
class Reply:
    """What one request gets: a status and a body (None closes the connection), after some seconds."""

    status: int = 200
    body: bytes | None = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0


def said(text: str | None, finish_reason: str = "stop") -> Reply:
    """Return the reply that holds an answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    return Reply(body=json.dumps({"id": "1", "choices": [choice], "usage": usage}).encode())


def refused(status: int, why: str, **headers: str) -> Reply:
    """Return the reply that holds an error."""
    return Reply(status, json.dumps({"error": {"message": why}}).encode(), headers)


@dataclass
class Endpoint:
    """A running server: its root, and the requests it got, each with its time; what each call authorized itself by."""

    url: str
    authorized: list[str | None] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)


Answering = Callable[[int, dict[str, Any]], Reply]
"""From the number of a request, counted from 0, and its body to what it gets."""


@contextmanager
def endpoint(answering: Answering, models: int = 200, **facts: Any) -> Iterator[Endpoint]:
    """Yield a server on the loopback interface with the model `m`.

    `models` is the status of the list of models, and `facts` are what it says of the model besides.
    """
    lock, ended = threading.Lock(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found.authorized.append(self.headers["Authorization"])
            model = {"id": "m", "object": "model"} | facts
            self.send(Reply(models, json.dumps({"object": "list", "data": [model]}).encode()))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                number = len(found.bodies)
                found.bodies.append(body)
                found.times.append(time.monotonic())
                found.authorized.append(self.headers["Authorization"])
            self.send(answering(number, body))

        def send(self, reply: Reply) -> None:
            ended.wait(reply.delay)
            if reply.body is None or ended.is_set():  # whoever is still connected finds nobody there
                self.close_connection = True
                return
            try:
                self.send_response(reply.status)
                for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)
            except OSError:
                self.close_connection = True  # the client has gone

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = Endpoint(f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
