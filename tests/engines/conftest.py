"""The server behind the engine vllm: a stand-in, or vLLM itself where `make test-vllm` asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from promptlet.engines.vllm import ADDRESS
from tests.engines.vllm_stand_in import vllm_stand_in
from tests.vllm import MODEL, serving


@pytest.fixture(scope="package", autouse=True)
def vllm_server(student_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the student of the smoke run, and tell the engine where; yield its address."""
    with ExitStack() as stack:
        if MODEL is None:
            url = stack.enter_context(vllm_stand_in(student_folder)).url
        else:
            url = stack.enter_context(serving(student_folder, tmp_path_factory.mktemp("vllm") / "log"))
        stack.enter_context(pytest.MonkeyPatch.context()).setenv(ADDRESS, url)
        yield url
