"""A server that speaks as much of vLLM's protocol as the engine needs; the torch engine writes behind it.

Fields that vLLM 0.32 does not have are refused here, where vLLM would ignore them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from transformers import AutoModelForCausalLM

from promptlet import registry
from promptlet.engines.base import Decoded, Decoding, Engine, Sampling
from promptlet.student.format import load_student
from tests.endpoint import Endpoint, Reply, endpoint, refused


class StructuredOutputs(BaseModel):
    model_config = ConfigDict(extra="forbid")
    grammar: str


class Completion(BaseModel):
    """The fields of vLLM's `CompletionRequest` that matter here, with their limits."""

    model_config = ConfigDict(extra="forbid", strict=True)
    model: str
    prompt: list[int] = Field(min_length=1)
    max_tokens: int = Field(default=16, ge=1)
    seed: int | None = Field(default=None, ge=-(2**63), le=2**63 - 1)
    temperature: float = Field(default=1.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int = Field(default=0, ge=-1)
    min_p: float = Field(default=0.0, ge=0, le=1)
    logit_bias: dict[str, float] = Field(default_factory=dict, max_length=1024)
    allowed_token_ids: list[int] | None = Field(default=None, min_length=1, max_length=1024)
    structured_outputs: StructuredOutputs | None = None
    logprobs: int | None = None
    prompt_logprobs: int | None = None
    return_token_ids: bool = False
    stream: bool = False


@contextmanager
def vllm_stand_in(folder: Path) -> Iterator[Endpoint]:
    """Yield a server of the student in `folder`."""
    student = load_student(folder)
    writer: Engine = registry.load("promptlet.engines", "torch").ENGINE.open(student, 1)
    reader = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True).eval()

    def answer(_: int, body: dict[str, Any]) -> Reply:
        try:
            asked = Completion.model_validate(body)
        except ValidationError as error:
            return refused(400, str(error))
        if len(asked.prompt) + asked.max_tokens > student.description.context:
            return refused(400, f"maximum context length is {student.description.context} tokens")
        if asked.allowed_token_ids is not None:
            return _reply(asked, [scored(reader, asked)])
        written = writer.decode([_decoding(asked)])[0]
        return _reply(asked, _parts(asked, written))

    with endpoint(answer, max_model_len=student.description.context) as found:
        yield found


def _decoding(asked: Completion) -> Decoding:
    # Temperature first, as vLLM has it: the same tokens are left as with this min_p before it.
    sampling = Sampling(asked.temperature, asked.top_p, asked.top_k, asked.min_p**asked.temperature)
    biases = tuple((int(token), max(-100.0, min(100.0, bias))) for token, bias in asked.logit_bias.items())
    grammar = asked.structured_outputs.grammar if asked.structured_outputs else None
    return Decoding(tuple(asked.prompt), asked.max_tokens, asked.seed or 0, sampling, grammar, bias=biases)


def _parts(asked: Completion, written: Decoded) -> list[dict[str, Any]]:
    """Return the choice that was written, in one part per token for a stream."""
    # vLLM tells probabilities behind the grammar's mask; here that is taken to leave nothing but what was written.
    logprobs = [0.0] * len(written.ids) if asked.structured_outputs else list(written.logprobs)
    size = 1 if asked.stream else len(written.ids)
    parts = [_choice(written.ids[at : at + size], logprobs[at : at + size]) for at in range(0, len(written.ids), size)]
    parts[-1]["finish_reason"] = "stop" if written.finished else "length"
    return parts


def scored(reader: Any, asked: Completion) -> dict[str, Any]:
    """Return a choice of the one token that is allowed, with the log-probabilities of what stands before it."""
    (last,) = asked.allowed_token_ids or ()
    ids = torch.tensor([[*asked.prompt, last]])
    with torch.inference_mode():
        logits_BTV = reader(ids).logits.float().log_softmax(-1)
    logprobs = [float(logits_BTV[0, place, index]) for place, index in enumerate(ids[0, 1:].tolist())]
    told = [{str(index): {"logprob": logprob}} for index, logprob in zip(asked.prompt[1:], logprobs, strict=False)]
    return _choice([last], logprobs[-1:]) | {"prompt_logprobs": [None, *told], "finish_reason": "length"}


def _choice(ids: Any, logprobs: list[float]) -> dict[str, Any]:
    return {"index": 0, "text": "", "token_ids": list(ids), "logprobs": {"token_logprobs": logprobs}}


def _reply(asked: Completion, parts: list[dict[str, Any]]) -> Reply:
    if asked.stream:
        events = [f"data: {json.dumps({'id': '1', 'choices': [part]})}\n\n" for part in parts]
        return Reply(
            body="".join([*events, "data: [DONE]\n\n"]).encode(), headers={"Content-Type": "text/event-stream"}
        )
    return Reply(body=json.dumps({"id": "1", "choices": parts}).encode())
