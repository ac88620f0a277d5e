"""The native API: what comes back, at once, in batches and as events; choices; and the errors of wrong requests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from fastapi.testclient import TestClient

from promptlet.engines.base import Decoded, Decoding
from promptlet.generation import Generator
from promptlet.serve.app import make_app
from promptlet.serve.settings import Limits, Settings
from promptlet.serve.spans import spans
from promptlet.stemming import content_stems, stems
from tests.serve.conftest import Stepper

INTENTS = ["Topic: birthday", "Scene object: balloon"]
ORDER: dict[str, Any] = {"intents": INTENTS, "words": 12, "n": 3, "seed": 7, "candidates": 4}


DENIED = "a calm lake under Pikachu and pale sky"
TEXT_WORDS = 8


@pytest.fixture(scope="module")
def client(shipped: Generator) -> Iterator[TestClient]:
    with TestClient(make_app(shipped)) as client:
        yield client


def events(text: str) -> list[tuple[str, Any]]:
    """Return the name and data of each event."""
    found = []
    for block in text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((lines.get("event", "message"), json.loads(lines["data"])))
    return found


def test_prompts_are_those_of_the_generator(client: TestClient, shipped: Generator) -> None:
    answer = client.post("/v1/prompts", json=ORDER)
    assert answer.status_code == 200
    expected = shipped.generate(ORDER["intents"], "t2i", 12, 3, 7, candidates=4)
    assert [each["prompt"] for each in answer.json()["prompts"]] == [each.prompt for each in expected]
    assert answer.json()["seed"] == 7
    for each in answer.json()["prompts"]:
        assert each["words"] == 12
        assert each["adherence"] == {"words": 0}
        assert each["coverage"].keys() == set(ORDER["intents"])
        assert each["untaught"] == []
        assert each["repeatable"] is True
    unknown = client.post("/v1/prompts", json={"intents": "asdf qwer", "words": 8, "candidates": 1}).json()
    assert unknown["prompts"][0]["untaught"] == ["asdf", "qwer"]


def test_a_stream_has_the_same_prompts_and_an_end(client: TestClient) -> None:
    whole = client.post("/v1/prompts", json=ORDER).json()["prompts"]
    answer = client.post("/v1/prompts", json=ORDER | {"stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    *found, (name, end) = events(answer.text)
    assert [each["prompt"] for _, each in found] == [each["prompt"] for each in whole]
    assert (name, end) == ("done", {"found": 3, "asked": 3, "seed": 7})


def test_a_seed_that_the_server_chose_gives_the_same_again(client: TestClient) -> None:
    order = {key: value for key, value in ORDER.items() if key != "seed"}
    first = client.post("/v1/prompts", json=order).json()
    again = client.post("/v1/prompts", json=order | {"seed": first["seed"]}).json()
    assert [each["prompt"] for each in again["prompts"]] == [each["prompt"] for each in first["prompts"]]


def test_a_batch_answers_in_order_and_a_bad_request_fails_alone(client: TestClient) -> None:
    wrong: list[Any] = [{"intents": ["Planet: mars"]}, ORDER | {"words": 400}, ORDER | {"words": "400"}, {"x": 1}, None]
    orders = [ORDER | {"n": 1}, *wrong, ORDER | {"words": 9}]
    results = client.post("/v1/prompts", json={"requests": orders}).json()["results"]
    assert (
        results[0]["prompts"][0]["prompt"] == client.post("/v1/prompts", json=orders[0]).json()["prompts"][0]["prompt"]
    )
    assert "unknown kind of intent 'Planet'" in results[1]["error"]["message"]
    assert [each["error"]["param"] for each in results[1:-1]] == ["intents", "words", "words", "intents", None]
    assert "40" in results[2]["error"]["message"]
    assert results[-1]["prompts"][0]["words"] == 9


def test_kept_and_banned_terms_reach_the_student(client: TestClient) -> None:
    order = ORDER | {"keep": ["(golden hour:1.2)"], "intents": "a calm lake", "n": 2}
    free = " ".join(each["prompt"] for each in client.post("/v1/prompts", json=order).json()["prompts"]).lower()
    word = max(set(re.findall("[a-z]+", free)) - {"golden"}, key=lambda word: (len(word), word))
    found = client.post("/v1/prompts", json=order | {"ban": [word]}).json()["prompts"]
    assert len(found) == 2
    for each in found:
        assert "(golden hour:1.2)" in each["prompt"]
        assert word not in each["prompt"].lower()


@pytest.mark.parametrize(
    ("change", "param", "message"),
    [
        ({"words": 100}, "words", "40"),
        ({"words": "9-5"}, "words", "backwards"),
        ({"n": 0}, "n", "1"),
        ({"n": 33}, "n", "32"),
        ({"n": True}, "n", "n is true: a whole number is needed"),
        ({"n": "3"}, "n", 'n is "3": a whole number is needed'),
        ({"seed": -1}, "seed", "0"),
        ({"temperature": 3}, "temperature", "2"),
        ({"task": "t2x"}, "task", "t2i"),
        ({"relevance": 5}, "relevance", "4"),
        ({"intents": []}, "intents", "1"),
        ({"intents": ["Topic: x"] * 9}, "intents", "8"),
        ({"intents": "x" * 500}, "intents", "400"),
        ({"intents": ["Planet: mars"]}, "intents", "unknown kind"),
        ({"intents": 5}, "intents", "intents is 5: a text is needed, or a list is needed, such as [a, b]"),
        ({"keep": ["x"] * 17}, "keep", "16"),
        ({"keep": ["x" * 121]}, "keep.0", "120"),
        ({"ban": ["moon"], "keep": ["moon"]}, "keep", "banned"),
        ({"ban": ["lake"], "intents": ["Topic: lake"]}, "intents", "banned"),
        ({"ban": ["category:moons"]}, "ban", "unknown category"),
        ({"keep": ["a b c d e f g"], "words": 6}, "words", "no room"),
        ({"intents": "Topic: , Mood: calm"}, "intents", "empty"),
        ({"logit_bias": {"x": 1}}, "logit_bias.x", "pattern"),
        ({"logit_bias": {"999999": 1}}, "logit_bias", "no token"),
        ({"logit_bias": {"5": 101}}, "logit_bias.5", "100"),
        ({"path": "/etc/passwd"}, "path", "there is no such key"),
    ],
)
def test_what_is_not_allowed_is_named(
    client: TestClient, change: dict[str, Any], param: str | None, message: str
) -> None:
    for order in (ORDER | change, ORDER | change | {"stream": True}):
        answer = client.post("/v1/prompts", json=order)
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert error["type"] == "invalid_request_error"
        assert error["param"] == param
        assert message in error["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe",
        b"",
        b"null",
        b"[" * 30_000,
        b'{"seed": ' + b"9" * 5_000 + b"}",
        b'{"intents": "\\ud800"}',
        b'{"\\ud800": "x"}',
        b'{"intents": "x", "temperature": NaN}',
        b'{"intents": "x", "temperature": 1e999}',
        b'{"intents": "x", "words": "\\u0000"}',
        b'{"intents": "\\u0000"}',
        b'{"intents": "x"',
    ],
)
def test_what_is_no_request_is_refused(client: TestClient, body: bytes) -> None:
    for path in ("/v1/prompts", "/v1/completions", "/v1/chat/completions"):
        answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400
        assert answer.json()["error"]["message"]


@pytest.mark.parametrize("words", [TEXT_WORDS, TEXT_WORDS + 1], ids=["denied", "of another length"])
def test_without_a_prompt_nothing_denied_is_told(shipped: Generator, words: int) -> None:
    """The engine writes nothing but a denied word, in as many words as are asked for or in others."""
    app = make_app(Generator(shipped.student, Rude()))
    with TestClient(app) as client:
        order = {"intents": "a fox", "words": words, "candidates": 1, "seed": 1}
        answer = client.post("/v1/prompts", json=order)
        assert answer.status_code == 422
        error = answer.json()["error"]
        assert error["code"] == "no_prompt"
        said = "says what is banned or denied"
        assert (said in error["message"]) == (words == TEXT_WORDS)
        streamed = client.post("/v1/prompts", json=order | {"stream": True})
        assert [(name, each["error"]["code"]) for name, each in events(streamed.text)] == [("error", "no_prompt")]
        assert all("pikachu" not in each.text.lower() for each in (answer, streamed))


class Rude(Stepper):
    """Writes a denied word, always."""

    def decode(self, decodings: Sequence[Decoding], stop: Event | None = None) -> list[Decoded]:
        return [replace(each, text=DENIED) for each in super().decode(decodings, stop)]


def test_limits_are_the_server_s(shipped: Generator) -> None:
    with TestClient(make_app(shipped, Settings(limits=Limits(prompts=2, batch=2, body=300)))) as client:
        assert client.post("/v1/prompts", json=ORDER).status_code == 400
        assert client.post("/v1/prompts", json={"requests": [{"intents": "x"}] * 3}).status_code == 400
        large = client.post("/v1/prompts", json={"intents": "x" * 400})
        assert large.status_code == 413
        assert large.headers["connection"] == "close"
        chunked = client.post("/v1/prompts", content=iter([b'{"intents":"', b"x" * 400]))
        assert chunked.status_code == 413
        assert client.get("/v1/tasks").json()["limits"]["prompts"] == 2


def test_who_names_no_candidates_gets_no_more_than_the_server_allows(shipped: Generator) -> None:
    with TestClient(make_app(shipped, Settings(limits=Limits(candidates=3)))) as client:
        hard = {"intents": ["Topic: fox", "Typography: serif", "Tone: formal"], "words": 8, "seed": 1}
        (prompt,) = client.post("/v1/prompts", json=hard).json()["prompts"]
        assert prompt["candidates"] <= 3


def test_tasks_say_what_can_be_asked_for(client: TestClient, shipped: Generator) -> None:
    choices = client.get("/v1/tasks").json()
    assert [each["name"] for each in choices["tasks"]] == list(shipped.student.tasks)
    assert all("Topic" in each["kinds"] for each in choices["tasks"])
    values = shipped.student.commands["words"].values()
    assert choices["commands"]["words"] == {"low": values[0], "high": values[-1]}
    assert choices["model"]["digest"] == shipped.student.digest


def test_intents_are_found_by_how_their_names_begin(client: TestClient) -> None:
    def found(**query: Any) -> list[str]:
        return [each["intent"] for each in client.get("/v1/intents", params=query).json()["intents"]]

    assert "Scene object: balloon" in found(prefix="ballo")
    assert "Scene object: balloon" in found(prefix=" BALLO", task="t2i")
    assert all(each.startswith("Mood: ") for each in found(kind="Mood", limit=50))
    assert len(found(kind="Mood", limit=3)) == 3
    assert any("hot air balloon" in each for each in found(prefix="balloon", limit=50))
    assert "Style: cinematic" in found(prefix="cinem")  # of no graph, but what image makers say
    assert found(prefix="zzzzzz") == []
    assert not any(each.startswith("Scene object") for each in found(prefix="b", task="t2t", limit=50))
    for query in ({"kind": "Planet"}, {"limit": 0}, {"limit": 51}, {"task": "x"}, {"prefix": "x" * 121}):
        assert client.get("/v1/intents", params=query).status_code == 400


def test_a_long_intent_that_was_read_in_free_text_has_spans() -> None:
    assert spans("an old temple", [f"Topic: {'temple ruins ' * 12}"]) == [(7, 13, f"Topic: {'temple ruins ' * 12}")]


def test_spans_are_where_an_intent_is_said_in_some_form() -> None:
    text = "Two red balloons 🎈 float, a red-hot birthday balloon."
    found = spans(text, ["Topic: birthday", "Scene object: red balloon"])
    assert [(text[start:end], intent) for start, end, intent in found] == [
        ("red balloons", "Scene object: red balloon"),
        ("red", "Scene object: red balloon"),
        ("birthday", "Topic: birthday"),
        ("balloon", "Scene object: red balloon"),
    ]
    for start, end, intent in found:
        assert set(stems(text[start:end])) <= content_stems(intent.partition(": ")[2])


def test_the_openapi_s_examples_are_true(client: TestClient) -> None:
    count = 0
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            if "requestBody" in operation:
                for example in operation["requestBody"]["content"]["application/json"]["examples"].values():
                    assert client.request(method, path, json=example["value"]).status_code == 200, example
                    count += 1
    assert count >= 6


def test_what_free_text_is_taken_for_is_told_as_it_is_taken(client: TestClient) -> None:
    text = "a serene zorbleflex without people --ar 16:9, 8k"
    read = client.get("/v1/reading", params={"text": text, "task": "t2i"}).json()
    assert read == {
        "intents": [
            {"intent": "Topic: zorbleflex", "kind": "Topic", "value": "zorbleflex"},
            {"intent": "Mood: serene", "kind": "Mood", "value": "serene"},
        ],
        "keep": ["--ar 16:9"],
        "ban": ["people"],
        "unread": ["8k"],
        "untaught": ["zorbleflex"],
    }
    order = {"intents": text, "words": 10, "seed": 7, "candidates": 4}
    (prompt,) = client.post("/v1/prompts", json=order).json()["prompts"]
    assert prompt["intents"] == [each["intent"] for each in read["intents"]]
    assert (prompt["kept"], prompt["banned"], prompt["untaught"]) == (read["keep"], read["ban"], read["untaught"])
    refused = client.get("/v1/reading", params={"text": "no cars and no people"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "intents")
