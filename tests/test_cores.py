"""How many cores are used: no more than a process or its container may compute on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from promptlet import cores

ASK = "from promptlet.cores import usable_cores; print(usable_cores())"


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinities on this system")
def test_a_process_that_is_tied_to_a_core_has_one() -> None:
    script = f"import os; os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}}); {ASK}"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout == b"1\n"


@pytest.mark.parametrize(
    ("text", "most"), [("100000 100000\n", 1), ("50000 100000\n", 1), ("max 100000\n", None), ("?", None)]
)
def test_a_quota_counts_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, most: int | None
) -> None:
    monkeypatch.setattr(cores, "_QUOTA", tmp_path / "missing")
    all_cores = cores.usable_cores()
    assert 1 <= all_cores <= (os.cpu_count() or 1)
    monkeypatch.setattr(cores, "_QUOTA", tmp_path / "cpu.max")
    (tmp_path / "cpu.max").write_text(text)
    assert cores.usable_cores() == (most or all_cores)
