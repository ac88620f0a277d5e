"""llama.cpp inside this process, through xllamacpp (MIT): starting a model and asking it.

The only module that knows xllamacpp. Both the embedded teacher and the CPU engine of a student stand on it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from promptlet.cores import sleep_sooner
from promptlet.errors import PromptletError

_QUIET = -1
_MAGIC = b"GGUF"


def start_server(model: Path, slots: int, context: int, threads: int) -> Any:
    """Return a running `xllamacpp.Server`.

    Args:
        model: a GGUF file.
        slots: how many requests are decoded together.
        context: tokens per slot.
        threads: threads that compute.

    Raises:
        PromptletError: if the file is no GGUF model that llama.cpp can load.
    """
    sleep_sooner()
    import xllamacpp

    with model.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise PromptletError(f"{model} is not a GGUF file")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    parameters.n_parallel = slots
    parameters.n_ctx = slots * context
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    parameters.n_gpu_layers = 0
    parameters.cache_ram_mib = 0  # slots keep their own prefix; a second cache only costs memory
    parameters.verbosity = _QUIET
    # xllamacpp also listens on a loopback port that nobody here uses: without the key it answers no one.
    parameters.api_keys = [secrets.token_hex(16)]
    parameters.ui = parameters.endpoint_slots = parameters.endpoint_props = False

    def start() -> Any:
        server = xllamacpp.Server(parameters)
        ask(server.handle_completions, {"prompt": [0], "max_tokens": 1}, PromptletError)
        return server

    # A server that is freed before its loop has begun waits for ever; one token proves that it has. Ctrl-C reaches the
    # main thread only, so in another one nothing comes between the server and its token.
    with ThreadPoolExecutor(1) as thread:
        try:
            return thread.submit(start).result()
        except RuntimeError as error:
            raise PromptletError(f"llama.cpp can't load {model}: {error}") from error


def ask(handler: Callable[[dict[str, Any]], Any], body: dict[str, Any], failure: type[PromptletError]) -> Any:
    """Return a handler's reply, with llama.cpp's error objects and exceptions turned into `failure`."""
    try:
        return _checked(handler(body), failure)
    except RuntimeError as error:
        raise failure(f"llama.cpp: {error}") from error


def ask_stepwise(
    handler: Callable[..., Any], body: dict[str, Any], stop: Callable[[], bool], failure: type[PromptletError]
) -> list[Any]:
    """Return a handler's replies, one per token; after each `stop` says whether to leave it at those."""
    replies: list[bytes] = []

    def take(reply: bytes) -> bool:
        replies.append(reply)
        return stop()

    try:
        # As bytes, replies are parsed when the text is there, not while llama.cpp waits.
        handler(json.dumps(body | {"stream": True}).encode(), take)
    except RuntimeError as error:
        raise failure(f"llama.cpp: {error}") from error
    return [_checked(json.loads(reply), failure) for reply in replies]


def _checked(reply: Any, failure: type[PromptletError]) -> Any:
    if "error" in reply:
        raise failure(f"llama.cpp: {reply['error'].get('message', reply['error'])}")
    return reply
