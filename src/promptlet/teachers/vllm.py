"""A teacher on GPUs: any chat model that vLLM runs, in this process, or with `--runner ray` through Ray Data LLM.

Needs vLLM, in an environment of its own with its own torch. Not run by this project's tests, which have no GPU: the
way that is tested is `openai_compatible`, with `vllm serve` behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field

from promptlet.errors import TeacherError
from promptlet.extras import needing
from promptlet.pretrained import model_digest
from promptlet.teachers.base import Answer, BatchTeacher, TeacherConfig, TeacherRequest


class VLLMConfig(TeacherConfig):
    """Settings of vLLM engines."""

    model: str
    """A Hugging Face folder that all workers see."""
    engines: int = Field(default=1, ge=1, le=4096)
    """Engines that Ray places on the cluster's GPUs; in one process there is one."""
    tensor_parallel: int = Field(default=1, ge=1, le=64)
    """GPUs of one engine."""
    context: int = Field(default=4096, ge=64, le=131072)
    """Most tokens of a request and its answer."""
    batch: int = Field(default=512, ge=1, le=65536)
    """Requests handed to an engine together."""

    def weights(self) -> Path | None:
        return Path(self.model)

    def engine_arguments(self) -> dict[str, Any]:
        """Return vLLM's arguments; the exemplars that requests share are read once."""
        return {
            "tensor_parallel_size": self.tensor_parallel,
            "max_model_len": self.context,
            "enable_prefix_caching": True,
        }


class VLLM(BatchTeacher):
    """An engine that is started with the first request, so that a driver without a GPU may open it."""

    Config = VLLMConfig
    concurrency = 1

    def __init__(self, config: VLLMConfig, identity: str) -> None:
        self.config: VLLMConfig = config
        self.identity, self.batch = identity, config.batch
        self._engine: Any = None

    @classmethod
    def open(cls, config: VLLMConfig) -> Self:
        folder = Path(config.model)
        if not folder.is_dir():
            raise TeacherError(f"there is no model at {folder}: a folder with *.safetensors is expected")
        return cls(config, f"{folder.name}:{model_digest(folder)[:16]}")

    def complete_all(self, requests: Sequence[TeacherRequest]) -> Iterator[tuple[int, Answer | TeacherError]]:
        """Yield all answers once the last one is there; vLLM orders and batches them itself."""
        with needing("the vLLM teacher", "vllm"):
            import vllm
        if self._engine is None:
            self._engine = vllm.LLM(model=self.config.model, **self.config.engine_arguments())
        chats = [list(request.messages) for request in requests]
        drawing = [vllm.SamplingParams(**sampling(request)) for request in requests]
        for index, output in enumerate(self._engine.chat(chats, drawing, use_tqdm=False)):
            said = output.outputs[0]
            tokens = len(output.prompt_token_ids), len(said.token_ids)
            yield index, Answer(said.text, said.finish_reason == "stop", *tokens)

    def close(self) -> None:
        self._engine = None


def sampling(request: TeacherRequest) -> dict[str, Any]:
    """Return vLLM's sampling parameters for a request."""
    return {
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "seed": request.seed,
    }


TEACHER = VLLM
