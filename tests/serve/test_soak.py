"""Ten minutes of everything at once: memory stays, nobody is left waiting, and the text stays the same."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import httpx2 as httpx
import psutil
import pytest

from tests.serve.conftest import ServerProcess, server_process, until

SECONDS, WARM = 600, 120
ORDER = {"intents": "a calm lake", "words": 12, "seed": 5}


@pytest.mark.long
def test_memory_stays_through_ten_minutes_of_use_and_abuse(tmp_path: Path) -> None:
    with server_process(tmp_path / "log", "--queue", "8") as server:
        process, end = psutil.Process(server.process.pid), time.monotonic() + SECONDS
        with server.client() as client:
            expected = client.post("v1/prompts", json=ORDER).json()["prompts"]
        statuses: list[int] = []
        threads = [threading.Thread(target=_use, args=(server, number, end, statuses)) for number in range(24)]
        for thread in threads:
            thread.start()
        time.sleep(WARM)
        before = process.memory_info().rss
        for thread in threads:
            thread.join()
        assert set(statuses) <= {200, 503, 504}, "504: other tests compute beside this one"
        assert statuses.count(200) > 100
        with server.client() as client:
            until(lambda: "promptlet_running 0.0" in client.get("metrics").text)
            again = client.post("v1/prompts", json=ORDER).json()["prompts"]
        assert [each["prompt"] for each in again] == [each["prompt"] for each in expected]
        assert process.memory_info().rss < before * 1.1 + 2e7
        assert process.num_threads() < 60
    assert " ERROR " not in server.log.read_text()


def _use(server: ServerProcess, number: int, end: float, statuses: list[int]) -> None:
    """Ask for this and that; every third client leaves before its answer has come."""
    rng = random.Random(number)
    while time.monotonic() < end:
        order = ORDER | {"seed": rng.randrange(2**32), "n": rng.choice([1, 1, 2, 4]), "stream": number % 2 == 0}
        patience = rng.uniform(0.05, 0.5) if number % 3 == 0 else 120
        try:
            statuses.append(httpx.post(f"{server.address}v1/prompts", json=order, timeout=patience).status_code)
        except httpx.TimeoutException:
            if patience > 1:
                statuses.append(0)
