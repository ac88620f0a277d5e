"""OpenAI's own client against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from promptlet.generation import Generator
from promptlet.serve.openai_bodies import split_intents
from tests.serve.conftest import ServerProcess

CHAT: list[Any] = [
    {"role": "system", "content": "You write prompts."},
    {"role": "user", "content": "something else"},
    {"role": "assistant", "content": "a bear"},
    {"role": "user", "content": [{"type": "text", "text": "Topic: birthday, scene object: balloon"}]},
]
SAME = {"seed": 7, "extra_body": {"words": 12, "candidates": 8}}


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.address}v1", api_key="none", max_retries=0, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def model(client: openai.OpenAI) -> str:
    return client.models.list().data[0].id


def expected(shipped: Generator, n: int = 1) -> list[str]:
    intents = ["Topic: birthday", "Scene object: balloon"]
    return [each.prompt for each in shipped.generate(intents, words=12, n=n, seed=7, candidates=8)]


def test_models_are_listed_and_described(client: openai.OpenAI, model: str) -> None:
    assert model == "promptlet-104m"
    assert client.models.retrieve(model).object == "model"
    with pytest.raises(openai.NotFoundError) as error:
        client.models.retrieve("gpt-5")
    assert error.value.code == "model_not_found"


def test_a_chat_gives_what_the_generator_gives(client: openai.OpenAI, model: str, shipped: Generator) -> None:
    answer = client.chat.completions.create(model=model, messages=CHAT, n=2, **SAME)
    assert [choice.message.content for choice in answer.choices] == expected(shipped, 2)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert {choice.finish_reason for choice in answer.choices} == {"stop"}
    assert answer.object == "chat.completion"
    assert answer.system_fingerprint == shipped.student.digest
    assert answer.usage
    assert answer.usage.prompt_tokens == len(
        shipped.student.codec.head(_intents(), "t2i", {"words": 12} | dict.fromkeys(_others(shipped), 4))
    )
    assert answer.usage.completion_tokens > 2 * 12
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def _intents() -> Any:
    from promptlet.types import Intent

    return (Intent("Topic", "birthday"), Intent("Scene object", "balloon"))


def _others(shipped: Generator) -> list[str]:
    return [name for name in shipped.student.commands if name != "words"]


def test_an_answer_can_be_sent_back(client: openai.OpenAI, model: str, shipped: Generator) -> None:
    first = client.chat.completions.create(model=model, messages=CHAT[:2], **SAME).choices[0].message
    empty = {"role": "assistant", "content": None, "refusal": None, "annotations": [], "audio": None, "tool_calls": []}
    for back in (first, first.model_dump(), empty, empty | {"function_call": None, "tool_calls": None}):
        history: Any = [*CHAT[:2], back, CHAT[-1]]
        answer = client.chat.completions.create(model=model, messages=history, **SAME)
        assert [choice.message.content for choice in answer.choices] == expected(shipped)
    with client.chat.completions.stream(model=model, messages=CHAT, **SAME) as helper:
        streamed = helper.get_final_completion().choices[0].message
    for back in (streamed, streamed.model_dump()):
        client.chat.completions.create(model=model, messages=[*CHAT, back, CHAT[-1]], **SAME)
    called = {"id": "x", "type": "function", "function": {"name": "x", "arguments": "{}"}}
    for wrong in ({"tool_calls": [called]}, {"refusal": "no"}, {"audio": {"id": "x"}}):
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model=model, messages=[*CHAT, empty | wrong, CHAT[-1]], **SAME)


DEFAULTS: dict[str, Any] = {
    "max_tokens": 4096,
    "stream_options": {"include_usage": True, "include_obfuscation": False},
    "stream": True,
}
CHAT_DEFAULTS: dict[str, Any] = {
    "max_completion_tokens": 1_000_000,
    "logprobs": False,
    "top_logprobs": None,
    "response_format": {"type": "text"},
    "tools": [],
    "tool_choice": "none",
    "parallel_tool_calls": False,
    "store": False,
    "service_tier": "auto",
    "metadata": {"agent": "7"},
    "reasoning_effort": "high",
    "modalities": ["text"],
}


def test_what_is_the_case_anyway_may_be_said(client: openai.OpenAI, model: str, shipped: Generator) -> None:
    chat = client.chat.completions.create(model=model, messages=CHAT, **(SAME | DEFAULTS | CHAT_DEFAULTS))
    text = "".join(choice.delta.content or "" for chunk in chat for choice in chunk.choices)
    assert text == expected(shipped)[0]
    defaults: Any = {"echo": False, "logprobs": None, "best_of": 1}
    pieces = client.completions.create(model=model, prompt="a fox", **(SAME | DEFAULTS | defaults))
    assert len("".join(choice.text for piece in pieces for choice in piece.choices).split()) == 12


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"max_tokens": 1_000_001}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"logprobs": True}, "logprobs"),
        ({"logprobs": 0}, "logprobs"),
        ({"response_format": {"type": "json_object"}}, "response_format.type"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"store": True}, "store"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"metadata": "a"}, "metadata"),
        ({"modalities": ["audio"]}, "modalities.0"),
    ],
)
def test_what_is_not_the_case_is_refused(client: openai.OpenAI, model: str, change: Any, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        client.chat.completions.create(**({"model": model, "messages": CHAT} | change))
    assert error.value.param == param


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"presence_penalty": 1}, "presence_penalty is 1: only 0 is allowed"),
        ({"frequency_penalty": -0.5}, "frequency_penalty is -0.5: only 0 is allowed"),
        ({"top_logprobs": 2}, "top_logprobs is 2: only 0 is allowed"),
    ],
)
def test_a_number_with_one_value_is_told_as_that(client: openai.OpenAI, model: str, change: Any, told: str) -> None:
    with pytest.raises(openai.BadRequestError, match=told):
        client.chat.completions.create(**({"model": model, "messages": CHAT} | change))


def test_errors_name_a_field_that_was_sent(client: openai.OpenAI, model: str) -> None:
    wrong = ["Topic: " + "x" * 130, ", ".join(["Topic: x"] * 9), "Topic: "]
    for text in wrong:
        with pytest.raises(openai.BadRequestError) as error:
            client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}])
        assert error.value.param == "messages"
        assert " - messages: " in str(error.value)
        with pytest.raises(openai.BadRequestError) as error:
            client.completions.create(model=model, prompt=text)
        assert error.value.param == "prompt"
    for empty in ("", " ", None, []):
        with pytest.raises(openai.BadRequestError) as error:
            client.chat.completions.create(model=model, messages=[*CHAT, {"role": "user", "content": empty}])
        assert error.value.param == "messages"


def test_what_is_cut_has_no_half_character(client: openai.OpenAI, model: str) -> None:
    asked: Any = SAME | {"extra_body": {"words": 5, "candidates": 1, "keep": ["🎈🦊"]}}
    for most in range(1, 40):
        choice = client.completions.create(model=model, prompt="a fox", max_tokens=most, **asked).choices[0]
        assert "\N{REPLACEMENT CHARACTER}" not in choice.text
        assert choice.text == choice.text.strip()
        if choice.finish_reason == "stop":
            break
    assert "🎈🦊" in choice.text


def test_a_chat_streams_with_usage(client: openai.OpenAI, model: str, shipped: Generator) -> None:
    stream = client.chat.completions.create(
        model=model, messages=CHAT, n=2, stream=True, stream_options={"include_usage": True}, **SAME
    )
    texts, reasons, usage = ["", ""], {}, None
    for chunk in stream:
        assert chunk.object == "chat.completion.chunk"
        usage = chunk.usage or usage
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            reasons[choice.index] = choice.finish_reason or reasons.get(choice.index)
    assert texts == expected(shipped, 2)
    assert reasons == {0: "stop", 1: "stop"}
    whole = client.chat.completions.create(model=model, messages=CHAT, n=2, **SAME).usage
    assert usage == whole
    with client.chat.completions.stream(model=model, messages=CHAT, **SAME) as helper:
        assert helper.get_final_completion().choices[0].message.content == texts[0]


def test_completions_take_several_texts(client: openai.OpenAI, model: str) -> None:
    answer = client.completions.create(model=model, prompt=["a fox", "Mood: calm\nTopic: lake"], n=2, **SAME)
    assert answer.object == "text_completion"
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert all(len(choice.text.split()) == 12 for choice in answer.choices)
    alone = client.completions.create(model=model, prompt="a fox", **SAME)
    assert alone.choices[0].text == answer.choices[0].text
    streamed = list(client.completions.create(model=model, prompt="a fox", stream=True, **SAME))
    assert "".join(chunk.choices[0].text for chunk in streamed) == alone.choices[0].text


def test_stop_and_max_tokens_cut(client: openai.OpenAI, model: str) -> None:
    whole = client.completions.create(model=model, prompt="a fox", **SAME).choices[0].text
    stop = whole.split()[4]
    cut = client.completions.create(model=model, prompt="a fox", stop=["zzz", stop], **SAME).choices[0]
    assert cut.text == whole[: whole.index(stop)].strip()
    assert cut.finish_reason == "stop"
    short = client.completions.create(model=model, prompt="a fox", max_tokens=3, **SAME)
    assert whole.startswith(short.choices[0].text)
    assert short.choices[0].finish_reason == "length"
    assert short.usage
    assert short.usage.completion_tokens == 3
    chat = client.chat.completions.create(model=model, messages=CHAT, max_completion_tokens=3, **SAME)
    assert chat.choices[0].finish_reason == "length"


def test_sampling_reaches_the_engine(client: openai.OpenAI, model: str, shipped: Generator) -> None:
    def text(**options: Any) -> str:
        return client.completions.create(model=model, prompt="a fox", **(SAME | options)).choices[0].text

    assert text() == text()
    assert text(seed=8) != text()
    one = {"extra_body": {"words": 12, "candidates": 1}}
    assert text(temperature=0, **one) == text(temperature=0, seed=99, **one)
    assert text(top_p=0.01, seed=1, **one) == text(top_p=0.01, seed=2, **one)
    token = shipped.student.codec.tokenizer.encode(" golden", add_special_tokens=False).ids[0]
    assert "golden" in text(logit_bias={str(token): 30}, **one)


def test_further_fields_are_those_of_the_native_api(client: openai.OpenAI, model: str) -> None:
    body = {"words": "10-11", "task": "t2t", "keep": ["ACME"], "ban": ["discount"]}
    text = client.completions.create(model=model, prompt="bake sale poster", seed=1, extra_body=body).choices[0].text
    assert len(text.split()) in {10, 11}
    assert "ACME" in text
    assert "discount" not in text


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"temperature": 3}, "temperature"),
        ({"n": 1000}, "n"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"frequency_penalty": 1}, "frequency_penalty"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]}]}, None),
        ({"tools": [{"type": "function", "function": {"name": "x"}}]}, "tools"),
        ({"extra_body": {"words": 500}}, "words"),
    ],
)
def test_errors_are_objects_as_openai_s(client: openai.OpenAI, model: str, change: Any, param: str | None) -> None:
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as error:
            client.chat.completions.create(**({"model": model, "messages": CHAT, "stream": stream} | change))
        assert error.value.type == "invalid_request_error"
        assert param is None or error.value.param == param


def test_another_model_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as error:
        client.chat.completions.create(model="gpt-5", messages=CHAT)
    assert (error.value.code, error.value.param) == ("model_not_found", "model")


def test_null_is_the_default(server: ServerProcess, model: str) -> None:
    body = {
        "model": model,
        "prompt": "a fox",
        "n": None,
        "stop": None,
        "temperature": None,
        "stream": None,
        "user": "u",
    }
    with server.client() as client:
        assert client.post("v1/completions", json=body).status_code == 200


@pytest.mark.parametrize(
    ("text", "intents"),
    [
        ("a fox: in snow, at night", "a fox: in snow, at night"),
        ("Topic: birthday", ["Topic: birthday"]),
        ("topic: tea, green; Mood: calm\n\nColour: red", ["topic: tea, green", "Mood: calm", "Colour: red"]),
        (" Topic : x ", ["Topic : x"]),
        ("the Mood: calm", "the Mood: calm"),
    ],
)
def test_intents_are_distinguished_from_free_text(text: str, intents: object) -> None:
    assert split_intents(text) == intents
