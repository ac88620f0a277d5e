"""What many tests share: one smoke run, made once, and running the command line in a new process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from promptlet.generation import Generator
from promptlet.pipeline import load_recipe, run_recipe

ROOT = Path(__file__).parent.parent
SMOKE = ROOT / "recipes" / "smoke.yaml"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folders of a finished run of recipes/smoke.yaml, by stage; tests only read them."""
    return run_recipe(load_recipe(SMOKE), tmp_path_factory.mktemp("smoke"))


@pytest.fixture(scope="session")
def student_folder(smoke: dict[str, Path]) -> Path:
    """The student of the smoke run."""
    return smoke["export"] / "student"


@pytest.fixture(scope="session")
def generator(student_folder: Path) -> Generator:
    """A generator for the student of the smoke run."""
    return Generator.load(student_folder)


@pytest.fixture
def cli() -> Run:
    """Run the command line in a process of its own."""

    def run(*arguments: object, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "promptlet", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)

    return run
