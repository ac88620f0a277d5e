"""What the tests of serving share: the shipped student, servers of their own process, an engine of many steps."""

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
"""What `Stepper` can do: its text has so many words."""


class Stepper(Engine):
    """Writes the same text in so many steps, each as long as it is told; some texts it fails at."""

    name = "stepper"

    def __init__(self, steps: int = 1, pace: float = 0.0) -> None:
        self.steps, self.pace, self.taken = steps, pace, 0
        self.fault: Exception | None = None

    @classmethod
    def open(cls, student: Student, threads: int | None) -> Self:
        return cls()

    def decode(self, decodings: Sequence[Decoding], stop: Event | None = None) -> list[Decoded]:
        for _ in range(self.steps):
            raise_if_stopped(stop)
            self.taken += 1
            time.sleep(self.pace)
        if self.fault is not None:
            raise self.fault
        return [Decoded(TEXT, (5,) * 9, (-0.1,) * 9, True) for _ in decodings]


@dataclass
class Stage:
    """An application, listening in a thread; most have a `Stepper`."""

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

    def send(self, path: str = "/v1/prompts", body: str = "", head: str = "") -> socket.socket:
        """Send a request and return its connection, without reading."""
        connection = socket.create_connection(("127.0.0.1", self.port))
        told = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        connection.sendall(f"{told}{head}\r\n{body}".encode())
        return connection


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


@contextmanager
def staged(engine: Engine, **settings: Any) -> Iterator[Stage]:
    """Serve the shipped student by an engine, with some settings."""
    app = make_app(Generator(load_student(default_student()), engine), Settings(**settings))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, http="h11", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            until(lambda: server.started and app.state.service.warm)
            yield Stage(engine, app, listening.getsockname()[1])
        finally:
            app.state.service.queue.stop()
            server.should_exit = True
            thread.join()


@dataclass
class Served:
    """A server in a process of its own."""

    address: str
    process: subprocess.Popen[str]
    log: Path

    def client(self, **settings: Any) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=60, **settings)


@contextmanager
def served(log: Path, *options: object, script: str | None = None) -> Iterator[Served]:
    """Run `promptlet serve` with some options, or a script that does; its log goes to a file."""
    command = [sys.executable, "-m", "promptlet", "serve", "--port", "0", *map(str, options)]
    command = command if script is None else [sys.executable, "-c", script]
    with (
        log.open("a") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            assert process.stdout
            told = re.search(r"http://\S+/", process.stdout.readline())
            assert told, log.read_text()
            until(lambda: httpx.get(f"{told[0].replace('0.0.0.0', '127.0.0.1')}readyz").status_code == 200)
            yield Served(told[0], process, log)
        finally:
            process.kill()


@pytest.fixture(scope="session")
def shipped() -> Generator:
    """A generator for the shipped student."""
    return Generator.load()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of the shipped student, with the settings that users get."""
    with served(tmp_path_factory.mktemp("serve") / "log") as running:
        yield running


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where a server of the shipped student listens."""
    command = [sys.executable, "-m", "promptlet", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        told = re.search(r"http://\S+/", server.stdout.readline())
        assert told, "the server does not say where it is"
        yield told[0]
        server.terminate()
