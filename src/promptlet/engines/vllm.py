"""The engine for many requests at once: a client of an unchanged `vllm serve` that serves the student's folder.

Where the server is stands in the environment, so that whatever opens an engine by its name can use this one. Every
decoding is a request of its own, for a seed belongs to a request; the server writes them side by side.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, Self

from pydantic import BaseModel, Field, ValidationError

from promptlet.engines.base import Decoded, Decoding, Engine, Sampling, raise_if_stopped
from promptlet.errors import EngineError, UsageError
from promptlet.extras import needing
from promptlet.remote import address, reason
from promptlet.student.format import Student

ADDRESS, KEY = "PROMPTLET_VLLM_URL", "VLLM_API_KEY"
"""Environment variables: the server's root, and its key if it asks for one, which `vllm serve` reads from there too."""
_AT_ONCE = 64
"""Requests in flight per call of `decode`; the generator never draws more together."""
_PATIENCE, _REPETITIONS = 120.0, 3
"""Seconds of silence after which a request is given up, and how often it is made again."""
_GREETING = 10.0
"""Seconds in which a server says what it serves."""
_NEVER = -100.0
"""The least that servers add to a logit; whitelists, which would be safe, hold 1,024 tokens at most."""
_PROBE = "probe"


class _Logprobs(BaseModel):
    token_logprobs: list[float]


class _Choice(BaseModel):
    """What is read of a completion, or of a part of one."""

    token_ids: list[int] | None = None
    logprobs: _Logprobs | None = None
    prompt_logprobs: list[dict[int, dict[str, Any]] | None] | None = None
    finish_reason: str | None = None

    @property
    def ids(self) -> list[int]:
        return self.token_ids or []

    @property
    def of_tokens(self) -> list[float]:
        """Log-probabilities of its tokens."""
        return self.logprobs.token_logprobs if self.logprobs else []


class _Reply(BaseModel):
    choices: list[_Choice] = Field(min_length=1)


class VLLM(Engine):
    """A served student. `connect` is for who has an address at hand."""

    name = "vllm"
    side_by_side = 16

    def __init__(self, student: Student, client: Any, url: str, model: str) -> None:
        self.student, self.url, self._client, self._model = student, url, client, model
        self._unwritable = student.codec.unwritable_ids

    @classmethod
    def open(cls, student: Student, threads: int | None) -> Self:
        if threads is not None:
            raise UsageError("the engine vllm computes in its server, whose threads are its own; leave threads out")
        if not (url := os.environ.get(ADDRESS)):
            raise UsageError(f"the engine vllm needs the address of its server: {ADDRESS}=http://127.0.0.1:8000")
        return cls.connect(student, url, os.environ.get(KEY))

    @classmethod
    def connect(cls, student: Student, url: str, key: str | None = None) -> Self:
        """Return an engine on the server at `url`, which must serve the student's folder.

        Raises:
            UsageError: for what is no address.
            EngineError: if the server can't be reached, serves another model or does not enforce grammars.
        """
        with needing("the engine vllm", "distill"):
            import openai
        root = url.rstrip("/").removesuffix("/v1")
        try:
            address(root)
        except ValueError as error:
            raise UsageError(f"{ADDRESS} is '{url}'; an address such as http://127.0.0.1:8000 is allowed") from error
        client = openai.OpenAI(
            base_url=f"{root}/v1", api_key=key or "none", timeout=_PATIENCE, max_retries=_REPETITIONS
        )
        engine = cls(student, client, root, _served(client, root, student.description.context))
        engine._probe()
        return engine

    def decode(self, decodings: Sequence[Decoding], stop: Event | None = None) -> list[Decoded]:
        if len(decodings) == 1:
            return [self._decode(decodings[0], stop)]
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            return list(threads.map(lambda each: self._decode(each, stop), decodings))

    def _decode(self, decoding: Decoding, stop: Event | None) -> Decoded:
        raise_if_stopped(stop)
        body = self._body(decoding)
        choices = [self._ask(body)] if stop is None else list(self._stream(body, stop))
        ids = [index for choice in choices for index in choice.ids]
        if not ids:
            raise EngineError(f"{self.url} told no tokens; vLLM 0.12 or newer does")
        if forbidden := {*self._unwritable, *decoding.forbidden}.intersection(ids):
            raise EngineError(f"{self.url} wrote the token {min(forbidden)}, which it was forbidden")
        if decoding.grammar is None:
            logprobs = [logprob for choice in choices for logprob in choice.of_tokens]
        else:
            # With a grammar the server tells probabilities among what the grammar allows, not the student's.
            logprobs = self._logprobs(decoding.head, ids)
        if len(logprobs) != len(ids):
            raise EngineError(f"{self.url} told {len(logprobs)} log-probabilities of {len(ids)} tokens")
        finished = choices[-1].finish_reason == "stop"
        return Decoded(self.student.codec.decode(ids), tuple(ids), tuple(logprobs), finished)

    def _body(self, decoding: Decoding) -> dict[str, Any]:
        sampling = decoding.sampling
        body = {
            "prompt": list(decoding.head),
            "max_tokens": decoding.max_tokens,
            "seed": decoding.seed,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "min_p": _behind_temperature(sampling),
            "logit_bias": dict(decoding.bias) | dict.fromkeys((*self._unwritable, *decoding.forbidden), _NEVER),
            "logprobs": 1,
        }
        if decoding.grammar is not None:
            body["structured_outputs"] = {"grammar": decoding.grammar}
        return body

    def _logprobs(self, head: Sequence[int], ids: list[int]) -> list[float]:
        """Return the log-probabilities of a text that is there: the last token is the only one allowed."""
        *before, last = ids
        body = {"prompt": [*head, *before], "max_tokens": 1, "temperature": 0.0, "allowed_token_ids": [last]}
        choice = self._ask(body | {"prompt_logprobs": 1, "logprobs": 1})
        told = (choice.prompt_logprobs or [])[len(head) :]
        try:
            known = [(each or {})[index]["logprob"] for each, index in zip(told, before, strict=True)]
            return [*known, choice.of_tokens[0]]
        except (KeyError, ValueError, IndexError) as error:
            raise EngineError(f"{self.url} did not tell the log-probabilities of the tokens of a prompt") from error

    def _ask(self, body: dict[str, Any]) -> _Choice:
        """Return the one choice that the server gives."""
        import openai

        try:
            response = self._client.completions.with_raw_response.create(
                model=self._model, prompt="", extra_body=body | {"return_token_ids": True}
            )
            return _Reply.model_validate_json(response.http_response.content).choices[0]
        except openai.APIError as error:
            raise EngineError(f"{self.url}: {reason(error)}") from error
        except ValidationError as error:
            raise EngineError(f"{self.url} gave no completion: {response.http_response.text[:80]!r}") from error

    def _stream(self, body: dict[str, Any], stop: Event) -> Iterator[_Choice]:
        """Yield the parts of the one choice. Who stops hangs up, and the server gives the text up."""
        import openai

        try:
            with self._client.completions.create(
                model=self._model, prompt="", stream=True, extra_body=body | {"return_token_ids": True}
            ) as parts:
                for part in parts:
                    yield _Reply.model_validate(part.model_dump(warnings=False)).choices[0]
                    raise_if_stopped(stop)
        except openai.APIError as error:
            raise EngineError(f"{self.url}: {reason(error)}") from error
        except ValidationError as error:
            raise EngineError(f"{self.url} streams no completion") from error

    def _probe(self) -> None:
        """Have a word written that only a server with the student's tokenizer, and with grammars, writes."""
        end = self.student.codec.end_id
        room = self.student.description.context - 1
        text = self._decode(Decoding((end,), room, 0, Sampling(0.0), f'root ::= " {_PROBE}"'), None).text
        if text != _PROBE:
            raise EngineError(
                f"{self.url} wrote {text[:40]!r} where a grammar allows '{_PROBE}' alone: it serves another model, "
                "or does not know structured_outputs (vLLM 0.12 or newer does)"
            )


def _served(client: Any, url: str, needed: int) -> str:
    """Return the name of what a server serves, and refuse what has no room for so many tokens."""
    import openai

    try:
        served = client.with_options(timeout=_GREETING, max_retries=1).models.list().data
    except (openai.APIError, ValueError) as error:
        raise EngineError(f"no vLLM server answers at {url}: {reason(error)}") from error
    if not served:
        raise EngineError(f"{url} serves no model")
    room = (served[0].model_extra or {}).get("max_model_len")
    if isinstance(room, int) and room < needed:
        raise EngineError(f"{url} takes {room} tokens, and this student needs {needed}: --max-model-len {needed}")
    return str(served[0].id)


def _behind_temperature(sampling: Sampling) -> float:
    """Return the `min_p` that keeps the same tokens when it is applied behind the temperature, as vLLM does."""
    return float(sampling.min_p ** (1 / sampling.temperature)) if sampling.temperature else 0.0


ENGINE = VLLM
