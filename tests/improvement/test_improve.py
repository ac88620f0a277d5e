"""Rounds in which a student learns from what it achieved: what they are made of, and which of them are thrown away."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import SMOKE, Run

from promptlet.commands import make_commands
from promptlet.curation.examining import EXAMINED_SCHEMA
from promptlet.errors import RunError
from promptlet.improvement.config import RoundConfig
from promptlet.improvement.metrics import RoundMetrics
from promptlet.improvement.rounds import WRITTEN, Rounds
from promptlet.intents.splits import TRAIN, VALIDATION
from promptlet.io.records import from_row, read_samples, to_row
from promptlet.pipeline import load_recipe, run_recipe
from promptlet.stages.base import CommonConfig, Context
from promptlet.stages.improve import ROUNDS, ImproveConfig, ImproveStage
from promptlet.stages.tokenize import read_codec
from promptlet.student.config import LoopConfig
from promptlet.student.data import Encoded
from promptlet.student.names import MODEL
from promptlet.student.writing import _ROWS
from promptlet.types import Intent, Sample

CONFIG = RoundConfig(prompts=24, wishes=12, loop=LoopConfig(steps=4, batch=8, warmup=1, learning_rate=1e-3))


def lenient(table: pa.Table) -> pa.Table:
    """Let every prompt of an even number of words pass: the smoke student writes nothing that curation would."""
    rows = []
    for sample in map(from_row, table.to_pylist()):
        words = len(sample.prompt.split())
        scored = replace(sample, scores={"relevance": 1 / (1 + words)})
        rows.append(to_row(scored) | {"reason": "odd" if words % 2 else None, "opening": "", "sketch": []})
    return pa.Table.from_pylist(rows, EXAMINED_SCHEMA)


def rounds(smoke: dict[str, Path], config: RoundConfig = CONFIG) -> Rounds:
    source = smoke["tokenize"]
    training, validation = (Encoded.read(source / f"{split}.parquet") for split in (TRAIN, VALIDATION))
    return Rounds(config, read_codec(source), lenient, training, validation, list(read_samples(smoke["intents"])), 1)


def test_a_round_learns_from_what_was_achieved_and_is_the_same_after_a_kill(
    smoke: dict[str, Path], tmp_path: Path
) -> None:
    before = smoke["train"] / MODEL
    first = rounds(smoke).run(1, tmp_path / "round-1", before)
    assert first is not None
    own = list(read_samples(tmp_path / "round-1" / "own"))
    assert own
    assert {sample.source for sample in own} == {"student, round 1"}
    assert {sample.split for sample in own} == {TRAIN}
    commands = read_codec(smoke["tokenize"]).commands
    for sample in own:
        assert dict(sample.commands) == {name: each.measure(sample) for name, each in commands.items()}
        assert sample.commands["words"] % 2 == 0
    assert len(own) + len(list(read_samples(tmp_path / "round-1" / "own", "rejected"))) == CONFIG.prompts
    weights = (tmp_path / "round-1" / MODEL / "model.safetensors").read_bytes()
    assert weights != (before / "model.safetensors").read_bytes()
    # What a kill may leave: the student's own samples, and a training that has begun.
    shutil.copytree(tmp_path / "round-1" / "own", tmp_path / "killed" / "round-1" / "own")
    assert rounds(smoke).run(1, tmp_path / "killed" / "round-1", before) == first
    assert (tmp_path / "killed" / "round-1" / MODEL / "model.safetensors").read_bytes() == weights


def test_texts_that_were_written_before_a_kill_are_kept(
    smoke: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_ROWS, "cpu", 8)
    before = smoke["train"] / MODEL
    (tmp_path / "whole").mkdir()
    rounds(smoke).run(1, tmp_path / "whole" / "round-1", before)
    lines = (tmp_path / "whole" / "round-1" / WRITTEN).read_text().splitlines(keepends=True)
    assert len(lines) == CONFIG.prompts
    # Killed in its second batch: the first is there, with a mark, and of the second a part, which is written anew.
    mark = lambda line: line.replace('"text": "', '"text": "KEPT ')  # noqa: E731
    (tmp_path / "killed" / "round-1").mkdir(parents=True)
    (tmp_path / "killed" / "round-1" / WRITTEN).write_text("".join(map(mark, lines[:11])))
    rounds(smoke).run(1, tmp_path / "killed" / "round-1", before)
    whole, killed = (
        [row for stem in ("data", "rejected") for row in read_samples(tmp_path / name / "round-1" / "own", stem)]
        for name in ("whole", "killed")
    )
    kept = [sample.prompt.removeprefix("KEPT ") for sample in killed if sample.prompt.startswith("KEPT ")]
    assert len(kept) == 8
    assert {sample.prompt.removeprefix("KEPT ") for sample in killed} == {sample.prompt for sample in whole}


def test_the_share_of_its_own_samples_holds_where_the_teacher_has_few(smoke: dict[str, Path], tmp_path: Path) -> None:
    source, seen = smoke["tokenize"], []
    few, validation = (Encoded.read(source / f"{split}.parquet") for split in (TRAIN, VALIDATION))
    few = Encoded.of([(few.sample(place).tolist(), int(few.starts[place])) for place in range(9)])
    made = Rounds(CONFIG, read_codec(source), lenient, few, validation, list(read_samples(smoke["intents"])), 1)
    encode = made.codec.encode
    made.codec.encode = lambda sample: seen.append(sample) or encode(sample)  # type: ignore[method-assign, func-returns-value]
    made.room = 40
    made.run(1, tmp_path / "round-1", smoke["train"] / MODEL)
    assert (
        0
        < len(seen)
        <= round(9 * CONFIG.share / (1 - CONFIG.share))
        < len(list(read_samples(tmp_path / "round-1" / "own")))
    )


def test_later_rounds_see_the_samples_of_earlier_ones(smoke: dict[str, Path], tmp_path: Path) -> None:
    before = smoke["train"] / MODEL
    both = rounds(smoke)
    both.run(1, tmp_path / "round-1", before)
    for name, replay in (("with", 1.0), ("without", 0.0)):
        other = rounds(smoke, CONFIG.model_copy(update={"replay": replay}))
        folder = tmp_path / name
        folder.mkdir()
        (folder / "round-1").symlink_to(tmp_path / "round-1")
        other.run(2, folder / "round-2", tmp_path / "round-1" / MODEL)
    weights = [(tmp_path / name / "round-2" / MODEL / "model.safetensors").read_bytes() for name in ("with", "without")]
    assert weights[0] != weights[1]


def test_a_student_that_writes_nothing_fit_is_left_as_it_was(smoke: dict[str, Path], tmp_path: Path, cli: Run) -> None:
    shutil.copytree(smoke["train"].parent, tmp_path / "run")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(SMOKE.read_text() + "improve: {rounds: 2, prompts: 12, wishes: 10, loop: {steps: 2}}\n")
    result = cli("improve", recipe, "--folder", tmp_path / "run")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("round 0: words off by ")
    done = run_recipe(load_recipe(recipe), tmp_path / "run", "improve")
    trained, improved = ((done[stage] / MODEL / "model.safetensors").read_bytes() for stage in ("train", "improve"))
    assert trained == improved
    assert re.search("improve: rounds 1, kept 0, last round mostly rejected as [a-z ]+, ", result.stderr)


@pytest.mark.parametrize(("found", "kept"), [((1.5, 1.6), 1), ((2.5, 1.0), 0), ((1.5, 1.2), 2)])
def test_a_round_that_does_not_help_is_thrown_away_and_ends_the_loop(
    smoke: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: tuple[float, float], kept: int
) -> None:
    def run(_: Rounds, number: int, folder: Path, before: Path) -> RoundMetrics:
        (folder / MODEL).mkdir(parents=True)
        (folder / MODEL / "weights").write_text(f"round {number} after {before.parent.name}")
        return metrics(miss=found[number - 1])

    monkeypatch.setattr(Rounds, "evaluate", lambda *_: metrics(miss=2.0))
    monkeypatch.setattr(Rounds, "run", run)
    context = Context(tmp_path, smoke, tmp_path, CommonConfig(name="x"))
    counts = ImproveStage().run(ImproveConfig(rounds=2), context)
    rows = json.loads((tmp_path / ROUNDS).read_text())
    assert counts["kept"] == kept
    assert [row["shipped"] for row in rows] == [number <= kept for number in range(len(rows))]
    assert counts["rounds"] == len(rows) - 1 == min(2, kept + 1)
    shipped = tmp_path / MODEL / "weights"
    assert shipped.read_text().startswith(f"round {kept} ") if kept else not shipped.exists()


def test_only_wishes_of_the_student_s_tasks_are_put_to_it(smoke: dict[str, Path], tmp_path: Path) -> None:
    source, wishes = smoke["tokenize"], list(read_samples(smoke["intents"]))
    training, validation = (Encoded.read(source / f"{split}.parquet") for split in (TRAIN, VALIDATION))
    other = [replace(wish, task="haiku") for wish in wishes]
    both = Rounds(CONFIG, read_codec(source), lenient, training, validation, other + wishes, 1)
    assert both.run(1, tmp_path / "round-1", smoke["train"] / MODEL)
    with pytest.raises(RunError, match=r"0 combinations .* of the student's tasks"):
        Rounds(CONFIG, read_codec(source), lenient, training, validation, other, 1)


def test_prompts_end_where_the_model_has_no_more_positions(smoke: dict[str, Path], tmp_path: Path) -> None:
    endless = rounds(smoke)
    endless.room = 10_000
    assert endless.evaluate(smoke["train"] / MODEL, tmp_path)


def test_a_recipe_without_rounds_is_refused(cli: Run) -> None:
    result = cli("improve", SMOKE)
    assert result.returncode == 2
    assert result.stderr.strip().endswith("asks for no rounds; set improve.rounds to 1 or more")


def test_a_judge_of_rounds_that_does_not_exist_is_refused(tmp_path: Path, cli: Run) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(SMOKE.read_text() + "improve: {rounds: 1, judge: embeding}\n")
    result = cli("improve", recipe)
    assert result.returncode == 2
    assert "embeding" in result.stderr
    assert "embedding" in result.stderr


def metrics(miss: float = 2.0, relevance: float = 0.8, fit: float = 0.9, distinct_2: float = 0.7) -> RoundMetrics:
    return RoundMetrics({"words": miss}, relevance, fit, distinct_2)


@pytest.mark.parametrize(
    ("new", "better"),
    [
        (metrics(), False),
        (metrics(miss=1.5), True),
        (metrics(miss=2.5), False),
        (metrics(relevance=0.85), True),
        (metrics(miss=1.5, relevance=0.79), True),
        (metrics(miss=1.5, relevance=0.7), False),
        (metrics(miss=1.5, distinct_2=0.5), False),
        (metrics(fit=0.95, miss=2.02), True),
        (metrics(miss=2.038, relevance=0.79, fit=0.9001), False),
    ],
)
def test_a_round_is_better_if_something_is_better_and_nothing_is_worse(new: RoundMetrics, better: bool) -> None:
    assert new.better_than(metrics()) == better


def test_a_miss_near_nothing_or_that_nobody_could_measure_refuses_no_round() -> None:
    assert metrics(miss=0.02, fit=0.95).better_than(metrics(miss=0.01))
    nothing = RoundMetrics({"words": 2.0, "relevance": None}, 0.0, 0.0, 0.7)
    assert RoundMetrics({"words": 2.0, "relevance": 0.9}, 0.4, 0.5, 0.7).better_than(nothing)
    assert not nothing.better_than(RoundMetrics({"words": 2.0, "relevance": 0.9}, 0.4, 0.5, 0.7))
    assert "relevance not measured" in str(nothing)


def test_wishes_that_the_student_can_not_be_asked_for_are_left_out(smoke: dict[str, Path]) -> None:
    source = smoke["tokenize"]
    training, validation = (Encoded.read(source / f"{split}.parquet") for split in (TRAIN, VALIDATION))
    wishes = [wish for wish in read_samples(smoke["intents"]) if wish.split in (TRAIN, VALIDATION)]
    endless = [replace(wishes[0], intents=tuple(Intent("Topic", f"{'long ' * 20}{n}") for n in range(5)))]
    strange = [replace(wishes[0], task="tags")]
    made = Rounds(CONFIG, read_codec(source), lenient, training, validation, wishes + endless + strange, 1)
    assert made.left_out - Rounds(CONFIG, read_codec(source), lenient, training, validation, wishes, 1).left_out == 2


@given(st.lists(st.integers(1, 12), min_size=2, max_size=12), st.data())
def test_a_standing_is_what_the_prompts_are(lengths: Sequence[int], data: st.DataObject) -> None:
    commands = make_commands({"words": {}})
    asked = data.draw(st.lists(st.integers(1, 12), min_size=len(lengths), max_size=len(lengths)))
    reasons = data.draw(st.lists(st.sampled_from([None, "odd"]), min_size=len(lengths), max_size=len(lengths)))
    samples = [
        Sample((Intent("Topic", "x"),), "t2i", "a " * length, commands={"words": words}, scores={"relevance": 0.5})
        for length, words in zip(lengths, asked, strict=True)
    ]
    found = RoundMetrics.of(samples, reasons, commands)
    errors = [abs(length - words) for length, words in zip(lengths, asked, strict=True)]
    assert found.errors["words"] == pytest.approx(sum(errors) / len(errors))
    assert found.fit == reasons.count(None) / len(reasons)
    assert found.relevance == pytest.approx(found.fit / 2)
