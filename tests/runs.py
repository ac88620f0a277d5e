"""What tests of runs share: a recipe in a file, the command line in a process, and waiting until a file has grown."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SMALL = """
name: small
intents: {count: 30}
synthesize: {teacher: {name: fake, TEACHER}}
"""


def write_recipe(folder: Path, content: str | Mapping[str, Any]) -> Path:
    """Write a recipe; JSON is YAML."""
    path = folder / "recipe.yaml"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def small(folder: Path, teacher: str = "accidents: 0.1") -> Path:
    """Write a small recipe of the fake teacher with some of its settings."""
    return write_recipe(folder, SMALL.replace("TEACHER", teacher))


def denying(folder: Path, *denied: str) -> str:
    """Write a vocabulary policy that denies some terms, as the category `ours`; return where."""
    category = {"source": "us", "licence": "CC0-1.0", "terms": denied}
    path = folder / "policy.yaml"
    path.write_text(json.dumps({"approved_by": "us", "approved_on": "2026-01-31", "denied": {"ours": category}}))
    return str(path)


def started(*arguments: object, script: str = "", **options: Any) -> subprocess.Popen[str]:
    """Start the command line in a process of its own, which Ctrl-C ends; `script` runs in it before."""
    code = ["-c", f"{script}\nfrom promptlet.cli.main import main\nmain()"] if script else ["-m", "promptlet"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | options
    return subprocess.Popen(
        [sys.executable, *code, *map(str, arguments)],
        text=True,
        # Whoever runs the tests in the background has them ignore Ctrl-C, and their children with them.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (no other thread forks here)
        **quiet,
    )


def wait_for_lines(process: subprocess.Popen[Any], folder: Path, pattern: str, lines: int) -> None:
    """Wait until a file of a folder has so many lines, while the process that writes it runs."""
    deadline = time.monotonic() + 600
    while not any(path.read_bytes().count(b"\n") >= lines for path in folder.glob(pattern)):
        assert process.poll() is None, "it ended before it had written so much"
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def killed_when(process: subprocess.Popen[Any], folder: Path, pattern: str, lines: int) -> None:
    """Kill a process once a file of a folder has so many lines."""
    try:
        wait_for_lines(process, folder, pattern, lines)
    finally:
        process.kill()
        process.wait()
