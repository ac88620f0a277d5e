"""Keys of endpoints: sent with every call, from the variable that is named, and written nowhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from promptlet.evaluation.saving import SavedEvaluation, save_evaluation
from promptlet.pipeline import load_recipe, run_recipe
from promptlet.reports.evaluation import report_evaluation
from tests.conftest import Run
from tests.endpoint import Reply, endpoint, refused, said
from tests.evaluation.small import evaluated, wordy
from tests.runs import write_recipe

KEY = "sk-very-secret-4711"


def files_with(folder: Path, text: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


@pytest.mark.parametrize("variable", [None, "MY_PROVIDER_KEY"])
def test_a_run_sends_the_key_of_its_variable_and_writes_it_nowhere(
    tmp_path: Path, cli: Run, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another")
    monkeypatch.setenv(variable or "OPENAI_API_KEY", KEY)

    def answering(number: int, body: dict[str, Any]) -> Reply:
        return refused(401, "no such key") if number % 5 == 0 else said(f"a picture, number {body['seed']}")

    with endpoint(answering) as server:
        named = {"api_key_variable": variable} if variable else {}
        teacher = {"name": "openai_compatible", "base_url": server.url, "model": "m", "retries": 0} | named
        content = {"name": "x", "intents": {"count": 8}, "synthesize": {"teacher": teacher}}
        recipe = write_recipe(tmp_path, content)
        done = cli("run", recipe, "--folder", tmp_path / "run", "--until", "synthesize")
    assert done.returncode == 0, done.stderr
    assert len(server.authorized) == len(server.bodies) + 1, "the list of models is asked for, too"
    assert set(server.authorized) == {f"Bearer {KEY}"}
    assert files_with(tmp_path / "run", "no such key"), "errors are kept"
    assert files_with(tmp_path, KEY) == []
    assert KEY not in done.stdout + done.stderr


def test_an_endpoint_without_a_key_is_asked_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with endpoint(lambda *_: said("a picture")) as server:
        teacher = {"name": "openai_compatible", "base_url": server.url, "model": "m"}
        content = {"name": "x", "intents": {"count": 2}, "synthesize": {"teacher": teacher}}
        run_recipe(load_recipe(write_recipe(tmp_path, content)), tmp_path / "run", "synthesize")
    assert server.bodies
    assert set(server.authorized) == {"Bearer none"}


@pytest.mark.usefixtures("remembered")
def test_an_evaluation_sends_the_key_of_an_endpoint_and_writes_it_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_PROVIDER_KEY", KEY)
    with endpoint(wordy) as server:
        settings = {"base_url": server.url, "model": "m", "api_key_variable": "MY_PROVIDER_KEY"}
        (tmp_path / "endpoint.yaml").write_text(json.dumps(settings))
        found = evaluated(str(tmp_path / "endpoint.yaml"), folder=tmp_path)
    saved = SavedEvaluation(found, "x", "y")
    save_evaluation(saved, tmp_path)
    report_evaluation(saved, tmp_path)
    assert set(server.authorized) == {f"Bearer {KEY}"}
    assert len(list(tmp_path.rglob("*"))) > 5
    assert files_with(tmp_path, KEY) == []
