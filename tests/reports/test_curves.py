"""`promptlet plot`: the curves of a run, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.conftest import Run
from typer.testing import CliRunner

from promptlet.cli.main import app
from promptlet.errors import RunError, UsageError
from promptlet.reports.curves import plot_curves


def write_log(folder: Path, rows: list[dict[str, float]]) -> None:
    folder.mkdir(parents=True)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_every_training_of_a_run_is_drawn(tmp_path: Path) -> None:
    for name in ("train-1", "train-2"):
        write_log(
            tmp_path / name, [{"step": step, "loss": 5 / step, "validation_loss": 6 / step} for step in (1, 2, 3)]
        )
    picture = plot_curves(tmp_path, tmp_path / "curves.svg")
    text = picture.read_text()
    assert "<svg" in text
    assert all(f"<!-- {name} -->" in text for name in ("train-1", "train-2")), "a label is missing"
    assert plot_curves(tmp_path).read_bytes().startswith(b"\x89PNG")
    assert plot_curves(tmp_path / "train-1").parent == tmp_path / "train-1"


def test_rounds_of_improvement_are_drawn_too(tmp_path: Path) -> None:
    write_log(tmp_path / "improve-1" / "round-2", [{"step": step, "loss": 5 / step} for step in (1, 2, 3)])
    assert plot_curves(tmp_path).is_file()


def test_a_line_that_is_still_being_written_is_left_out(tmp_path: Path) -> None:
    write_log(tmp_path / "train-1", [{"step": 1, "loss": 2.0}])
    with (tmp_path / "train-1" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "lo')
    assert plot_curves(tmp_path).is_file()


def test_what_can_not_be_drawn_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run's folder"):
        plot_curves(tmp_path / "nowhere")
    with pytest.raises(RunError, match=r"holds no metrics\.jsonl"):
        plot_curves(tmp_path)
    with pytest.raises(UsageError, match=r"curves\.jpg.*\.png"):
        plot_curves(tmp_path, tmp_path / "curves.jpg")
    write_log(tmp_path / "train-1", [])
    (tmp_path / "train-1" / "metrics.jsonl").write_text("[1]\n")
    with pytest.raises(RunError, match="line 1"):
        plot_curves(tmp_path)
    assert not list(tmp_path.glob("curves.*"))


def test_the_command_line_draws_and_says_where(tmp_path: Path, cli: Run) -> None:
    write_log(tmp_path / "train-1", [{"step": step, "loss": 5 / step} for step in (1, 2, 3)])
    done = cli("plot", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{tmp_path / 'curves.png'}\n", "")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    own = CliRunner().invoke(app, ["plot", str(tmp_path), "--output", str(tmp_path / "own.svg")])
    assert own.stdout == f"{tmp_path / 'own.svg'}\n"
    assert "<svg" in (tmp_path / "own.svg").read_text()
    refused = cli("plot", tmp_path / "nowhere")
    assert refused.returncode == 2
    assert refused.stderr == f"promptlet: there is no run's folder at {tmp_path / 'nowhere'}\n"
