"""Training: batches that learn only prompts, kills that change nothing, checkpoints that are whole or refused."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from promptlet.errors import RunError
from promptlet.student.checkpoint import Position, load_checkpoint, save_checkpoint
from promptlet.student.config import PRESETS, LoopConfig
from promptlet.student.data import IGNORED, Encoded, batches_from, make_batch, plan_epoch
from promptlet.student.loop import learning_rate, train
from promptlet.student.model import make_model

VOCABULARY, CONTEXT, END = 50, 32, 0
CONFIG = LoopConfig(steps=40, batch_tokens=128, learning_rate=3e-3, warmup=5, evaluate_every=10, checkpoint_every=7)


def make_data(count: int, seed: int) -> Encoded:
    chance = np.random.default_rng(seed)
    lengths = chance.integers(5, 20, count)
    ids = chance.integers(1, VOCABULARY, int(lengths.sum())).astype(np.int32)
    return Encoded(ids, np.concatenate([[0], np.cumsum(lengths)]), np.full(count, 3))


def run_training(folder: Path, config: LoopConfig = CONFIG) -> list[float]:
    torch.manual_seed(1)
    model = make_model("tiny", VOCABULARY, CONTEXT, 0.1, END)
    train(model, make_data(60, 1), make_data(10, 2), config, END, 1, folder)
    return [json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=80), st.integers(30, 200), st.integers(0, 5))
def test_an_epoch_holds_every_sample_once_within_the_token_budget(lengths: list[int], tokens: int, epoch: int) -> None:
    array = np.array(lengths)
    plan = plan_epoch(array, tokens, seed=1, epoch=epoch)
    assert sorted(np.concatenate(plan).tolist()) == list(range(len(lengths)))
    assert all(len(batch) * array[batch].max() <= tokens for batch in plan)
    again = plan_epoch(array, tokens, seed=1, epoch=epoch)
    assert all((one == other).all() for one, other in zip(plan, again, strict=True))


def test_only_prompt_tokens_are_learned() -> None:
    data = make_data(4, 3)
    batch = make_batch(data, np.arange(4), END)
    assert batch.tokens == data.lengths.sum()
    for row, (length, start) in enumerate(zip(data.lengths, data.starts, strict=True)):
        assert (batch.labels_BT[row, :start] == IGNORED).all()
        assert (batch.labels_BT[row, start:length] == batch.ids_BT[row, start:length]).all()
        assert (batch.labels_BT[row, length:] == IGNORED).all()


def test_the_stream_goes_on_where_it_was_left() -> None:
    data = make_data(30, 4)
    stream = batches_from(data, 100, 1, END, 0, 0)
    whole = [next(stream) for _ in range(20)]
    epoch, step, _ = whole[8]
    resumed = batches_from(data, 100, 1, END, epoch, step)
    for expected in whole[9:]:
        found = next(resumed)
        assert found[:2] == expected[:2]
        assert torch.equal(found[2].ids_BT, expected[2].ids_BT)


def test_padding_changes_no_loss() -> None:
    """A sample's logits are the same alone and padded beside a longer one."""
    torch.manual_seed(1)
    model = make_model("tiny", VOCABULARY, CONTEXT, 0.0, END).eval()
    data = make_data(6, 5)
    batch = make_batch(data, np.arange(6), END)
    together = model(batch.ids_BT).logits
    for row, length in enumerate(data.lengths):
        alone = model(batch.ids_BT[row : row + 1, :length]).logits
        assert torch.allclose(alone[0], together[row, :length], atol=1e-5)


def test_training_learns_and_the_rate_warms_up_and_decays(tmp_path: Path) -> None:
    losses = run_training(tmp_path)
    assert len(losses) == CONFIG.steps
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.02
    rates = [learning_rate(CONFIG, step) for step in range(CONFIG.steps)]
    assert rates[0] < rates[CONFIG.warmup] == CONFIG.learning_rate
    assert math.isclose(rates[-1], CONFIG.learning_rate / 10, rel_tol=0.1)
    assert (tmp_path / "best" / "model.safetensors").is_file()
    assert not list(tmp_path.rglob("*.pt")) + list(tmp_path.rglob("*.bin"))


def test_a_killed_run_resumes_to_bitwise_the_same_losses(tmp_path: Path) -> None:
    whole = run_training(tmp_path / "whole")
    folder = tmp_path / "killed"
    script = (
        "from pathlib import Path; from tests.student.test_training import run_training\n"
        f"run_training(Path({str(folder)!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    metrics = folder / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not (metrics.exists() and metrics.read_bytes().count(b"\n") >= 16):
        assert process.poll() is None, "training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert metrics.read_bytes().count(b"\n") < CONFIG.steps
    assert run_training(folder) == whole
    best = [(tmp_path / name / "best" / "model.safetensors").read_bytes() for name in ("whole", "killed")]
    assert best[0] == best[1]


@pytest.mark.parametrize("damage", ["weights.safetensors", "optimizer.safetensors", "position.json"])
def test_a_torn_checkpoint_is_refused(tmp_path: Path, damage: str) -> None:
    run_training(tmp_path, CONFIG.model_copy(update={"steps": 8}))
    file = tmp_path / "checkpoint" / damage
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(RunError, match="checkpoint"):
        run_training(tmp_path)


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    model = make_model("tiny", VOCABULARY, CONTEXT, 0.0, END)
    save_checkpoint(tmp_path / "checkpoint", model, torch.optim.AdamW(model.parameters()), Position(step=3))
    other = make_model("tiny", VOCABULARY + 1, CONTEXT, 0.0, END)
    with pytest.raises(RunError, match=r"wte.*shape"):
        load_checkpoint(tmp_path / "checkpoint", other, torch.optim.AdamW(other.parameters()))


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    run_training(tmp_path, CONFIG.model_copy(update={"steps": 14}))
    before = (tmp_path / "checkpoint" / "position.json").read_text()
    torch.manual_seed(1)
    model = make_model("tiny", VOCABULARY, CONTEXT, 0.0, END)
    wild = CONFIG.model_copy(
        update={"learning_rate": 1.0, "clip": 1e30, "warmup": 0, "steps": 400, "checkpoint_every": 1000}
    )
    data = make_data(60, 1)
    with pytest.raises(RunError, match="loss is nan"):
        train(_poisoned(model), data, data, wild, END, 1, tmp_path)
    assert (tmp_path / "checkpoint" / "position.json").read_text() == before


def _poisoned(model: torch.nn.Module) -> torch.nn.Module:
    """Make the output layer give nan from the third call on, as an overflow would."""
    calls = iter(range(1000))
    model.lm_head.register_forward_hook(  # type: ignore[union-attr]
        lambda _module, _inputs, output: output * float("nan") if next(calls) > 2 else output
    )
    return model


def test_the_paper_s_model_has_104_million_parameters() -> None:
    size = PRESETS["gpt2-104m"]
    assert (size.layers, size.heads, size.width) == (12, 12, 768)
    with torch.device("meta"):
        model = make_model("gpt2-104m", 25_600, 256, 0.0, END)
    assert 104e6 < sum(parameter.numel() for parameter in model.parameters()) < 106e6
