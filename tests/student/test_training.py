"""Training: batches that learn only prompts, kills that change nothing, checkpoints that are whole or refused."""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.runs import wait_for_lines

from promptlet.errors import RunError, UsageError
from promptlet.student.config import PRESETS, LoopConfig
from promptlet.student.data import Encoded, make_batch, padding_share, plan_epoch, stream_groups
from promptlet.student.loop import learning_rate, train
from promptlet.student.model import make_model
from promptlet.student.objective import evaluate_loss

VOCABULARY, CONTEXT, END = 50, 32, 0
CONFIG = LoopConfig(steps=40, batch=12, learning_rate=3e-3, warmup=5, evaluate_every=10, checkpoint_every=7)
ALL = {"accumulate": 3, "optimizer": "muon", "ema": 0.9}
"""Every option that a checkpoint has to remember something for."""


def make_data(count: int, seed: int) -> Encoded:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(5, 20, count)
    ids = rng.integers(1, VOCABULARY, int(lengths.sum())).astype(np.int32)
    return Encoded(ids, np.concatenate([[0], np.cumsum(lengths)]), np.full(count, 3))


def fresh_model(dropout: float = 0.1) -> Any:
    torch.manual_seed(1)
    return make_model("tiny", VOCABULARY, CONTEXT, dropout, END)


def run_training(folder: Path, config: LoopConfig = CONFIG, model: Any = None) -> list[dict[str, float]]:
    train(model or fresh_model(), make_data(60, 1), make_data(10, 2), config, END, 1, folder)
    return read_metrics(folder)


def read_metrics(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def with_options(**options: Any) -> LoopConfig:
    return LoopConfig.model_validate(CONFIG.model_dump() | options)


def disturbed(at: int, what: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """Return a model whose output layer does something else from its `at`-th call on."""
    model, calls = fresh_model(), iter(range(10_000))
    model.lm_head.register_forward_hook(
        lambda _module, _inputs, output: what(output) if next(calls) + 1 >= at else output
    )
    return model


@pytest.mark.parametrize("rows", [1, 5, 12])
def test_held_out_samples_have_their_loss_however_many_are_read_at_once(rows: int) -> None:
    model, data = fresh_model(), make_data(50, 3)
    whole = evaluate_loss(model, data, len(data), CONFIG, END)
    assert evaluate_loss(model, data, rows, CONFIG, END) == pytest.approx(whole, abs=1e-6)


def stop(_: torch.Tensor) -> torch.Tensor:
    raise KeyboardInterrupt


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=80), st.integers(1, 20), st.integers(0, 5))
def test_an_epoch_holds_every_sample_once(lengths: list[int], group: int, epoch: int) -> None:
    array = np.array(lengths)
    plan = plan_epoch(array, group, seed=1, epoch=epoch)
    assert sorted(np.concatenate(plan).tolist()) == list(range(len(lengths)))
    assert sorted(map(len, plan))[1:] == [group] * (len(plan) - 1)
    again = plan_epoch(array, group, seed=1, epoch=epoch)
    assert all((one == other).all() for one, other in zip(plan, again, strict=True))


def test_97_of_100_computed_positions_are_real_tokens() -> None:
    """Lengths as in the data of the shipped student (its mean is 42 tokens), a group of the paper's batch."""
    lengths = np.random.default_rng(1).normal(42, 11, 10_000).clip(14, 85).astype(int)
    data = Encoded(np.zeros(lengths.sum(), int), np.concatenate([[0], np.cumsum(lengths)]), np.full(len(lengths), 5))
    assert padding_share(data, 128) < 0.03


def test_only_prompt_tokens_are_learned() -> None:
    data = make_data(4, 3)
    batch = make_batch(data, np.arange(4), END)
    width, learned = batch.ids_BT.shape[1], []
    for row, (length, start) in enumerate(zip(data.lengths, data.starts, strict=True)):
        assert batch.ids_BT[row, :length].tolist() == data.sample(row).tolist()
        learned += [(row * width + place - 1, batch.ids_BT[row, place].item()) for place in range(start, length)]
    assert list(zip(batch.places_N.tolist(), batch.targets_N.tolist(), strict=True)) == learned
    assert len(learned) == data.learned(np.arange(4))


def test_the_stream_goes_on_where_it_was_left() -> None:
    data = make_data(30, 4)
    stream = stream_groups(data, 4, 1)
    whole = [next(stream) for _ in range(20)]
    epoch, place, _ = whole[8]
    resumed = stream_groups(data, 4, 1, epoch, place)
    for expected in whole[9:]:
        found = next(resumed)
        assert found[:2] == expected[:2]
        assert (found[2] == expected[2]).all()


def test_a_sample_s_logits_are_the_same_alone_and_in_a_batch() -> None:
    model = fresh_model(dropout=0.0).eval()
    data = make_data(6, 5)
    batch = make_batch(data, np.arange(6), END)
    together = model(batch.ids_BT).logits
    for row, length in enumerate(data.lengths):
        alone = model(batch.ids_BT[row : row + 1, :length]).logits
        assert torch.allclose(alone[0], together[row, :length], rtol=0, atol=1e-5)


@pytest.mark.parametrize("options", [{}, ALL], ids=["plain", "all options"])
def test_training_learns(tmp_path: Path, options: dict[str, Any]) -> None:
    metrics = run_training(tmp_path, with_options(**options))
    losses = [row["loss"] for row in metrics]
    assert len(losses) == CONFIG.steps
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.02
    assert [row["step"] for row in metrics if "validation_loss" in row] == [10, 20, 30, 40]
    assert (tmp_path / "best" / "model.safetensors").is_file()
    assert list(tmp_path.glob("events.out.tfevents.*"))
    assert not list(tmp_path.rglob("*.pt")) + list(tmp_path.rglob("*.bin")) + list(tmp_path.rglob("*.pkl"))


def test_the_rate_warms_up_and_decays() -> None:
    rates = [learning_rate(CONFIG, step) for step in range(CONFIG.steps)]
    assert rates[0] < rates[CONFIG.warmup] == CONFIG.learning_rate
    assert math.isclose(rates[-1], CONFIG.learning_rate / 10, rel_tol=0.1)


def test_a_step_is_the_same_in_one_group_and_in_several(tmp_path: Path) -> None:
    """Samples of one length, so that groups differ in nothing but their number."""
    data = Encoded(np.random.default_rng(1).integers(1, 50, 600), np.arange(0, 610, 10), np.full(60, 3))
    losses = []
    for accumulate in (1, 2, 5):
        folder = tmp_path / str(accumulate)
        config = with_options(batch=60, accumulate=accumulate, steps=6)
        train(fresh_model(dropout=0.0), data, data, config, END, 1, folder)
        losses.append([row["loss"] for row in read_metrics(folder)])
    assert np.allclose(losses[0], losses[1], rtol=0, atol=1e-5)
    assert np.allclose(losses[0], losses[2], rtol=0, atol=1e-5)


def test_the_saved_weights_are_the_mean_of_those_trained(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    run_training(tmp_path, with_options(ema=0.99, steps=10))
    best = load_file(tmp_path / "best" / "model.safetensors")
    mean = load_file(tmp_path / "checkpoint" / "average.safetensors")
    assert all(torch.equal(best[name], mean[name]) for name in mean)
    assert not torch.equal(
        load_file(tmp_path / "checkpoint" / "weights.safetensors")["transformer.wte.weight"],
        mean["transformer.wte.weight"],
    )


@pytest.mark.parametrize("options", [{}, ALL], ids=["plain", "all options"])
def test_a_run_stopped_at_any_step_resumes_to_bitwise_the_same_curve(tmp_path: Path, options: dict[str, Any]) -> None:
    config = with_options(steps=9, checkpoint_every=3, evaluate_every=4, **options)
    whole = run_training(tmp_path / "whole", config)
    for at in (2, 3, 4, 8):
        folder = tmp_path / str(at)
        with pytest.raises(KeyboardInterrupt):
            run_training(folder, config, disturbed(at * config.accumulate, stop))
        assert run_training(folder, config) == whole
        for name in ("best/model.safetensors", "checkpoint/weights.safetensors"):
            assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_best_weights_that_were_being_replaced_are_put_back(tmp_path: Path) -> None:
    run_training(tmp_path, with_options(steps=4, evaluate_every=2))
    (tmp_path / "best").rename(tmp_path / ".best.old")  # as a kill between its two renames leaves them
    run_training(tmp_path, with_options(steps=4, evaluate_every=2))
    assert (tmp_path / "best" / "model.safetensors").is_file()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "Ctrl-C"])
def test_a_run_that_is_ended_resumes_to_bitwise_the_same_curve(tmp_path: Path, number: signal.Signals) -> None:
    config = with_options(steps=40, **ALL)
    whole = run_training(tmp_path / "whole", config)
    folder = tmp_path / "killed"
    script = (
        "from pathlib import Path; from tests.student.test_training import *\n"
        f"run_training(Path({str(folder)!r}), with_options(steps=40, **ALL))"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    metrics = folder / "metrics.jsonl"
    wait_for_lines(process, folder, metrics.name, 9)
    os.kill(process.pid, number)
    _, told = process.communicate()
    done = metrics.read_bytes().count(b"\n")
    assert done < config.steps
    if number == signal.SIGINT:  # nothing is lost: the checkpoint is of the last step that was finished
        assert told.count("warning: interrupted; this step is finished and kept first") == 1
        assert json.loads((folder / "checkpoint" / "position.json").read_text())["position"]["step"] == done
    assert run_training(folder, config) == whole
    best = [(tmp_path / name / "best" / "model.safetensors").read_bytes() for name in ("whole", "killed")]
    assert best[0] == best[1]


@pytest.mark.parametrize("at", [1, 3, 5])
def test_ctrl_c_in_any_step_keeps_it_and_ends_the_run(tmp_path: Path, at: int) -> None:
    pressed = [True]

    def press(logits: torch.Tensor) -> torch.Tensor:
        if pressed.pop() if pressed else False:
            os.kill(os.getpid(), signal.SIGINT)
        return logits

    config = with_options(steps=4, evaluate_every=4, checkpoint_every=100)  # the fifth text is of the evaluation
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run_training(tmp_path, config, disturbed(at, press))
    assert signal.getsignal(signal.SIGINT) is before
    assert len(read_metrics(tmp_path)) == min(at - 1, 4)
    assert run_training(tmp_path, config) == run_training(tmp_path / "whole", config)


def test_a_second_ctrl_c_ends_at_once_in_the_middle_of_a_step(tmp_path: Path) -> None:
    reached = []

    def press_twice(logits: torch.Tensor) -> torch.Tensor:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0)  # where Python hears of it
        reached.append("behind")
        return logits

    config = with_options(steps=4, evaluate_every=4, checkpoint_every=100)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run_training(tmp_path, config, disturbed(3, press_twice))
    assert signal.getsignal(signal.SIGINT) is before
    assert not reached, "the step went on"
    assert not (tmp_path / "checkpoint").exists(), "it stopped for a checkpoint"
    assert run_training(tmp_path, config) == run_training(tmp_path / "whole", config)


@pytest.mark.parametrize(
    "file", ["weights.safetensors", "optimizer.safetensors", "average.safetensors", "position.json"]
)
@pytest.mark.parametrize("damage", ["torn", "flipped", "missing"])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, file: str, damage: str) -> None:
    config = with_options(steps=3, ema=0.9)
    run_training(tmp_path, config)
    path = tmp_path / "checkpoint" / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content if damage == "flipped" else content[:40])
    if damage == "missing":
        path.unlink()
    with pytest.raises(RunError, match=r"checkpoint.*delete it to begin again"):
        run_training(tmp_path, config)


@pytest.mark.parametrize("other", [{"learning_rate": 1e-3}, {"optimizer": "muon"}, {"batch": 24}])
def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path, other: dict[str, Any]) -> None:
    run_training(tmp_path, with_options(steps=3))
    with pytest.raises(RunError, match="other settings or data"):
        run_training(tmp_path, with_options(steps=3, **other))


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    config = with_options(steps=3)
    run_training(tmp_path, config)
    other = make_model("tiny", VOCABULARY + 1, CONTEXT, 0.0, END)
    with pytest.raises(RunError, match=r"wte.*shape"):
        run_training(tmp_path, config, other)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (lambda logits: logits * float("nan"), "loss is nan"),
        (lambda logits: logits * 1e4, "loss is .*lower the learning rate; the last good checkpoint is kept"),
    ],
    ids=["nan", "exploded"],
)
def test_a_loss_that_explodes_stops_and_keeps_the_last_good_checkpoint(
    tmp_path: Path, what: Callable[[torch.Tensor], torch.Tensor], said: str
) -> None:
    config = with_options(checkpoint_every=1, evaluate_every=100)
    with pytest.raises(RunError, match=said) as error:
        run_training(tmp_path, config, disturbed(6, what))
    assert "\n" not in str(error.value)
    # Five losses were sound: those of the first weights and of four updates; what the fifth made was never kept.
    assert json.loads((tmp_path / "checkpoint" / "position.json").read_text())["position"]["step"] == 4


def test_a_training_that_fails_before_a_checkpoint_promises_none(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"lower the learning rate$"):
        run_training(tmp_path, model=disturbed(3, lambda logits: logits * float("nan")))
    assert not (tmp_path / "checkpoint").exists()


def test_no_best_loss_is_shown_before_the_first_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[str] = []
    monkeypatch.setattr("promptlet.progress.Meter.advance", lambda _self, _units=1, note="": notes.append(note))
    run_training(tmp_path, with_options(steps=12))
    assert "best held-out" not in notes[0]
    assert "best held-out" in notes[-1]
    assert not any("inf" in note for note in notes)


@pytest.mark.parametrize("damage", [b'{"step": 2, "lo', b'{"loss": 2}', b"[1]", b"\xff\xfe"])
def test_a_damaged_line_of_the_metrics_is_named(tmp_path: Path, damage: bytes) -> None:
    run_training(tmp_path, with_options(steps=3))
    path = tmp_path / "metrics.jsonl"
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([lines[0], damage, *lines[1:]]))
    with pytest.raises(RunError, match=r"metrics\.jsonl, line 2, .*; delete it and run again") as error:
        run_training(tmp_path, with_options(steps=3))
    assert "\n" not in str(error.value)
    path.write_bytes(b"\n".join(lines))
    assert len(run_training(tmp_path, with_options(steps=3))) == 3


def test_processes_that_can_not_find_each_other_are_told_of_torchrun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(UsageError, match=r"WORLD_SIZE is 2.*torchrun"):
        run_training(tmp_path)


def test_a_gpu_without_memory_is_one_line(tmp_path: Path) -> None:
    def fail(_: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    with pytest.raises(RunError, match=r"out of memory with 12 samples at once; raise train\.loop\.accumulate"):
        run_training(tmp_path, model=disturbed(9, fail))


def test_a_full_disk_is_one_line_and_leaves_the_checkpoint_before_it(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk: the second checkpoint can't be written."""
    whole = run_training(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run_training(tmp_path / "full", model=disturbed(9, stop))
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, most))
        with pytest.raises(RunError, match="can't write") as error:
            run_training(tmp_path / "full")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert "\n" not in str(error.value)
    assert run_training(tmp_path / "full") == whole


@pytest.mark.parametrize("column", ["ids", "start"])
def test_samples_without_a_column_are_refused(tmp_path: Path, column: str) -> None:
    table = pa.table({"ids": [[1, 2, 3]], "start": [1]}).drop_columns([column])
    pq.write_table(table, tmp_path / "train.parquet")
    with pytest.raises(RunError, match=column) as error:
        Encoded.read(tmp_path / "train.parquet")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("preset", "vocabulary", "millions"), [("nano", 8192, 6.9), ("mini", 8192, 29.5), ("gpt2-104m", 25_600, 104.9)]
)
def test_presets_have_their_size(preset: str, vocabulary: int, millions: float) -> None:
    with torch.device("meta"):
        model = make_model(preset, vocabulary, 256, 0.0, END)
    assert math.isclose(sum(p.numel() for p in model.parameters()) / 1e6, millions, rel_tol=0.01)


def test_the_paper_s_model_is_that_of_its_section_3_3() -> None:
    size = PRESETS["gpt2-104m"]
    assert (size.layers, size.heads, size.width) == (12, 12, 768)
