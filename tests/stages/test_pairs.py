"""Runs that begin from pairs that there are already."""

from __future__ import annotations

import json
from itertools import count as count_from
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from promptlet.errors import RunError, UsageError
from promptlet.intents.graph import load_graph
from promptlet.intents.splits import TEST, split_of
from promptlet.intents.test_sets import load_test_set
from promptlet.io.manifest import Manifest
from promptlet.io.records import read_samples, read_tables
from promptlet.pipeline import load_recipe, load_stage, run_recipe
from promptlet.reports.card import publish
from promptlet.stages.base import Context
from promptlet.stages.evaluate import EvaluateConfig
from promptlet.types import Intent, Sample
from tests.runs import write_recipe

GOOD = {
    "intents": ["Topic: apple pie", "Mood: cozy"],
    "task": "t2i",
    "prompt": "cozy kitchen with an apple pie by a window",
}


def recipe_of(folder: Path, pairs: Path | None, **synthesize: Any) -> Path:
    settings = ({"pairs": str(pairs)} if pairs else {}) | synthesize
    return write_recipe(folder, {"name": "x", "intents": {"count": 20}, "synthesize": settings})


def begun(folder: Path, pairs: Path, until: str = "synthesize", **synthesize: Any) -> dict[str, Path]:
    recipe = load_recipe(recipe_of(folder, pairs, **({"prompts_per_intents": 0} | synthesize)))
    return run_recipe(recipe, folder / "run", until)


def rejects(stage: Path) -> list[str]:
    return [reason for table in read_tables(stage, "rejected") for reason in table["reason"].to_pylist()]


def test_a_published_data_set_makes_the_same_training_data_again(smoke: dict[str, Path], tmp_path: Path) -> None:
    publish(smoke["curate"].parent, tmp_path / "data")
    done = begun(tmp_path, tmp_path / "data", "curate")

    def pairs(folder: Path) -> set[tuple[Any, ...]]:
        return {(each.intents, each.task, each.prompt, each.split, each.source) for each in read_samples(folder)}

    assert pairs(done["synthesize"]) == pairs(smoke["curate"])
    assert pairs(done["curate"]) <= pairs(smoke["curate"])
    assert len(pairs(done["curate"])) > 0.95 * len(pairs(smoke["curate"]))


def test_pairs_stand_beside_the_teacher_s(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(json.dumps(GOOD) + "\n\n")
    done = begun(tmp_path, file, prompts_per_intents=1, teacher={"name": "fake"})
    samples = list(read_samples(done["synthesize"]))
    assert [sample.source for sample in samples].count("mine.jsonl#1") == 1
    assert len(samples) > 1


def test_lines_that_are_no_pairs_are_kept_with_the_reason(tmp_path: Path) -> None:
    tested: Sample = load_test_set("unseen_nodes")[0]
    lines = [
        json.dumps(GOOD),
        "not JSON",
        "[]",
        json.dumps({"intents": ["Topic: x"], "task": "t2i"}),
        json.dumps(GOOD | {"task": "t2x"}),
        json.dumps(GOOD | {"prompt": 7}),
        json.dumps(GOOD | {"intents": [["Topic"]]}),
        json.dumps(GOOD | {"intents": [7]}),
        json.dumps(GOOD | {"scores": {"relevance": "high"}}),
        json.dumps(GOOD | {"scores": [0.9]}),
        json.dumps(GOOD | {"intents": [str(intent) for intent in tested.intents]}),
    ]
    file = tmp_path / "mine.jsonl"
    file.write_bytes("\n".join(lines).encode() + b"\n\xff\xfe\n")
    done = begun(tmp_path, file)
    assert [sample.prompt for sample in read_samples(done["synthesize"])] == [GOOD["prompt"]]
    reasons = rejects(done["synthesize"])
    assert len(reasons) == len(lines)
    assert "held out for tests" in reasons
    assert any("did you mean" in reason for reason in reasons)
    manifest = Manifest.read(done["synthesize"])
    assert manifest is not None
    assert manifest.counts["pairs"] == len(lines) + 1
    assert manifest.counts["teacher"] == "not asked"


def test_pairs_bring_their_scores(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(json.dumps(GOOD | {"scores": {"relevance": 0.5}}))
    (sample,) = read_samples(begun(tmp_path, file)["synthesize"])
    assert sample.scores == {"relevance": 0.5}


def test_rows_of_parquet_that_are_no_pairs_are_kept_with_the_reason(tmp_path: Path) -> None:
    topic = [{"kind": "Topic", "value": "apple pie"}]
    good = {"intents": topic, "task": "t2i", "prompt": GOOD["prompt"], "scores": [("relevance", 0.5)]}
    bad = ({"prompt": None}, {"task": None}, {"intents": [{"kind": "Tpic", "value": "x"}]}, {"intents": []})
    rows = [good, *(good | each for each in (*bad, {"scores": [("relevance", None)]}))]
    scores = pa.map_(pa.string(), pa.float64())
    kinds = pa.list_(pa.struct([("kind", pa.string()), ("value", pa.string())]))
    schema = pa.schema([("intents", kinds), ("task", pa.string()), ("prompt", pa.string()), ("scores", scores)])
    pq.write_table(pa.Table.from_pylist(rows, schema), tmp_path / "mine.parquet")
    done = begun(tmp_path, tmp_path / "mine.parquet")
    (sample,) = read_samples(done["synthesize"])
    assert (sample.prompt, sample.scores) == (GOOD["prompt"], {"relevance": 0.5})
    assert [reason.partition(":")[0] for reason in rejects(done["synthesize"])] == ["no pair"] * 5


def test_changed_pairs_are_taken_anew(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text(json.dumps(GOOD))
    first = begun(tmp_path, file)
    file.write_text(json.dumps(GOOD | {"prompt": "an apple pie cooling on a cozy porch"}))
    assert begun(tmp_path, file)["synthesize"] != first["synthesize"]


def test_what_holds_no_pairs_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^synthesize\.pairs: there are no pairs at .*missing; a \.jsonl or"):
        begun(tmp_path, tmp_path / "missing")
    (tmp_path / "mine.csv").write_text("intents,task,prompt\n")
    with pytest.raises(UsageError, match=r"can't be read from .*mine\.csv; a \.jsonl or \.parquet file, or a folder"):
        begun(tmp_path, tmp_path / "mine.csv")
    with pytest.raises(UsageError, match=r"has no \.parquet file; a \.jsonl or"):
        begun(tmp_path, tmp_path)
    table = tmp_path / "mine.parquet"
    assert not list((tmp_path / "run").iterdir()), "nothing ran before the pairs were looked for"
    pq.write_table(pa.table({"prompt": ["x"], "task": ["t2i"]}), table)
    with pytest.raises(UsageError, match="no column 'intents'"):
        begun(tmp_path, table)
    table.write_bytes(b"PAR1 not really")
    with pytest.raises(UsageError, match="holds no pairs"):
        begun(tmp_path, table)
    with pytest.raises(UsageError, match="there are no pairs"):
        load_recipe(recipe_of(tmp_path, None, prompts_per_intents=0))


def test_pairs_of_which_none_is_kept_are_counted_and_the_whole_reason_is_told(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    lines = [{"intents": ["Topic: tea"], "prompt": str(number)} for number in range(19)] + [GOOD | {"prompt": 7}]
    file.write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(RunError, match="none of 20 prompts is kept, most often because: no pair: it has no 'task'; "):
        begun(tmp_path, file, "curate")


def held_out(count: int) -> list[dict[str, Any]]:
    """Return pairs of combinations that a hash holds out for the test."""
    graph, topics = load_graph(), (f"thing {number}" for number in count_from(1))
    tested = (topic for topic in topics if split_of(graph, (Intent("Topic", topic),)) == TEST)
    return [GOOD | {"intents": [f"Topic: {topic}"]} for topic in islice(tested, count)]


def test_a_student_of_pairs_is_evaluated_on_those_that_are_held_out(smoke: dict[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text("\n".join(map(json.dumps, [GOOD, *held_out(2), *(each | {"task": "t2x"} for each in held_out(1))])))
    recipe = load_recipe(recipe_of(tmp_path, file, prompts_per_intents=0))
    done = run_recipe(recipe, tmp_path / "run", "synthesize")
    drawn = [sample for sample in read_samples(done["intents"]) if sample.split == TEST]
    config = EvaluateConfig(targets=(10,), prompts_per_target=len(drawn) + 2)
    context = Context(tmp_path, smoke | done, tmp_path, recipe.common)
    assert load_stage("evaluate").run(config, context)["wishes left out"] == 1
    asked = [json.loads(line)["intents"] for line in (tmp_path / "prompts.jsonl").read_text().splitlines()]
    assert [each["intents"] for each in held_out(2)] == asked[len(drawn) : len(drawn) + 2]


def test_wishes_that_can_not_be_put_to_a_student_are_told_with_what_to_change(
    smoke: dict[str, Path], tmp_path: Path
) -> None:
    lines = [each | {"task": "tags"} for each in held_out(3)]
    file = tmp_path / "mine.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    recipe = load_recipe(recipe_of(tmp_path, file, prompts_per_intents=0))
    done = run_recipe(recipe, tmp_path / "run", "synthesize")
    context = Context(tmp_path, smoke | done | {"intents": done["synthesize"]}, tmp_path, recipe.common)
    with pytest.raises(RunError, match=r"none of 3 held-out.*; 3 are of other tasks than .*t2i, t2t\): name"):
        load_stage("evaluate").run(EvaluateConfig(), context)
