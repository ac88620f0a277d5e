"""Measuring: the verb on the shipped student, and what a contender that can't be opened leaves."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from promptlet.errors import PromptletError, StudentError
from promptlet.speed.contenders import SUGGESTED_WORDS, Contender, OurEngine, Writer
from promptlet.speed.machine import read_bandwidth
from promptlet.speed.measuring import AS_LONG, BATCHES, EXACT, FIRST, START, SUGGEST, Measured, batch, measure
from promptlet.speed.report import table
from tests.conftest import Run


def test_the_verb_measures_the_shipped_student(cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMPTLET_VLLM_URL", raising=False)
    result = cli("bench", "--tokens", 4, "--repeats", 1, "--threads", 1, "--json", tmp_path / "bench.json")
    assert result.returncode == 0, result.stderr
    kept = json.loads((tmp_path / "bench.json").read_text())
    *gguf, torch, vllm = kept["contenders"]
    assert [each["name"] for each in gguf] == ["llamacpp", "openvino"]
    for ours in gguf:
        assert ours["samples"].keys() == {*map(batch, BATCHES), START, EXACT, AS_LONG, FIRST, SUGGEST}
        (_, exact), (_, free) = *ours["samples"][EXACT], *ours["samples"][AS_LONG]
        assert exact == free > SUGGESTED_WORDS
        assert all(ours["samples"][batch(heads)][0][1] == 4 * heads for heads in BATCHES)
        assert ours["resident"] > 1e7
    assert "model.safetensors" in torch["skipped"]
    assert "threads" in vllm["skipped"]
    assert kept["bytes read per second"] > 1e8
    rows = [line for line in result.stdout.splitlines() if line.startswith("|")]
    assert len({row.count("|") for row in rows}) == 1
    assert "cores" in result.stdout


def test_wrong_counts_are_one_line(cli: Run) -> None:
    result = cli("bench", "--repeats", "0")
    assert result.returncode == 2
    assert result.stderr == "promptlet: Invalid value for '--repeats': 0; 1 or more is allowed\n"
    result = cli("bench", "--tokens", "88")
    assert (result.returncode, result.stderr) == (2, "promptlet: tokens is 88; this student has room for 87\n")
    result = cli("bench", "--json", "nowhere/at/all.json")
    assert (result.returncode, result.stderr) == (2, "promptlet: --json: there is no folder nowhere/at\n")
    result = cli("bench", "--json", ".")
    assert (result.returncode, result.stderr) == (2, "promptlet: --json: . is a folder; a file is needed\n")
    result = cli("bench", "--threads", "999")
    assert (result.returncode, result.stderr) == (2, "promptlet: threads is 999; 1 to 256 are allowed\n")


def test_a_damaged_student_is_refused_before_anything_is_measured(student_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "student"
    shutil.copytree(student_folder, folder)
    assert OurEngine("torch", "torch", folder, 1).weights > 0
    (folder / "model.gguf").write_bytes((folder / "model.gguf").read_bytes()[:-100])
    with pytest.raises(StudentError, match=r"model\.gguf is damaged"):
        OurEngine("torch", "torch", folder, 1)


@dataclass(frozen=True)
class Counting(Contender):
    """Writes in no time; `fails` says when it does not."""

    name: str
    weights: int = 1
    fails: str = ""

    def open(self) -> Writer:
        if self.fails == "open":
            raise StudentError("no such weights")
        return Counted(self.fails)


class Counted(Writer):
    def __init__(self, fails: str) -> None:
        self.fails = fails

    def write(self, heads: int, tokens: int, seed: int) -> int:
        if self.fails == "write":
            raise SystemExit(3)
        return heads * tokens

    def suggest(self, prompts: int, seed: int) -> int:
        return prompts


def test_who_cannot_be_opened_is_skipped_with_the_reason() -> None:
    good, bad = measure([Counting("good"), Counting("bad", fails="open")], tokens=5, repeats=3, starts=2)
    assert (good.skipped, bad.skipped) == (None, "no such weights")
    assert [tokens for _, tokens in good.samples[batch(8)]] == [40, 40, 40]
    assert len(good.samples[START]) == 2
    assert EXACT not in good.samples
    assert not bad.samples
    assert "skipped: no such weights" in table([good, bad], 1e9)


def test_a_process_that_dies_is_an_error_not_a_wait() -> None:
    with pytest.raises(PromptletError, match="status 3"):
        measure([Counting("dying", fails="write")], tokens=1, repeats=1, starts=1)


def test_the_middle_and_what_95_percent_keep_to() -> None:
    each = Measured("x", 1, samples={FIRST: [(float(second), 100) for second in range(1, 101)]})
    assert each.seconds(FIRST) == 50.5
    assert each.seconds(FIRST, 0.95) == 95
    assert each.rate(FIRST, 0.95) == pytest.approx(100 / 95, rel=0.02)
    assert each.seconds(EXACT) is each.exact_cost is None


def test_what_exact_costs_is_told_beside_texts_as_long() -> None:
    exact, free = [(2.0, 20), (3.0, 30), (1.0, 10)], [(1.0, 20), (2.7, 30), (0.9, 10)]
    each = Measured("x", 1, samples={EXACT: exact, AS_LONG: free})
    assert each.exact_cost == pytest.approx(0.1)
    assert "| 10, 10.0% |" in table([each], 1e9)
    assert "%" in table([each], 1e9).replace("10.0%", "")
    assert "%" not in table([Measured("a server", 0)], 1e9)


def test_memory_is_read_at_a_finite_pace() -> None:
    assert 1e8 < read_bandwidth(2) < math.inf
