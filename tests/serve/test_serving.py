"""The command line: where it listens, what it refuses, and how it ends."""

from __future__ import annotations

import errno
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import pytest

from promptlet.serve.settings import usual_running
from tests.conftest import Run
from tests.serve.conftest import ServerProcess, server_process, until


@pytest.mark.parametrize(
    ("engine", "threads", "running"),
    [("llamacpp", 2, 8), ("openvino", 2, 16), ("openvino", 8, 32), ("vllm", 1, 16), ("torch", 1, 4)],
)
def test_a_server_fills_the_batches_of_its_engine(engine: str, threads: int, running: int) -> None:
    assert usual_running(engine, threads) == running


LONG = {"intents": "a calm lake", "n": 8, "words": 40, "candidates": 4, "seed": 1}


def test_a_server_that_others_reach_needs_keys(cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = cli("serve", "--host", "0.0.0.0", "--port", "0")
    assert refused.returncode == 2
    assert "API keys are needed" in refused.stderr
    keys = tmp_path / "keys"
    keys.write_text("a-key-of-enough-length\n")
    with server_process(tmp_path / "log", "--host", "0.0.0.0", "--keys", keys) as server:
        address = server.address.replace("0.0.0.0", "127.0.0.1")
        assert httpx.get(f"{address}v1/tasks").status_code == 401
        header = {"Authorization": "Bearer a-key-of-enough-length"}
        assert httpx.get(f"{address}v1/tasks", headers=header).status_code == 200
    monkeypatch.setenv("PROMPTLET_API_KEYS", "a-key-of-enough-length")
    with server_process(tmp_path / "log") as server, server.client() as client:
        assert client.get("v1/tasks").status_code == 401


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--port", "x"], "'--port': 'x'; a whole number is allowed"),
        (["--rate", "often"], "rate is 'often'"),
        (["--keys", "nowhere"], "nowhere can't be read: No such file or directory\n"),
        (["--keys", "."], "the keys in . can't be read: it is a folder, and a file is needed\n"),
        (["--rate", "0/minute"], "rate is '0/minute'"),
        (["--rate", "1/year;2/day"], "rate is '1/year;2/day'"),
        (["--threads", "0"], "threads is 0; 1 to 256 are allowed"),
        (["--timeout", "nan"], "'--timeout': 'nan'; a finite number is allowed"),
        (["--timeout", "inf"], "'--timeout': 'inf'"),
        (["--timeout", "0"], "'--timeout': 0; more than 0 is allowed"),
        (["--grace", "-1"], "'--grace': -1; 0 or more is allowed"),
        (["--origin", "https://example.org/"], "origin is 'https://example.org/'"),
        (["--origin", "*"], "origin is '*', which needs API keys"),
        (["--queue", "-1"], "'--queue': -1; 0 or more is allowed"),
        (["--engine", "x"], "x"),
        (["nowhere"], "nowhere"),
    ],
)
def test_wrong_options_are_one_line(cli: Run, options: list[str], message: str) -> None:
    refused = cli("serve", "--port", "0", *options)
    assert refused.returncode in {1, 2}
    assert message in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


def test_a_port_that_is_taken_is_an_error(server: ServerProcess, cli: Run) -> None:
    port = server.address.rpartition(":")[2].strip("/")
    refused = cli("serve", "--port", port)
    assert refused.returncode == 2
    assert f"nothing can listen at 127.0.0.1, port {port}: the port is in use; --port names another" in refused.stderr


def test_asked_to_end_it_is_not_ready_and_finishes_its_work(tmp_path: Path) -> None:
    patient = ("--grace", "300", "--timeout", "300")  # a slow machine takes a minute for this work
    with (
        server_process(tmp_path / "log", "--threads", "1", "--running", "1", *patient) as server,
        server.client() as client,
    ):
        client.post("v1/prompts", json=LONG | {"n": 1})
        with ThreadPoolExecutor(2) as threads:
            orders = [LONG | {"n": 2}, LONG | {"n": 2, "stream": True}]
            works = [threads.submit(client.post, "v1/prompts", json=order) for order in orders]
            until(lambda: "promptlet_waiting 1.0" in client.get("metrics").text)
            server.process.send_signal(signal.SIGTERM)
            until(lambda: client.get("readyz").status_code == 503)
            refused = client.post("v1/prompts", json=LONG)
            assert refused.status_code == 503
            assert "retry-after" in refused.headers
            whole, events = (work.result() for work in works)
        assert len(whole.json()["prompts"]) >= 1
        assert "event: done" in events.text
        assert server.process.wait(20) == 0
    assert "Traceback" not in server.log.read_text()


def test_what_outlasts_the_grace_is_ended(tmp_path: Path) -> None:
    with server_process(tmp_path / "log", "--grace", "1", "--threads", "1") as server, server.client() as client:
        client.post("v1/prompts", json=LONG | {"n": 1})
        with ThreadPoolExecutor(1) as threads:
            order = {"requests": [LONG | {"n": 32, "candidates": 64}] * 16}
            work = threads.submit(client.post, "v1/prompts", json=order)
            until(lambda: "promptlet_running 1.0" in client.get("metrics").text)
            server.process.send_signal(signal.SIGTERM)
            answer = work.result()
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "overloaded"
        assert server.process.wait(20) == 0


def test_the_options_of_the_command_line_reach_the_server(tmp_path: Path, student_folder: Path) -> None:
    options = (student_folder, "--rate", "1/day", "--origin", "https://shop.example", "--log-text")
    with server_process(tmp_path / "log", *options) as server, server.client() as client:
        wish = {"intents": "a velvet armadillo", "words": 8, "candidates": 1}
        answers = [client.post("v1/prompts", json=wish, headers={"Origin": "https://shop.example"}) for _ in range(2)]
        assert answers[0].status_code in (200, 422)
        assert answers[1].status_code == 429
        assert answers[0].headers["access-control-allow-origin"] == "https://shop.example"
        assert client.get("v1/models", headers={"Host": "evil.example"}).status_code == 421
        until(lambda: "velvet armadillo" in server.log.read_text())


def test_killed_it_starts_again_at_the_same_port(tmp_path: Path) -> None:
    with server_process(tmp_path / "log") as server, server.client() as client:
        port = server.address.rpartition(":")[2].strip("/")
        expected = client.post("v1/prompts", json=LONG | {"n": 1}).json()["prompts"][0]["prompt"]
        threads = [threading.Thread(target=_post, args=(server.address,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        until(lambda: "promptlet_running 0" not in client.get("metrics").text)
        server.process.send_signal(signal.SIGKILL)
        assert server.process.wait(20) == -signal.SIGKILL
        for thread in threads:
            thread.join()
        with server_process(tmp_path / "log", "--port", port) as again, again.client() as other:
            assert other.post("v1/prompts", json=LONG | {"n": 1}).json()["prompts"][0]["prompt"] == expected


def _post(address: str) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.post(f"{address}v1/prompts", json=LONG, timeout=60)


def test_clients_that_send_slowly_are_cut_off(tmp_path: Path) -> None:
    """Nothing at all, half a head, and half a body, with a short timeout."""
    script = (
        "import sys; from promptlet.cli import serve; from promptlet.serve import settings as s; "
        "real = s.Settings; s.Settings = lambda **given: real(**given, read_timeout=1.0); "
        "from promptlet.cli.main import main; sys.argv = ['promptlet', 'serve', '--port', '0']; main()"
    )
    with server_process(tmp_path / "log", script=script) as server, server.client() as client:
        address = ("127.0.0.1", int(server.address.rpartition(":")[2].strip("/")))
        silent, half, body = (socket.create_connection(address) for _ in range(3))
        half.sendall(b"GET /healthz HTTP/1.1\r\nHost: ")
        head = b"POST /v1/prompts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        body.sendall(head + b'Content-Length: 40\r\n\r\n{"intents":')
        began = time.monotonic()
        assert b"408" in body.recv(1000)
        for connection in (silent, half):
            connection.settimeout(30)
            assert connection.recv(1000) == b""
        assert time.monotonic() - began > 0.5
        assert client.get("healthz").status_code == 200


def test_a_thousand_connections_leave_room_for_one_more(server: ServerProcess) -> None:
    address = ("127.0.0.1", int(server.address.rpartition(":")[2].strip("/")))
    crowd = [socket.create_connection(address) for _ in range(1000)]
    try:
        for connection in crowd[::10]:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for connection in crowd[::10]:
            connection.settimeout(30)
            assert connection.recv(15).startswith(b"HTTP/1.1 200")
        with server.client() as client:
            assert client.post("v1/prompts", json={"intents": "a fox", "candidates": 1}).status_code == 200
    finally:
        for connection in crowd:
            connection.close()
    assert server.process.poll() is None


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + b"X: y\r\n" * 50_000,
        b"\x00\xff\xfe garbage\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /v1/prompts HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/prompts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /v1/prompts HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"POST /v1/prompts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused(server: ServerProcess, request_: bytes) -> None:
    with socket.create_connection(("127.0.0.1", int(server.address.rpartition(":")[2].strip("/")))) as connection:
        connection.settimeout(30)
        try:
            connection.sendall(request_)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(1000)
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN):
                raise
            answer = b""  # refused before it was sent
        assert answer == b"" or answer.split()[1][:1] == b"4", answer
    with server.client() as client:
        assert client.get("healthz").status_code == 200


def test_no_path_of_a_request_is_read(server: ServerProcess) -> None:
    up = ("%2e%2e/app.py", "..%2fapp.py", "fonts/..%2f..%2fapp.py", "%2fetc%2fpasswd", "docs/assets/..%2f__init__.py")
    with server.client() as client:
        for path in up:
            assert client.get(path).status_code == 404, path
