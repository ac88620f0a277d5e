"""Runs that are killed, interrupted, out of disk or not alone: nothing that was done is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from promptlet.io.records import read_samples
from promptlet.pipeline import load_recipe, run_recipe
from tests.conftest import SMOKE, Run
from tests.runs import killed_when, small, started, wait_for_lines, write_recipe


def test_kills_in_synthesize_and_train_change_nothing(tmp_path: Path, smoke: dict[str, Path]) -> None:
    slow = SMOKE.read_text().replace("{name: fake}", "{name: fake, delay: 0.01}")
    recipe, folder = write_recipe(tmp_path, slow), tmp_path / "run"
    killed_when(started("run", recipe, "--folder", folder), folder, "answers.jsonl", 100)
    kept = (folder / "answers.jsonl").read_bytes()
    killed_when(started("run", recipe, "--folder", folder), folder, "train-*/metrics.jsonl", 30)
    assert (folder / "answers.jsonl").read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])
    done = run_recipe(load_recipe(recipe), folder, "train")
    assert list(read_samples(done["curate"])) == list(read_samples(smoke["curate"]))
    for name in ("metrics.jsonl", "model/model.safetensors"):
        assert (done["train"] / name).read_bytes() == (smoke["train"] / name).read_bytes(), name


def test_ctrl_c_ends_with_one_line_and_the_run_goes_on_later(tmp_path: Path) -> None:
    recipe, folder = small(tmp_path, "delay: 1"), tmp_path / "run"
    process = started("run", recipe, "--folder", folder, "--until", "curate", stderr=subprocess.PIPE)
    wait_for_lines(process, folder, "answers.jsonl", 5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "interrupted" in errors
    run_recipe(load_recipe(small(tmp_path)), folder, "curate")


def test_ctrl_c_while_a_student_is_opened_ends_it(student_folder: Path) -> None:
    interrupting = """
import os, signal, xllamacpp
opened = xllamacpp.Server
def server(parameters):
    made = opened(parameters)
    os.kill(os.getpid(), signal.SIGINT)
    return made
xllamacpp.Server = server
"""
    arguments = ("generate", "a cat", "--student", student_folder)
    process = started(*arguments, script=interrupting, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        output, errors = process.communicate(timeout=60)
    finally:
        process.kill()  # what waits for ever in native code sees no second Ctrl-C
    assert process.returncode == 130
    assert (output, errors) == ("", "")


def test_two_runs_in_one_folder_are_refused(tmp_path: Path, cli: Run) -> None:
    recipe, folder = small(tmp_path, "delay: 5"), tmp_path / "run"
    process = started("run", recipe, "--folder", folder, "--until", "synthesize")
    try:
        wait_for_lines(process, folder, "answers.jsonl", 0)
        second = cli("run", recipe, "--folder", folder)
        assert second.returncode == 1
        assert "another process" in second.stderr
    finally:
        process.kill()
        process.wait()


def test_a_disk_that_fills_ends_in_one_line_and_the_run_goes_on_later(tmp_path: Path, cli: Run) -> None:
    """A limit on the size of files stands in for the disk."""
    recipe, folder = small(tmp_path), tmp_path / "run"
    limited = f"ulimit -f 8; exec {sys.executable} -m promptlet run {recipe} --folder {folder} --until synthesize"
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    *_, last = done.stderr.strip().splitlines()
    assert last.startswith("promptlet: ")
    assert "Traceback" not in done.stderr
    run_recipe(load_recipe(recipe), folder, "synthesize")
