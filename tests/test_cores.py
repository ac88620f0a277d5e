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


@pytest.mark.skipif(sys.platform != "linux", reason="torch computes with GNU's OpenMP on Linux")
@pytest.mark.parametrize(
    ("said", "looks"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "30000000000")],
    ids=["nothing", "a number", "a policy"],
)
def test_threads_of_torch_sleep_soon_unless_the_environment_says_otherwise(said: dict[str, str], looks: str) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    command = "from promptlet.cli.main import main\ntry: main()\nexcept SystemExit: import torch"
    ran = subprocess.run(
        [sys.executable, "-c", command, "--version"],
        env=environment | said | {"OMP_DISPLAY_ENV": "verbose"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"GOMP_SPINCOUNT = '{looks}'" in ran.stderr
