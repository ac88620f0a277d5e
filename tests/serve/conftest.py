"""What the tests of the server share: the shipped student, servers in a thread or a process, an engine of steps."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Self

import httpx2 as httpx
import pytest
import uvicorn
from fastapi import FastAPI

from promptlet.engines.base import Decoded, Decoding, Engine, raise_if_stopped
from promptlet.generation import Generator
from promptlet.serve.app import make_app
from promptlet.serve.settings import Settings
from promptlet.student.format import Student, default_student, load_student

TEXT = "a calm lake under the pale morning sky"
ORDER = {"intents": "a calm lake", "words": 8, "candidates": 1, "seed": 1}
"""A request that `Stepper` can meet: its text has so many words."""


class Stepper(Engine):
    """Writes the same text always, in so many steps of so many seconds; with a fault it fails instead."""

    name = "stepper"

    def __init__(self, steps: int = 1, seconds: float = 0.0) -> None:
        self.steps, self.seconds, self.taken = steps, seconds, 0
        self.fault: Exception | None = None

    @classmethod
    def open(cls, student: Student, threads: int | None) -> Self:
        return cls()

    def decode(self, decodings: Sequence[Decoding], stop: Event | None = None) -> list[Decoded]:
        for _ in range(self.steps):
            raise_if_stopped(stop)
            self.taken += 1
            time.sleep(self.seconds)
        if self.fault is not None:
            raise self.fault
        return [Decoded(TEXT, (5,) * 9, (-0.1,) * 9, True) for _ in decodings]


@dataclass
class ServerThread:
    """A server in a thread of this process; most have a `Stepper`."""

    engine: Any
    app: FastAPI
    port: int

    @property
    def queue(self) -> Any:
        return self.app.state.service.queue

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, **settings: Any) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=60, **settings)

    def send(self, path: str = "/v1/prompts", body: str = "") -> socket.socket:
        """Send a request and return its connection, without reading."""
        connection = socket.create_connection(("127.0.0.1", self.port))
        head = f"Host: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        connection.sendall(f"POST {path} HTTP/1.1\r\n{head}\r\n{body}".encode())
        return connection


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


@contextmanager
def server_thread(engine: Engine, **settings: Any) -> Iterator[ServerThread]:
    """Serve the shipped student by an engine, with some settings."""
    app = make_app(Generator(load_student(default_student()), engine), Settings(**settings))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, http="h11", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            until(lambda: server.started and app.state.service.warm)
            yield ServerThread(engine, app, listening.getsockname()[1])
        finally:
            app.state.service.queue.stop()
            server.should_exit = True
            thread.join()


@dataclass
class ServerProcess:
    """A server in a process of its own."""

    address: str
    process: subprocess.Popen[str]
    log: Path

    def client(self, **settings: Any) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=60, **settings)


@contextmanager
def server_process(log: Path, *options: object, script: str | None = None) -> Iterator[ServerProcess]:
    """Run `promptlet serve` with some options, or a script that does, until it is ready; its log goes to a file."""
    command = [sys.executable, "-m", "promptlet", "serve", "--port", "0", *map(str, options)]
    command = command if script is None else [sys.executable, "-c", script]
    with (
        log.open("a") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            assert process.stdout
            printed = re.search(r"http://\S+/", process.stdout.readline())
            assert printed, log.read_text()
            until(lambda: httpx.get(f"{printed[0].replace('0.0.0.0', '127.0.0.1')}readyz").status_code == 200)
            yield ServerProcess(printed[0], process, log)
        finally:
            process.kill()


@pytest.fixture(scope="session")
def shipped() -> Generator:
    """A generator for the shipped student."""
    return Generator.load()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server of the shipped student, with the default settings."""
    with server_process(tmp_path_factory.mktemp("serve") / "log") as running:
        yield running


@pytest.fixture(scope="module")
def address(server: ServerProcess) -> str:
    """The URL of the page of that server."""
    return server.address
