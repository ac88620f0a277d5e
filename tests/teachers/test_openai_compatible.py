"""The HTTP teacher against a real server: what it asks, what it bears, how it keeps to a rate."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from promptlet.errors import TeacherError, UsageError
from promptlet.pipeline import load_recipe
from promptlet.teachers.base import Answer, TeacherChoice, TeacherRequest
from promptlet.teachers.openai_compatible import OpenAICompatible, OpenAICompatibleConfig
from tests.endpoint import Answering, Endpoint, Reply, endpoint, refused, said

CHAT = (
    {"role": "system", "content": "You write descriptions."},
    {"role": "user", "content": "a cat"},
    {"role": "assistant", "content": 'a "cat" on a mat'},
    {"role": "user", "content": "a dog"},
)
REQUEST = TeacherRequest(CHAT, max_tokens=40, temperature=0.6, top_p=0.9, seed=7)


def opened(server: Endpoint, **settings: Any) -> OpenAICompatible:
    return OpenAICompatible.open(OpenAICompatibleConfig(base_url=server.url, model="m", **settings))


def asked(answering: Answering, times: int = 1, **settings: Any) -> tuple[list[Answer], Endpoint]:
    """Return the answers to the same request, put several times at once, and the server as it was left."""
    with endpoint(answering) as server, opened(server, **settings) as teacher, ThreadPoolExecutor(times) as pool:
        return list(pool.map(teacher.complete, [REQUEST] * times)), server


def test_a_request_says_all_that_the_answer_depends_on() -> None:
    (answer,), server = asked(lambda *_: said("a dog"), extra={"min_p": 0.1})
    assert answer == Answer("a dog", True, 100, 20)
    (body,) = server.bodies
    assert body == {
        "model": "m",
        "messages": list(CHAT),
        "max_tokens": 40,
        "temperature": 0.6,
        "top_p": 0.9,
        "seed": 7,
        "min_p": 0.1,
    }


def test_fields_go_by_the_names_that_the_endpoint_has_for_them() -> None:
    _, server = asked(lambda *_: said("a dog"), names={"max_tokens": "max_completion_tokens", "seed": None})
    assert server.bodies[0].keys() == {"model", "messages", "max_completion_tokens", "temperature", "top_p"}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"extra": {"temperature": 1}}, "temperature.*already"),
        ({"names": {"sede": "s"}}, "'sede'.*seed"),
        ({"answers": "xml"}, "answers.*'xml'.*'plain' or 'json'"),
        ({"requests_per_minute": 0}, "requests_per_minute.*0"),
        ({"request_per_minute": 1}, "did you mean 'requests_per_minute'"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], named: str, tmp_path: Path) -> None:
    teacher = {"name": "openai_compatible", "base_url": "http://127.0.0.1:9/v1", "model": "m"} | settings
    (tmp_path / "recipe.yaml").write_text(json.dumps({"name": "x", "synthesize": {"teacher": teacher}}))
    with pytest.raises(UsageError, match=named):
        load_recipe(tmp_path / "recipe.yaml")


def test_only_settings_that_can_change_an_answer_make_a_run_another_one() -> None:
    def dumped(**settings: Any) -> dict[str, Any]:
        choice = TeacherChoice(name="openai_compatible", base_url="http://127.0.0.1:9/v1", model="m", **settings)
        return choice.model_dump(mode="json")

    assert dumped() == dumped(concurrency=3, timeout=9, requests_per_minute=60, api_key_variable="KEY")
    assert (
        len(
            {
                json.dumps(dumped(**more))
                for more in ({}, {"answers": "json"}, {"extra": {"min_p": 0.1}}, {"version": "2"})
            }
        )
        == 4
    )
    config = {"base_url": "http://127.0.0.1:9/v1", "model": "m"}
    identities = {
        OpenAICompatible(OpenAICompatibleConfig(**config, **more)).identity
        for more in ({}, {"answers": "json"}, {"extra": {"min_p": 0.1}}, {"extra": {"min_p": 0.2}}, {"version": "2"})
    }
    assert len(identities) == 5
    assert "m" in identities, "as answers were kept before there were versions"


def test_json_answers_are_asked_for_by_schema_and_read_out() -> None:
    (answer,), server = asked(lambda *_: said('{"prompt": "a dog\\nruns"}'), answers="json")
    assert answer.text == "a dog\nruns"
    (body,) = server.bodies
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["prompt"]
    system, _, shown, last = body["messages"]
    assert "JSON" in system["content"]
    assert json.loads(shown["content"]) == {"prompt": 'a "cat" on a mat'}
    assert last == CHAT[-1]
    assert body["max_tokens"] > 40


def test_an_endpoint_that_takes_no_schema_is_asked_in_words_alone() -> None:
    (answer,), server = asked(
        lambda *_: said('```json\n{"prompt": "x"}\n```'), answers="json", names={"response_format": None}
    )
    assert answer.text == "x"
    assert "response_format" not in server.bodies[0]
    assert "JSON" in server.bodies[0]["messages"][0]["content"]


@pytest.mark.parametrize("text", ["a dog", '{"promt": "a dog"}', '["a dog"]', '{"prompt": 3}', '{"prompt": "a d'])
def test_an_answer_that_is_no_such_json_is_an_error_of_its_row(text: str) -> None:
    with pytest.raises(TeacherError, match="no JSON object with a prompt"):
        asked(lambda *_: said(text), answers="json")


def test_a_cut_off_answer_says_so_in_either_form() -> None:
    for answers in ("plain", "json"):
        (answer,), _ = asked(lambda *_: said('{"prompt": "a d', "length"), answers=answers)
        assert not answer.finished


@pytest.mark.parametrize("thought", ["<think>\nA dog.\nSo?\n</think>\n\n", "So, a dog.</think>", ""])
def test_a_model_that_thinks_first_has_room_for_it_and_its_thoughts_are_left_out(thought: str) -> None:
    for answers, text in (("plain", "a dog"), ("json", '{"prompt": "a dog"}')):
        (answer,), server = asked(lambda *_, text=text: said(thought + text), answers=answers, thinking=2000)
        assert answer.text == "a dog"
        assert server.bodies[0]["max_tokens"] == 2040 + (16 if answers == "json" else 0)


def test_one_that_does_nothing_but_think_is_cut_off() -> None:
    for text in (None, "", "<think>A dog."):
        (answer,), _ = asked(lambda *_, text=text: said(text, "length"))
        assert not answer.finished


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(body=b"<html>busy</html>", headers={"Content-Type": "text/html"}), "no chat completion.*<html>busy"),
        (Reply(body=b"[1, 2]"), r"no chat completion.*\[1, 2\]"),
        (Reply(body=b'{"choices": []}'), "no chat completion"),
        (Reply(body=b'{"choices": [{"message": "hi"}]}'), "no chat completion"),
        (Reply(body=b""), "no chat completion"),
        (said(None), "without any text"),
        (said(""), "without any text"),
        (said("a d", "content_filter"), "content_filter"),
        (refused(400, "too many tokens"), "400.*too many tokens"),
        (refused(401, "no such key"), "401.*no such key"),
        (refused(429, "slow down"), "429.*slow down"),
        (Reply(500, b""), "500"),
        (Reply(body=None), "disconnected"),
        (Reply(body=b"", delay=5), "timed out"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_endpoint_that_misbehaves_is_a_teacher_error_that_says_how(reply: Reply, why: str) -> None:
    with pytest.raises(TeacherError, match=why) as error:
        asked(lambda *_: reply, retries=0, timeout=0.3)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "trouble", [refused(429, "slow down"), Reply(503, b""), Reply(body=None), Reply(body=b"", delay=5)]
)
def test_trouble_that_passes_is_waited_out(trouble: Reply) -> None:
    trouble.headers = {"retry-after-ms": "1"}
    (answer,), server = asked(lambda number, _: trouble if number < 2 else said("a dog"), timeout=0.3)
    assert answer.text == "a dog"
    assert len(server.bodies) == 3


def test_retry_after_is_honoured() -> None:
    busy = refused(429, "slow down", **{"Retry-After": "1"})
    _, server = asked(lambda number, _: busy if number == 0 else said("a dog"))
    first, second = server.times
    assert 1 <= second - first < 5


def test_waits_grow_when_the_endpoint_names_none() -> None:
    _, server = asked(lambda number, _: Reply(500, b"") if number < 2 else said("a dog"))
    first, second, third = server.times
    assert 0.3 < second - first < third - second


def test_the_rate_of_requests_holds_for_all_threads_and_repetitions() -> None:
    busy = refused(429, "slow down", **{"retry-after-ms": "1"})
    _, server = asked(
        lambda number, _: busy if number < 3 else said("a dog"), times=9, requests_per_minute=1200, concurrency=9
    )
    times = sorted(server.times)
    assert len(times) == 12
    # One each 50 ms: twelve starts take eleven of them, less what a busy machine makes the first one late.
    assert times[-1] - times[0] >= 11 * 0.05 * 0.7


def test_the_rate_of_tokens_holds_by_what_was_really_used() -> None:
    with endpoint(lambda *_: said("a dog")) as server, opened(server, tokens_per_minute=72_000) as teacher:
        start = time.monotonic()
        for _ in range(6):
            teacher.complete(REQUEST)
    # 120 tokens an answer at 1,200 a second: five answers must be paid for before the sixth is asked.
    assert 0.4 <= server.times[-1] - start < 3


def test_an_endpoint_that_lists_no_models_is_taken_at_its_word() -> None:
    with endpoint(lambda *_: said("a dog"), models=404) as server, opened(server) as teacher:
        assert teacher.complete(REQUEST).text == "a dog"
