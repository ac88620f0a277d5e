"""Training by several processes: torchrun's two give the losses of one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.conftest import ROOT, SMOKE

from promptlet.errors import UsageError
from promptlet.pipeline import load_recipe, run_recipe

SCRIPT = """
import os, sys
from pathlib import Path
from tests.student.test_training import END, fresh_model, make_data, train, with_options

config = with_options(steps=8, accumulate=2, ema=0.9, batch=14)
model, rows = fresh_model(dropout=0.0), []
model.base_model.register_forward_pre_hook(
    lambda module, args, named: rows.append(len(named["input_ids"])), with_kwargs=True
)
train(model, make_data(60, 1), make_data(10, 2), config, END, 1, Path(sys.argv[1]))
assert max(rows) <= -(-config.group // int(os.environ.get("WORLD_SIZE", 1))), "a process's share, held-out samples too"
"""


@pytest.mark.long
def test_two_processes_give_the_losses_of_one(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    found = []
    for command in (["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"], []):
        folder = tmp_path / f"run{len(found)}"
        whole = [sys.executable, *command, str(script), str(folder)]
        done = subprocess.run(whole, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stderr
        found.append([json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()])
    for two, one in zip(*found, strict=True):
        assert two == pytest.approx(one, abs=1e-5)


@pytest.mark.long
def test_two_processes_train_what_a_recipe_says(smoke: dict[str, Path], tmp_path: Path) -> None:
    recipe, run = tmp_path / "recipe.yaml", tmp_path / "run"
    content = yaml.safe_load(SMOKE.read_text())
    content["train"]["seed"] = 7
    recipe.write_text(yaml.safe_dump(content))
    shutil.copytree(smoke["train"].parent, run)
    before = set(run.glob("train-*"))
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "promptlet"]
    whole = [sys.executable, *command, "run", str(recipe), "--folder", str(run), "--until", "train"]
    done = subprocess.run(whole, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr
    (trained,) = {each.parent for each in run.glob("train-*/model")} - before
    assert (trained / "manifest.json").exists()


def test_under_torchrun_only_training_is_done_and_the_rest_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match=r"intents is done by one process.*--until intents"):
        run_recipe(load_recipe(SMOKE), tmp_path / "run", "train")
