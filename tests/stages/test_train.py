"""The stage train: what its settings change, and what it refuses."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from promptlet.errors import StudentError
from promptlet.stages.base import CommonConfig, Context
from promptlet.stages.train import TrainConfig, TrainStage
from promptlet.student.config import LoopConfig


def test_a_tokenizer_without_a_command_s_token_ends_in_one_line(tmp_path: Path, smoke: dict[str, Path]) -> None:
    folder = tmp_path / "tokenize"
    shutil.copytree(smoke["tokenize"], folder)
    path = folder / "tokenizer.json"
    path.write_text(path.read_text().replace("<|19|>", "<|no|>"))
    with pytest.raises(StudentError, match=r"no token '<\|19\|>'"):
        TrainStage().run(
            TrainConfig(preset="tiny"), Context(tmp_path, {"tokenize": folder}, tmp_path, CommonConfig(name="x"))
        )


def test_a_training_s_own_seed_stands_for_the_recipe_s(tmp_path: Path, smoke: dict[str, Path]) -> None:
    """The metrics tell the first weights and the order of samples."""

    def trained(name: str, recipe_seed: int, seed: int | None) -> str:
        folder = tmp_path / name
        folder.mkdir()
        config = TrainConfig(preset="tiny", seed=seed, loop=LoopConfig(steps=3, batch=8, warmup=1, previews=0))
        TrainStage().run(config, Context(folder, smoke, tmp_path, CommonConfig(name="x", seed=recipe_seed)))
        return (folder / "metrics.jsonl").read_text()

    plain = trained("plain", 4, None)
    assert trained("own", 5, 4) == plain
    assert trained("other", 4, 5) != plain
    assert trained("another", 5, None) != plain
