"""Access control: keys, rates, hosts and origins; headers, the log, and what the OpenAPI says of them."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from promptlet.errors import UsageError
from promptlet.generation import Generator
from promptlet.serve.access import HEALTH_PATHS, check_rate
from promptlet.serve.app import make_app
from promptlet.serve.keys import Keys
from promptlet.serve.origins import check_origin
from promptlet.serve.settings import Settings
from promptlet.student.format import default_student, load_student
from tests.serve.conftest import ORDER, Stepper, server_thread, until

KEYS = ["first-key-of-some-length", "other-key-of-some-length"]
BEARER = {"Authorization": f"Bearer {KEYS[0]}"}


@pytest.fixture(scope="module")
def stepping() -> Generator:
    return Generator(load_student(default_student()), Stepper())


@pytest.fixture(scope="module")
def closed(stepping: Generator) -> Iterator[TestClient]:
    with TestClient(make_app(stepping, Settings(keys=Keys.read(None, ",".join(KEYS))))) as client:
        yield client


def operations(app: FastAPI) -> list[tuple[str, str]]:
    """Return method and path of everything that the router knows, found by walking it."""
    found: set[tuple[str, str]] = set()

    def walk(routes: Any, before: str = "") -> None:
        for route in routes:
            inner = getattr(route, "original_router", None) or getattr(route, "app", None)
            path = before + (getattr(route, "path", None) or "")
            if getattr(inner, "routes", None):
                walk(inner.routes, path)
            elif path:
                found.update((method, path) for method in getattr(route, "methods", None) or ["GET", "POST"])

    walk(app.routes)
    return sorted((method, re.sub(r"\{[^}]*\}", "x", path)) for method, path in found)


def test_every_route_but_health_needs_a_key(closed: TestClient) -> None:
    app: Any = closed.app
    everything = operations(app)
    described = {
        (method.upper(), path.replace("{name}", "x"))
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    }
    assert described <= set(everything), "the walk misses routes"
    assert ("GET", "/openapi.json") in everything
    page = {"/", *(f"/{each.name}" for each in Path("src/promptlet/serve/page").iterdir())}
    closed_ones = 0
    for method, path in everything:
        status = closed.request(method, path).status_code
        if path in {*HEALTH_PATHS, *page, "/docs"} or path.startswith("/fonts/"):
            assert status != 401, path
        else:
            closed_ones += 1
            assert status == 401, (method, path)
            assert closed.request(method, path, headers=BEARER).status_code != 401
    assert closed_ones >= 9


def test_a_route_that_is_added_is_closed(stepping: Generator) -> None:
    app = make_app(stepping, Settings(keys=Keys.read(None, KEYS[0])))
    app.get("/added")(lambda: "secret")
    with TestClient(app) as client:
        assert client.get("/added").status_code == 401
        assert client.get("/added/../healthz/../added").status_code == 401
        assert client.get("/nowhere").status_code == 401
        assert client.get("/added", headers=BEARER).json() == "secret"


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {KEYS[0]}", KEYS[0], f"Bearer {KEYS[0]}x", "Bearer \xe9\xff"],
)
def test_what_is_no_key_is_refused(closed: TestClient, header: str) -> None:
    answer = closed.get("/v1/tasks", headers={"Authorization": header.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"]["code"] == "invalid_api_key"
    assert KEYS[0] not in answer.text


def test_several_keys_are_valid(closed: TestClient) -> None:
    for key in KEYS:
        assert closed.get("/v1/tasks", headers={"Authorization": f"bearer {key}"}).status_code == 200


def test_keys_are_read_from_files_and_kept_as_digests(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    digest = hashlib.sha256(KEYS[1].encode()).hexdigest()
    file.write_text(f"# ours\n{KEYS[0]}\n\nsha256:{digest}\n")
    keys = Keys.read(file, "a-third-key-of-some-length, fourth-key-of-some-length")
    assert len(keys.digests) == 4
    assert keys.name(KEYS[1]) == digest[:8]
    assert all(keys.name(key) for key in [*KEYS, "a-third-key-of-some-length", "fourth-key-of-some-length"])
    assert keys.name("sha256:" + digest) is None
    assert not any(key in repr(keys) for key in KEYS)
    assert not Keys.read(None, "")
    file.write_text(f"  # mine\nSHA256:{digest.upper()}\n", encoding="utf-8-sig")
    assert Keys.read(file).name(KEYS[1]) == digest[:8]
    for text in ("short", "with space and length", "sha256:12", "Sha256:" + "0" * 63, f"sha256:{digest}0"):
        file.write_text(f"# ours\n\n{text}\n")
        with pytest.raises(UsageError, match=re.escape(f"{file}: line 3 is no ")) as error:
            Keys.read(file)
        assert text not in str(error.value)
        with pytest.raises(UsageError, match="PROMPTLET_API_KEYS: key 2 is no "):
            Keys.read(None, f"{KEYS[0]} {text.replace(' ', '')[:12]}")
    for text in ("#only a comment", "  # only a comment"):
        file.write_text(text)
        with pytest.raises(UsageError, match=re.escape(str(file))) as error:
            Keys.read(file)
        assert text not in str(error.value)
    with pytest.raises(UsageError, match="can't be read"):
        Keys.read(tmp_path / "none")


def test_each_key_has_its_own_rate(stepping: Generator) -> None:
    settings = Settings(keys=Keys.read(None, ",".join(KEYS)), rate="2/day")
    with TestClient(make_app(stepping, settings)) as client:
        statuses = [client.post("/v1/prompts", json=ORDER, headers=BEARER).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        for path in ("/v1/prompts", "/v1/completions", "/v1/chat/completions"):
            refused = client.post(path, json=ORDER, headers=BEARER)
            assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "rate_limit_exceeded"
        assert 1 <= int(refused.headers["retry-after"]) <= 24 * 3600 + 1
        other = {"Authorization": f"Bearer {KEYS[1]}"}
        assert client.post("/v1/prompts", json=ORDER, headers=other).status_code == 200
        for path in ("/v1/tasks", "/v1/intents?prefix=bal", "/v1/models", "/metrics"):
            assert client.get(path, headers=BEARER).status_code == 200, path
        assert client.get("/healthz").status_code == client.get("/").status_code == 200


def test_a_rate_must_be_one() -> None:
    assert check_rate("5/second")
    for text in ("often", "", "0/minute", "1/year;2/day"):
        with pytest.raises(UsageError, match=f"rate is '{text}'"):
            check_rate(text)


@pytest.mark.parametrize(
    "text", ["https://example.org", "http://localhost:3000", "http://[::1]:80", "chrome-extension://abc", "*"]
)
def test_an_origin_is_what_browsers_send(text: str) -> None:
    assert check_origin(text, closed=True) == text
    assert check_origin(text.upper(), closed=True) == text


@pytest.mark.parametrize(
    "text",
    [
        "example.org",
        "https://example.org/",
        "https://example.org/app",
        "https://a@b",
        "https://",
        "null",
        "",
        "https://*",
    ],
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"origin is '{text}'")):
        check_origin(text, closed=True)


def test_all_sites_only_come_in_with_keys() -> None:
    with pytest.raises(UsageError, match="needs API keys"):
        check_origin("*", closed=False)


@pytest.mark.parametrize("body", ["Content-Length: 60000\r\n", "Transfer-Encoding: chunked\r\n"])
@pytest.mark.parametrize(
    ("line", "settings", "status"),
    [
        ("POST /v1/prompts", {"hosts": ("localhost",)}, b"421"),
        ("POST /v1/prompts", {"keys": Keys.read(None, KEYS[0])}, b"401"),
        ("POST /v1/prompts", {"rate": "1/year"}, b"429"),
        ("GET /healthz", {}, b"200"),
    ],
)
def test_an_answer_to_what_was_not_read_closes_the_connection(
    body: str, line: str, settings: dict[str, Any], status: bytes
) -> None:
    with server_thread(Stepper(), **settings) as server:
        if "rate" in settings:
            with server.client() as client:
                assert client.post("/v1/prompts", json=ORDER).headers.get("connection") != "close"
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.settimeout(30)
            connection.sendall(f"{line} HTTP/1.1\r\nHost: x\r\n{body}\r\n".encode())
            got = b""
            while more := connection.recv(65536):  # until the server closes it
                got += more
        assert got.split()[1] == status
        assert b"connection: close" in got.lower()


def test_other_sites_are_shut_out_unless_named(stepping: Generator) -> None:
    site = {"Origin": "https://example.org"}
    names = "authorization, content-type, x-stainless-lang, x-stainless-retry-count"
    asks = site | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": names}
    with TestClient(make_app(stepping)) as client:
        assert "access-control-allow-origin" not in client.get("/v1/tasks", headers=site).headers
        assert client.options("/v1/prompts", headers=asks).status_code == 405
    settings = Settings(origins=("https://example.org",), keys=Keys.read(None, KEYS[0]))
    with TestClient(make_app(stepping, settings)) as client:
        allowed = client.options("/v1/prompts", headers=asks)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == "https://example.org"
        assert allowed.headers["access-control-allow-headers"] == names
        answer = client.get("/v1/tasks", headers=site | BEARER)
        assert answer.headers["access-control-allow-origin"] == "https://example.org"
        other = client.get("/v1/tasks", headers=BEARER | {"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers


def test_another_name_for_this_machine_is_refused(stepping: Generator) -> None:
    """A page of another site may have led its own name to this machine."""
    with TestClient(make_app(stepping, Settings(hosts=("localhost", "127.0.0.1", "[::1]")))) as client:
        for host, status in [
            ("localhost:8700", 200),
            ("127.0.0.1", 200),
            ("[::1]:1", 200),
            ("evil.example", 421),
            ("", 421),
        ]:
            assert client.get("/v1/tasks", headers={"Host": host}).status_code == status, host


def test_every_answer_keeps_browsers_safe_and_has_an_id(closed: TestClient) -> None:
    ids = set()
    for method, path in [
        ("GET", "/"),
        ("GET", "/healthz"),
        ("GET", "/v1/tasks"),
        ("GET", "/x"),
        ("PUT", "/v1/prompts"),
    ]:
        headers = closed.request(method, path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers
        ids.add(headers["x-request-id"])
    assert len(ids) == 5
    assert closed.get("/healthz", headers={"X-Request-Id": "mine-1"}).headers["x-request-id"] == "mine-1"
    for bad in ("a b", "x" * 65, "<script>"):
        assert closed.get("/healthz", headers={"X-Request-Id": bad}).headers["x-request-id"] != bad


def test_the_docs_load_nothing_from_elsewhere(closed: TestClient) -> None:
    page = closed.get("/docs")
    assert "//" not in page.text
    for path in re.findall(r'(?:src|href)="(docs/[^"]+)"', page.text):
        assert closed.get(f"/{path}").status_code == 200


def test_the_openapi_says_what_stands_before_the_routes(stepping: Generator) -> None:
    settings = Settings(keys=Keys.read(None, KEYS[0]), rate="9/minute", hosts=("localhost",))
    described = make_app(stepping, settings).openapi()
    ((name, scheme),) = described["components"]["securitySchemes"].items()
    assert scheme == {"type": "http", "scheme": "bearer"}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            statuses = set(operation["responses"])
            assert operation.get("security") == (None if path in HEALTH_PATHS else [{name: []}])
            assert {"421", "500"} <= statuses
            assert ("401" in statuses) == (path not in HEALTH_PATHS)
            assert ({"408", "413", "429"} <= statuses) == (method == "post")
    assert "HTTPValidationError" not in json.dumps(described)
    open_ = make_app(stepping).openapi()
    assert "securitySchemes" not in open_["components"]
    assert not {"401", "421", "429"} & set(open_["paths"]["/v1/prompts"]["post"]["responses"])


def test_examples_name_the_student_that_is_served() -> None:
    student = load_student(default_student())
    mine = replace(student, description=student.description.model_copy(update={"name": "mine"}))
    with TestClient(make_app(Generator(mine, Stepper()))) as client:
        paths = client.get("/openapi.json").json()["paths"]
        for path in ("/v1/chat/completions", "/v1/completions"):
            content = paths[path]["post"]["requestBody"]["content"]["application/json"]
            for example in content["examples"].values():
                assert example["value"]["model"] == "mine"


def test_it_is_ready_when_its_lists_are_read(stepping: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, read = Event(), Event()

    def slowly(self: Generator, request: Any, stop: Any = None) -> Any:
        reading.set()
        assert read.wait(60)
        return iter(())

    monkeypatch.setattr(Generator, "stream", slowly)
    with TestClient(make_app(stepping)) as client:
        assert reading.wait(60)
        assert (client.get("/readyz").status_code, client.get("/healthz").status_code) == (503, 200)
        read.set()
        until(lambda: client.get("/readyz").status_code == 200)
        for path in HEALTH_PATHS:
            assert client.head(path).status_code == 200


@pytest.mark.parametrize("log_text", [False, True])
def test_what_is_asked_for_is_logged_only_if_wanted(
    stepping: Generator, log_text: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "promptlet.serve")
    with TestClient(make_app(stepping, Settings(log_text=log_text, keys=Keys.read(None, KEYS[0])))) as client:
        for order in (ORDER, ORDER | {"stream": True}, ORDER | {"words": 99}, {"requests": [ORDER]}):
            client.post(
                "/v1/prompts", content=json.dumps(order | {"user": 1}).replace("lake", "sesame"), headers=BEARER
            )
        client.get("/v1/intents?prefix=sesame", headers=BEARER)
        client.get("/sesame", headers=BEARER)
    assert "POST /v1/prompts status=400" in caplog.text
    assert f"key={hashlib.sha256(KEYS[0].encode()).hexdigest()[:8]}" in caplog.text
    assert ("sesame" in caplog.text) == log_text
    assert KEYS[0] not in caplog.text
