"""The API behind the page: who may see what, and what a change may hold."""

from __future__ import annotations

import subprocess
import sys
import urllib.request

import pytest
from fastapi.testclient import TestClient

from promptlet.review.app import make_app
from tests.conftest import Run
from tests.review.conftest import Review


@pytest.fixture
def client(review: Review) -> TestClient:
    return TestClient(make_app(review.store))


def test_a_reviewer_sees_prompts_in_order_and_nothing_that_tells_where_they_are_from(
    client: TestClient, review: Review
) -> None:
    seen = client.get("/api/review", headers=review.header("Ann")).json()
    assert seen["reviewer"] == "Ann"
    assert [item["id"] for item in seen["items"]] == [number for number, _, _ in review.store.assigned("Ann")]
    assert all(
        item.keys() == {"id", "kind", "intents", "prompt", "relevance", "correctness", "comment"}
        for item in seen["items"]
    )
    systems = [review.store.items()[number].system for number in sorted(review.store.items())]
    assert systems != sorted(systems), "the numbers of items tell the system"


def test_changes_are_kept_part_by_part(client: TestClient, review: Review) -> None:
    number = review.store.assigned("Ann")[0][0]
    for change in ({"relevance": 2}, {"comment": "é"}, {"relevance": 2}, {}, {"correctness": 3}):
        answer = client.patch(f"/api/items/{number}", json=change, headers=review.header("Ann"))
        assert answer.status_code == 200
    assert answer.json() == {"relevance": 2, "correctness": 3, "comment": "é"}
    assert (
        client.get("/api/review", headers=review.header("Ann")).json()["items"][0] | answer.json()
        == (client.get("/api/review", headers=review.header("Ann")).json()["items"][0])
    )
    assert len(review.store.ratings()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"relevance": 0},
        {"relevance": 4},
        {"relevance": "3"},
        {"relevance": 2.5},
        {"correctness": True},
        {"comment": "x" * 2001},
        {"clarity": 3},
        [],
    ],
)
def test_a_change_that_is_none_is_refused(client: TestClient, review: Review, change: object) -> None:
    number = review.store.assigned("Ann")[0][0]
    assert client.patch(f"/api/items/{number}", json=change, headers=review.header("Ann")).status_code == 422
    assert not review.store.ratings()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (rb'{"comment": "\ud800"}', "comment: a text of Unicode characters is needed."),
        (rb'{"\ud800": 1}', "body: a text of Unicode characters is needed."),
        (b'{"clarity": 1}', "clarity: there is no such key."),
        (b'{"relevance": NaN}', "relevance: a whole number is needed."),
        (b'{"relevance"', "body: JSON decode error."),
    ],
)
def test_what_can_not_be_kept_is_refused_in_a_line(client: TestClient, review: Review, body: bytes, why: str) -> None:
    path = f"/api/items/{review.store.assigned('Ann')[0][0]}"
    header = review.header("Ann") | {"Content-Type": "application/json"}
    answer = client.patch(path, content=body, headers=header)
    assert answer.status_code == 422
    assert answer.json() == {"detail": why}
    assert not review.store.ratings()


@pytest.mark.parametrize("name", ["Ann", None])
def test_no_body_is_read_that_is_larger_than_any_of_the_page(
    client: TestClient, review: Review, name: str | None
) -> None:
    header = (review.header(name) if name else {}) | {"Content-Type": "application/json"}
    assert client.patch("/api/items/1", content=b" " * 65_537, headers=header).status_code == 413
    number, longest = review.store.assigned("Ann")[0][0], "\N{PILE OF POO}" * 2000
    answer = client.patch(f"/api/items/{number}", json={"comment": longest}, headers=review.header("Ann"))
    assert answer.json()["comment"] == longest


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic QQ=="}])
def test_without_a_code_there_is_nothing_to_see_or_write(
    client: TestClient, review: Review, header: dict[str, str]
) -> None:
    number = review.store.assigned("Ann")[0][0]
    for answer in (
        client.get("/api/review", headers=header),
        client.patch(f"/api/items/{number}", json={"relevance": 1}, headers=header),
    ):
        assert answer.status_code == 401
        assert "access code" in answer.json()["detail"]
    assert not review.store.ratings()


def test_an_item_that_is_not_there_is_told(client: TestClient, review: Review) -> None:
    answer = client.patch("/api/items/77", json={"relevance": 1}, headers=review.header("Ann"))
    assert answer.status_code == 404
    assert "no longer" in answer.json()["detail"]
    for number in (10**20, -(10**20)):
        assert client.patch(f"/api/items/{number}", json={}, headers=review.header("Ann")).status_code == 422


def test_the_page_may_load_nothing_from_elsewhere(client: TestClient) -> None:
    for path in ("/", "/page.js", "/page.css", "/icon.svg", "/api/review", "/nothing"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
    for path in ("/", "/page.js", "/page.css"):
        assert "//" not in client.get(path).text.replace("// ", "")
    assert client.get("/docs").status_code == client.get("/openapi.json").status_code == 404


def test_the_command_line_serves_on_this_machine_alone(review: Review, cli: Run) -> None:
    command = [sys.executable, "-m", "promptlet", "review", "serve", str(review.store.path), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout
        address, _, what = server.stdout.readline().strip().partition("#")
        with urllib.request.urlopen(address) as page:
            assert b"Access code" in page.read()
        port = address.removeprefix("http://127.0.0.1:").strip("/")
        refused = cli("review", "serve", review.store.path, "--port", port)
        server.terminate()
        assert server.communicate()[1] == ""
    assert what == "CODE"
    assert refused.returncode == 2
    assert f"nothing can listen at 127.0.0.1, port {port}" in refused.stderr
