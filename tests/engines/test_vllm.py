"""What the engine vllm asks of its server, and what it says of a server that can't do it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from promptlet.engines.base import Decoding, Sampling
from promptlet.engines.vllm import ADDRESS, VLLM
from promptlet.errors import EngineError, UsageError
from promptlet.generation import Generator
from promptlet.student.format import Student, load_student
from tests.endpoint import Reply, endpoint, refused
from tests.engines.vllm_stand_in import vllm_stand_in


@pytest.fixture(scope="module")
def student(student_folder: Path) -> Student:
    return load_student(student_folder)


def head(student: Student) -> tuple[int, ...]:
    return tuple(
        student.codec.head((), "t2i", {name: command.values()[0] for name, command in student.commands.items()})
    )


def test_what_it_asks(student: Student) -> None:
    with vllm_stand_in(student.folder) as server:
        engine = VLLM.connect(student, server.url)
        before = len(server.bodies)
        engine.decode([Decoding(head(student), 9, 5, Sampling(0.5, 0.9, 7, 0.04), None, forbidden=(300,))])
        (body,) = server.bodies[before:]
    assert body["prompt"] == list(head(student))
    assert (body["seed"], body["temperature"], body["top_p"], body["top_k"]) == (5, 0.5, 0.9, 7)
    assert body["min_p"] == pytest.approx(0.0016)  # the same tokens, behind the temperature
    barred = {int(token) for token, bias in body["logit_bias"].items() if bias == -100}
    assert barred == {300, *student.codec.control_ids} - {student.codec.end_id}
    assert "structured_outputs" not in body


def answering(text: str, student: Student, **changes: Any) -> Callable[[int, dict[str, Any]], Reply]:
    """Return a server that writes the same text, whatever it is asked."""
    ids = [*student.codec.tokenizer.encode(" " + text, add_special_tokens=False).ids, student.codec.end_id]
    choice = {"index": 0, "token_ids": ids, "logprobs": {"token_logprobs": [0.0] * len(ids)}, "finish_reason": "stop"}

    def answer(number: int, body: dict[str, Any]) -> Reply:
        told = {"prompt_logprobs": [None] + [{str(index): {"logprob": -1.0}} for index in body["prompt"][1:]]}
        return Reply(body=json.dumps({"id": "1", "choices": [choice | told | changes]}).encode())

    return answer


@pytest.mark.parametrize(
    ("text", "changes", "named"),
    [
        ("whatever it likes", {}, "wrote 'whatever it likes' where a grammar allows 'probe' alone.*structured_outputs"),
        ("probe", {"token_ids": None}, "told no tokens; vLLM 0.12"),
        ("probe", {"token_ids": [3]}, "wrote the token 3, which it was forbidden"),
        ("probe", {"prompt_logprobs": None}, "did not tell the log-probabilities"),
        ("probe", {"logprobs": {"token_logprobs": []}}, "did not tell the log-probabilities"),
        ("probe", {"token_ids": "abc"}, "gave no completion"),
    ],
)
def test_a_server_that_cannot_do_it_is_refused(
    text: str, changes: dict[str, Any], named: str, student: Student
) -> None:
    with endpoint(answering(text, student, **changes)) as server, pytest.raises(EngineError, match=named):
        VLLM.connect(student, server.url)


@pytest.mark.parametrize(
    ("reply", "named"),
    [
        (refused(400, "This model's maximum context length is 16 tokens."), "maximum context length is 16"),
        (refused(401, "Unauthorized"), "Unauthorized"),
        (Reply(body=b"<html>a portal</html>"), "gave no completion: '<html>a portal"),
        (Reply(body=b'{"choices": []}'), "gave no completion"),
    ],
)
def test_what_a_server_says_instead_is_one_line(reply: Reply, named: str, student: Student) -> None:
    with endpoint(lambda *_: reply) as server, pytest.raises(EngineError, match=named):
        VLLM.connect(student, server.url)


def test_a_server_without_room_for_the_student_says_what_to_ask_for(student: Student) -> None:
    needed = student.description.context
    with (
        endpoint(lambda *_: refused(500, "no"), max_model_len=needed - 1) as server,
        pytest.raises(EngineError, match=f"--max-model-len {needed}"),
    ):
        VLLM.connect(student, server.url)


def test_nobody_there_no_address_and_no_threads_of_its_own(student: Student, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ADDRESS, "http://127.0.0.1:9")
    with pytest.raises(EngineError, match=r"no vLLM server answers at http://127\.0\.0\.1:9"):
        Generator.load(student.folder, "vllm")
    monkeypatch.setenv(ADDRESS, "127.0.0.1:8000")
    with pytest.raises(UsageError, match=r"'127\.0\.0\.1:8000'; an address such as http://"):
        Generator.load(student.folder, "vllm")
    with pytest.raises(UsageError, match="leave threads out"):
        Generator.load(student.folder, "vllm", threads=2)
    monkeypatch.delenv(ADDRESS)
    with pytest.raises(UsageError, match=rf"{ADDRESS}=http://"):
        Generator.load(student.folder, "vllm")


def test_a_file_of_requests_ends_with_its_server_and_goes_on(student: Student, tmp_path: Path) -> None:
    """A server that is gone is no error of a row: what was not written yet is written by the next run."""
    from promptlet.generation.batch import generate_file

    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"intents": "a cat", "words": 8}\n' * 3)
    defaults = {"candidates": 1, "seed": 1}
    with vllm_stand_in(student.folder) as server:
        engine = VLLM.connect(student, server.url)
        generate_file(Generator(student, engine), source, target, defaults)
        whole = [json.loads(line)["prompts"][0]["prompt"] for line in target.read_text().splitlines()]
    first = target.read_text().splitlines(keepends=True)[0]
    target.write_text(first)
    with pytest.raises(EngineError):
        generate_file(Generator(student, engine), source, target, defaults)
    assert target.read_text() == first
    with vllm_stand_in(student.folder) as server:
        generate_file(Generator(student, VLLM.connect(student, server.url)), source, target, defaults)
    assert [json.loads(line)["prompts"][0]["prompt"] for line in target.read_text().splitlines()] == whole
