"""The queue before the engine, over real connections, with an engine of many steps."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import httpx2 as httpx
import pytest

from promptlet.engines.base import raise_if_stopped
from promptlet.errors import StudentError
from promptlet.serve.errors import ApiError
from promptlet.serve.request_queue import RequestQueue
from tests.serve.conftest import ORDER, TEXT, ServerThread, Stepper, server_thread, until

LONG = json.dumps(ORDER | {"n": 4, "exact": False})
CHAT = json.dumps({"model": "promptlet-104m", "messages": [{"role": "user", "content": "a lake"}], "words": 8})
BATCH = json.dumps({"requests": [ORDER, ORDER]})


def streamed(body: str) -> str:
    return json.dumps(json.loads(body) | {"stream": True})


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/prompts", LONG),
        ("/v1/prompts", streamed(LONG)),
        ("/v1/prompts", BATCH),
        ("/v1/chat/completions", CHAT),
        ("/v1/chat/completions", streamed(CHAT)),
    ],
)
def test_a_client_that_leaves_frees_its_place_within_two_steps(path: str, body: str) -> None:
    with server_thread(Stepper(steps=1000, seconds=0.1), running=1) as server:
        connection = server.send(path, body)
        until(lambda: server.engine.taken >= 3)
        assert server.queue.running == 1
        connection.close()
        left = server.engine.taken
        until(lambda: server.queue.running == 0)
        assert server.engine.taken <= left + 2
        server.engine.steps = 1
        with server.client() as client:
            assert client.post("/v1/prompts", json=ORDER).status_code == 200


@pytest.fixture
def slow_server() -> Iterator[ServerThread]:
    """It has one place, one request may wait, and work takes longer than any test."""
    with server_thread(Stepper(steps=10_000, seconds=0.02), running=1, waiting=1) as server:
        yield server


def test_who_leaves_the_queue_takes_no_place(slow_server: ServerThread) -> None:
    first, second = slow_server.send(body=LONG), slow_server.send(body=LONG)
    until(lambda: (slow_server.queue.running, slow_server.queue.waiting) == (1, 1))
    second.close()
    until(lambda: slow_server.queue.waiting == 0)
    assert slow_server.queue.running == 1
    first.close()


def test_a_full_queue_refuses_at_once(slow_server: ServerThread) -> None:
    waiting = [slow_server.send(body=LONG), slow_server.send(body=LONG)]
    until(lambda: slow_server.queue.waiting == 1)
    with slow_server.client() as client:
        assert client.get("/healthz").status_code == 200
        ready = client.get("/readyz")
        assert (ready.status_code, ready.headers["retry-after"]) == (503, "1")
        taken = []
        for body in [LONG, streamed(LONG), BATCH] * 10:
            began = time.perf_counter()
            answer = client.post("/v1/prompts", content=body, headers={"Content-Type": "application/json"})
            taken.append(time.perf_counter() - began)
            assert answer.status_code == 503
            assert answer.json()["error"]["code"] == "overloaded"
            assert int(answer.headers["retry-after"]) >= 1
        # A claim about speed belongs to benchmarks/serving.py; here it must only not wait for the work.
        assert sorted(taken)[len(taken) // 2] < 1
        assert client.get("/v1/tasks").status_code == 200
    for connection in waiting:
        connection.close()


def test_everyone_in_the_queue_is_served_in_turn() -> None:
    others = set(threading.enumerate())
    with server_thread(Stepper(steps=3, seconds=0.01), running=2, waiting=64) as server, server.client() as client:
        with ThreadPoolExecutor(32) as threads:
            answers = list(threads.map(lambda _: client.post("/v1/prompts", json=ORDER), range(64)))
        assert [answer.json()["prompts"][0]["prompt"] for answer in answers] == [TEXT] * 64
        assert server.queue.idle
        assert sum(thread.name.startswith("request") for thread in set(threading.enumerate()) - others) <= 2


def counted(client: httpx.Client, route: str, status: int) -> float:
    """Return how many requests to a route ended so, as the server says it."""
    counter = f'promptlet_requests_total{{method="POST",route="{route}",status="{status}"}} '
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.removeprefix(counter)) for line in lines if line.startswith(counter))


@pytest.mark.parametrize("body", [ORDER, ORDER | {"stream": True}, {"requests": [ORDER, ORDER]}])
def test_what_takes_too_long_is_ended(body: dict[str, Any]) -> None:
    with (
        server_thread(Stepper(steps=10_000, seconds=0.02), running=1, timeout=1.0) as server,
        server.client() as client,
    ):
        answer = client.post("/v1/prompts", json=body)
        if body.get("stream"):
            assert answer.status_code == 200
            assert '"code": "timeout"' in answer.text
            until(lambda: counted(client, "/v1/prompts", 504) == 1)
        else:
            assert answer.status_code == 504
            assert answer.json()["error"]["code"] == "timeout"
        until(lambda: server.queue.idle)


@pytest.mark.parametrize("ended", [False, True])
def test_a_late_reader_gets_the_reason_for_the_end(ended: bool) -> None:
    def work(stop: Event) -> Iterator[int]:
        yield 1
        while True:
            raise_if_stopped(stop)
            time.sleep(0.01)

    async def read() -> ApiError:
        queue = RequestQueue(max_running=1, max_waiting=0, timeout=60.0 if ended else 0.1)
        job = await queue.start(work)
        assert await anext(job) == 1
        if ended:
            queue.stop()
        await asyncio.sleep(0.3)
        with pytest.raises(ApiError) as error:
            await anext(job)
        return error.value

    assert asyncio.run(read()).status_code == (503 if ended else 504)


def test_what_was_found_in_time_is_given_out() -> None:
    endless = ORDER | {"n": 2, "candidates": 24}  # the engine knows one text, so there is no second prompt
    with server_thread(Stepper(steps=20, seconds=0.02), running=1, timeout=1.5) as server, server.client() as client:
        one = client.post("/v1/prompts", json=endless)
        assert (one.status_code, len(one.json()["prompts"]), one.json()["asked"]) == (200, 1, 2)
        until(lambda: server.queue.idle)
        for requests in ([ORDER, endless, ORDER], [endless, ORDER]):
            *found, late = client.post("/v1/prompts", json={"requests": requests}).json()["results"]
            assert [(len(each["prompts"]), each["asked"]) for each in found] == [
                (1, each.get("n", 1)) for each in requests[:-1]
            ]
            assert late["error"]["code"] == "timeout"
        until(lambda: server.queue.idle)
        wish = {"role": "user", "content": "a calm lake"}
        chat = {"model": server.app.state.service.name, "messages": [wish], "words": 8, "n": 2, "seed": 1}
        assert [each["index"] for each in client.post("/v1/chat/completions", json=chat).json()["choices"]] == [0]


def test_time_in_the_queue_counts() -> None:
    with (
        server_thread(Stepper(steps=10_000, seconds=0.02), running=1, timeout=0.4) as server,
        server.client() as client,
    ):
        first = server.send(body=LONG)
        until(lambda: server.queue.running == 1)
        second = client.post("/v1/prompts", json=ORDER)
        assert second.status_code == 504
        first.close()


@pytest.mark.parametrize(
    "fault", [StudentError("llama.cpp: secret prompt"), MemoryError("secret"), ValueError("secret")]
)
def test_an_engine_s_fault_fails_the_request_alone(fault: Exception, caplog: pytest.LogCaptureFixture) -> None:
    with server_thread(Stepper(), running=1) as server, server.client() as client:
        server.engine.fault = fault
        for _ in range(3):
            answer = client.post("/v1/prompts", json=ORDER)
            assert answer.status_code == 500
            assert answer.json()["error"]["type"] == "server_error"
            streamed_text = client.post("/v1/prompts", json=ORDER | {"stream": True}).text
            assert '"code": "internal_error"' in streamed_text
            for text in (answer.text, streamed_text):
                assert "secret" not in text
                assert "Traceback" not in text
        server.engine.fault = None
        assert client.post("/v1/prompts", json=ORDER).status_code == 200
        assert server.queue.idle
    assert "secret" not in caplog.text
    assert type(fault).__name__ in caplog.text
    assert "conftest.py" in caplog.text


def test_a_slow_reader_keeps_no_place() -> None:
    """The answer waits in memory; another request is worked on meanwhile."""
    with server_thread(Stepper(), running=1) as server, server.client() as client:
        slow = server.send(body=json.dumps(ORDER | {"stream": True}))
        until(lambda: server.engine.taken == 1 and server.queue.idle)
        assert client.post("/v1/prompts", json=ORDER).status_code == 200
        got = b""
        while b"event: done" not in got:
            got += slow.recv(65536)
        slow.close()


def test_what_is_measured() -> None:
    with server_thread(Stepper(), running=1) as server, server.client() as client:
        for _ in range(3):
            client.post("/v1/prompts", json=ORDER)
        client.post("/v1/prompts", json=ORDER | {"n": 0})
        client.post("/v1/prompts", content=b"x" * 100_000)  # refused before a route has it
        client.get("/secret-path")
        client.get("/")
        until(lambda: 'route="page"' in client.get("/metrics").text)  # counted once it is sent
        metrics = client.get("/metrics")
        assert metrics.headers["content-type"].startswith("text/plain")
        lines = dict(line.rsplit(" ", 1) for line in metrics.text.splitlines() if line[0] != "#")
        assert lines['promptlet_requests_total{method="POST",route="/v1/prompts",status="200"}'] == "3.0"
        assert lines['promptlet_requests_total{method="POST",route="/v1/prompts",status="400"}'] == "1.0"
        assert lines['promptlet_requests_total{method="POST",route="/v1/prompts",status="413"}'] == "1.0"
        assert lines['promptlet_requests_total{method="GET",route="page",status="200"}'] == "1.0"
        assert lines['promptlet_requests_total{method="GET",route="none",status="404"}'] == "1.0"
        assert lines["promptlet_time_to_first_token_seconds_count"] == "3.0"
        assert lines["promptlet_time_per_token_seconds_count"] == "3.0"
        assert lines["promptlet_tokens_total"] == "27.0"
        assert lines['promptlet_adherence_bucket{command="words",le="0.0"}'] == "3.0"
        assert lines['promptlet_prompts_total{task="t2i"}'] == "3.0"
        assert lines["promptlet_running"] == lines["promptlet_waiting"] == "0.0"
        assert "secret" not in metrics.text


def test_what_is_measured_of_work_that_fails() -> None:
    """Its texts took the engine as much as others do, but nobody got a prompt."""

    def value(name: str) -> float | None:
        return server.app.state.service.metrics.registry.get_sample_value(
            name, {"task": "t2i"} if "prompts" in name else {}
        )

    with server_thread(Stepper(), running=1, timeout=1.0) as server, server.client() as client:
        # The engine's text has eight words.
        nothing = ORDER | {"words": 9, "candidates": 3}
        assert client.post("/v1/prompts", json=nothing).status_code == 422
        assert value("promptlet_tokens_total") == 3 * 9
        results = client.post("/v1/prompts", json={"requests": [nothing, ORDER | {"words": 500}]}).json()["results"]
        assert all("error" in each for each in results)
        assert value("promptlet_tokens_total") == 6 * 9
        assert value("promptlet_time_to_first_token_seconds_count") == 0
        server.engine.seconds = 0.8  # for two rounds there is no time
        assert client.post("/v1/prompts", json=nothing | {"candidates": 8}).status_code == 504
        until(lambda: server.queue.idle)
        assert value("promptlet_tokens_total") > 6 * 9
        assert value("promptlet_prompts_total") is None
