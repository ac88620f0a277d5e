"""Distilling from an unchanged vLLM server; `make test-vllm` names the folder of the model that it serves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptlet.io.manifest import Manifest
from promptlet.io.records import read_samples
from promptlet.pipeline import load_recipe, run_recipe
from tests.vllm import MODEL, serving

pytestmark = pytest.mark.skipif(MODEL is None, reason="opt-in: make test-vllm")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the root of OpenAI's API on a server of the teacher."""
    with serving(str(MODEL), tmp_path_factory.mktemp("vllm") / "log") as url:
        yield f"{url}/v1"


@pytest.mark.parametrize("answers", ["plain", "json"])
def test_prompts_are_distilled_from_it(answers: str, server: str, tmp_path: Path) -> None:
    teacher = {"name": "openai_compatible", "base_url": server, "model": "teacher", "answers": answers, "timeout": 300}
    recipe = tmp_path / "recipe.yaml"
    # The small teacher rambles without these two, which only some servers have.
    teacher["extra"] = {"min_p": 0.1, "repetition_penalty": 1.05}
    recipe.write_text(json.dumps({"name": "x", "intents": {"count": 10}, "synthesize": {"teacher": teacher}}))
    done = run_recipe(load_recipe(recipe), tmp_path / "run", "curate")
    asked = Manifest.read(done["synthesize"])
    assert asked is not None
    counts = asked.counts
    assert counts["failed"] <= counts["requests"] // 5
    assert counts["prompt tokens"] > 100 * counts["requests"] // 2
    kept = [sample.prompt for sample in read_samples(done["curate"])]
    print(f"{answers}: {len(kept)} of {counts['requests']} kept, {asked.seconds:.0f} s, as in: {kept[0]}")  # noqa: T201
    assert len(set(kept)) == len(kept) > counts["requests"] // 5
