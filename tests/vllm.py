"""A real vLLM server for the opt-in tests: `make test-vllm` sets PROMPTLET_VLLM."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import ROOT

MODEL = os.environ.get("PROMPTLET_VLLM")
"""The folder of the teacher that is served; None where there is no vLLM."""
SECONDS_TO_START = 900


@contextmanager
def serving(folder: str | Path, log: Path) -> Iterator[str]:
    """Yield the root of a server that scripts/vllm.sh starts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("w") as file:
        process = subprocess.Popen(
            [ROOT / "scripts" / "vllm.sh", "serve", str(folder)],
            env=os.environ | {"PORT": str(port)},
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + SECONDS_TO_START
        while not _answers(f"{url}/v1/models"):
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(1)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, TimeoutError):
        return False
