"""Rounds of improvement as a recipe asks for them: its judge and policy, and kills that change nothing."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import SMOKE
from tests.runs import denying, killed_when, started, write_recipe

from promptlet.curation import checks
from promptlet.errors import RunError
from promptlet.improvement.config import OWN
from promptlet.io.records import read_samples, read_tables
from promptlet.pipeline import load_recipe, run_recipe
from promptlet.stages.base import CommonConfig, Context
from promptlet.stages.improve import ROUNDS, ImproveConfig, ImproveStage
from promptlet.student.names import MODEL

SMALL: dict[str, Any] = {"rounds": 1, "prompts": 24, "wishes": 12, "loop": {"steps": 2, "batch": 8, "warmup": 1}}
LENIENT = "from promptlet.curation import checks; checks.CHECKS = (checks.length, checks.denied)"
"""The smoke student writes nothing that curation would let pass."""


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every prompt pass that has a length that is allowed and no denied word."""
    monkeypatch.setattr(checks, "CHECKS", (checks.length, checks.denied))


def improved(smoke: dict[str, Path], folder: Path, common: dict[str, Any], **settings: Any) -> Path:
    """Return the folder of a round with these settings."""
    folder.mkdir()
    config = ImproveConfig.model_validate(SMALL | settings)
    ImproveStage().run(config, Context(folder, smoke, folder, CommonConfig(name="x", **common)))
    return folder / "round-1"


@pytest.mark.usefixtures("lenient")
def test_a_judge_of_rounds_stands_for_the_recipe_s(smoke: dict[str, Path], tmp_path: Path) -> None:
    """What a student writes has no score that the judge `given` could take."""
    with pytest.raises(RunError, match="the judge 'given' finds no score"):
        improved(smoke, tmp_path / "recipe's", {"judge": "given"})
    with pytest.raises(RunError, match="the judge 'given' finds no score"):
        improved(smoke, tmp_path / "given", {"judge": "words"}, judge="given")
    own = list(read_samples(improved(smoke, tmp_path / "words", {"judge": "given"}, judge="words") / OWN))
    assert own
    assert all("relevance" in sample.scores for sample in own)


@pytest.mark.usefixtures("lenient")
def test_a_student_learns_from_nothing_that_the_policy_denies(smoke: dict[str, Path], tmp_path: Path) -> None:
    free = improved(smoke, tmp_path / "free", {})
    words = Counter(term for sample in read_samples(free / OWN) for term in set(sample.terms) if term.isalpha())
    (common, count), *_ = words.most_common(1)
    assert count > 2
    bound = improved(smoke, tmp_path / "bound", {"policy": denying(tmp_path, common)})
    reasons = [reason for table in read_tables(bound / OWN, "rejected") for reason in table["reason"].to_pylist()]
    assert f"denied: {common} (ours)" in reasons
    assert not any(common in sample.terms for sample in read_samples(bound / OWN))


@pytest.mark.long
@pytest.mark.usefixtures("lenient")
def test_kills_while_a_student_writes_and_learns_change_nothing(smoke: dict[str, Path], tmp_path: Path) -> None:
    settings = SMALL | {"loop": {"steps": 40, "batch": 16, "warmup": 1, "checkpoint_every": 4}}
    recipe = write_recipe(tmp_path, f"{SMOKE.read_text()}improve: {json.dumps(settings)}\n")
    run, whole = tmp_path / "run", tmp_path / "whole"
    for folder in (run, whole):
        shutil.copytree(smoke["train"].parent, folder, ignore=shutil.ignore_patterns("improve-*", "export-*", "eval*"))
    for file, lines in (("writing.jsonl", 1), ("metrics.jsonl", 10)):
        process = started("improve", recipe, "--folder", run, script=LENIENT)
        killed_when(process, run, f"improve-*/round-1/{file}", lines)
    (log,) = run.glob("improve-*/round-1/metrics.jsonl")
    assert log.read_bytes().count(b"\n") < 40
    resumed, unbroken = (run_recipe(load_recipe(recipe), folder, "improve")["improve"] for folder in (run, whole))
    assert list(read_samples(unbroken / "round-1" / OWN))
    for name in (ROUNDS, f"{MODEL}/model.safetensors", f"round-1/{MODEL}/model.safetensors", "round-1/metrics.jsonl"):
        assert (resumed / name).read_bytes() == (unbroken / name).read_bytes(), name
