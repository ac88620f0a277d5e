"""Publishing a run's pairs: all of them, in files that are always the same, under a card that tells the truth."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from tests.conftest import ROOT
from tests.reports.samples import PAIRS, make_run, sample

from promptlet.errors import RunError, UsageError
from promptlet.io.atomic import file_digest
from promptlet.reports.card import publish


def parts(card: Path) -> tuple[dict[str, Any], str]:
    _, head, body = card.read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(head), body


def test_every_pair_is_published_sorted_by_task_with_all_columns(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [*reversed(PAIRS)])
    publish(run, tmp_path / "out")
    rows = {
        split: pq.read_table(tmp_path / "out" / f"{split}.parquet").to_pylist() for split in ("train", "validation")
    }
    assert {row["prompt"] for each in rows.values() for row in each} == {pair.prompt for pair in PAIRS}
    assert [row["task"] for row in rows["train"]] == ["t2i", "t2i", "t2t"]
    assert all(row["split"] == split for split, each in rows.items() for row in each)
    (validated,) = rows["validation"]
    assert validated["intents"] == [{"kind": "Topic", "value": "tea ceremony"}]
    assert dict(validated["scores"]) == {"relevance": 1.0, "lemmas": 1.0}
    assert pq.ParquetFile(tmp_path / "out" / "train.parquet").metadata.row_group(0).column(0).compression == "ZSTD"


def test_the_same_pairs_in_another_order_make_the_same_files(tmp_path: Path) -> None:
    for name, pairs in (("one", PAIRS), ("two", PAIRS[::-1])):
        publish(make_run(tmp_path / f"run-{name}", pairs), tmp_path / name)
    assert file_digest(tmp_path / "one" / "train.parquet") == file_digest(tmp_path / "two" / "train.parquet")


def test_the_card_is_what_hugging_face_reads_and_says_where_all_is_from(tmp_path: Path) -> None:
    card = publish(make_run(tmp_path / "run"), tmp_path / "out", name="Pairs: a test")
    head, body = parts(card)
    assert head["license"] == "apache-2.0"
    assert head["language"] == ["en"]
    assert head["task_categories"] == ["text-generation"]
    assert head["size_categories"] == ["n<1K"]
    assert head["pretty_name"] == "Pairs: a test"
    files = head["configs"][0]["data_files"]
    assert {(file["split"], file["path"]) for file in files} == {
        ("train", "train.parquet"),
        ("validation", "validation.parquet"),
    }
    assert "fake:0.1" in body
    assert "| repetition | curate | 5 |" in body
    assert file_digest(tmp_path / "out" / "train.parquet") in body


def test_the_card_shows_no_settings_of_a_teacher_that_was_not_asked(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", asked={"seed": 3, "prompts_per_intents": 0, "pairs": "data", "shots": 5})
    _, body = parts(publish(run, tmp_path / "out", "apache-2.0"))
    assert "pairs: data" in body
    assert "shots" not in body


def test_the_licence_of_an_unknown_teacher_must_be_told(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", counts={"teacher": "sage-9000"})
    with pytest.raises(UsageError, match="sage-9000"):
        publish(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    head, body = parts(publish(run, tmp_path / "out", "cc-by-4.0"))
    assert head["license"] == "cc-by-4.0"
    assert "| prompts | written by the teacher sage-9000 (not recorded) | not recorded |" in body


def test_held_out_pairs_are_never_published(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [*PAIRS, sample("a secret", split="test")])
    with pytest.raises(RunError, match="'test'"):
        publish(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_script_publishes_and_fails_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "publish_data.py")]
    run = make_run(tmp_path / "run")
    done = subprocess.run([*command, run, tmp_path / "out"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(tmp_path / "out" / "README.md")
    failed = subprocess.run(
        [*command, tmp_path / "none", tmp_path / "out"], capture_output=True, text=True, check=False
    )
    assert failed.returncode == 2
    assert failed.stderr.startswith("publish_data: there is no run's folder")
    assert failed.stderr.count("\n") == 1
