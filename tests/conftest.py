"""What many tests share: one smoke run, made once, running the command line in a new process, and a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from promptlet.generation import Generator
from promptlet.io.locking import held
from promptlet.pipeline import load_recipe, run_recipe

ROOT = Path(__file__).parent.parent
SMOKE = ROOT / "recipes" / "smoke.yaml"

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_BROWSER_OPTIONS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync"
).split()

if "PYTEST_XDIST_WORKER" in os.environ:  # cores of its own for each process: threads that meet wait for nobody else
    number, count = os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"), os.environ["PYTEST_XDIST_WORKER_COUNT"]
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[int(number) :: int(count)] or os.sched_getaffinity(0))
settings.register_profile("promptlet", deadline=None)  # the machine may be busy
settings.load_profile("promptlet")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folders of a finished run of recipes/smoke.yaml, by stage, made once; tests only read them."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    with held(folder / "smoke"):
        return run_recipe(load_recipe(SMOKE), folder / "smoke")


@pytest.fixture(scope="session")
def student_folder(smoke: dict[str, Path]) -> Path:
    """The student of the smoke run."""
    return smoke["export"] / "student"


@pytest.fixture(scope="session")
def generator(student_folder: Path) -> Generator:
    """A generator for the student of the smoke run."""
    return Generator.load(student_folder)


@pytest.fixture(scope="session")
def likelihoods_read() -> dict[str, float]:
    """What the tests with `remembered` had the local judge's language model read."""
    return {}


@pytest.fixture
def remembered(likelihoods_read: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> None:
    """The local judge's language model reads each text once: evaluations have the same anchors, and many prompts.

    Only in the tests that ask for it: others hold that a judge reads a text alone as it does among others.
    """
    from promptlet.judges.fluent import Reader

    read, known = Reader.likelihoods, likelihoods_read

    def likelihoods(reader: Reader, texts: Sequence[str]) -> list[float]:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(new, read(reader, new), strict=True))
        return [known[text] for text in texts]

    monkeypatch.setattr(Reader, "likelihoods", likelihoods)


@pytest.fixture
def cli() -> Run:
    """Run the command line in a process of its own."""

    def run(*arguments: object, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "promptlet", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)

    return run


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium; one per module, since playwright keeps the event loop of its thread as long as it lasts."""
    from playwright.sync_api import expect, sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    expect.set_options(timeout=20_000)  # the machine may be busy
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=_BROWSER_OPTIONS)
        yield started
        started.close()
