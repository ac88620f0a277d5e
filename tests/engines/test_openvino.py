"""What the engine openvino does beside the contract: whom it tells nothing, and what it can't run."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import gguf
import pytest

from promptlet.engines._gpt2_graph import compile_student
from promptlet.engines.openvino import OpenVINO
from promptlet.errors import StoppedError, StudentError
from promptlet.student.format import load_student
from tests.engines.test_engines import decoding

ALONE = """
import sys
def hook(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        print(event, arguments)
sys.addaudithook(hook)
from promptlet.generation import Generator
(prompt,) = Generator.load(sys.argv[1], "openvino").generate("a cat", words=8, seed=1, candidates=1)
assert prompt.words == 8
print(sorted(name for name in sys.modules if name in ("torch", "openvino_telemetry", "openvino.tools.ovc")))
"""


def test_nobody_is_told_that_openvino_is_used(student_folder: Path) -> None:
    """Its package tells Intel of every import, unless the import of its tools fails."""
    command = [sys.executable, "-c", ALONE, str(student_folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


@pytest.mark.parametrize("module", ["openvino", "numpy", "gguf", "llguidance"])
def test_what_is_missing_is_a_line_that_says_what_to_install(student_folder: Path, module: str) -> None:
    code = f"import sys; sys.modules['{module}'] = None; from promptlet.cli.main import main; main()"
    command = [
        sys.executable,
        "-c",
        code,
        "generate",
        "a cat",
        "--engine",
        "openvino",
        "--student",
        str(student_folder),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    line = f"promptlet: the engine openvino needs the module '{module}': pip install 'promptlet[openvino]'\n"
    assert (done.returncode, done.stderr) == (1, line)


def test_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "model.gguf", "llama")
    writer.add_block_count(1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    with pytest.raises(StudentError, match="holds a llama; the engine openvino runs gpt2; use llamacpp"):
        compile_student(tmp_path / "model.gguf", 1)


@pytest.fixture
def engine(student_folder: Path) -> OpenVINO:
    return OpenVINO.open(load_student(student_folder), 1)


def together(engine: OpenVINO, monkeypatch: pytest.MonkeyPatch, folder: Path, during: Any) -> list[Any]:
    """Let four calls be rows of one batch, and something happen at its third step; return texts or errors."""
    step, steps, stops = engine._step, iter(range(10**6)), [Event() for _ in range(4)]

    def watched() -> Any:
        if next(steps) == 3:
            during(stops)
        return step()

    def call(index: int) -> Any:
        try:
            return engine.decode([decoding(folder, 12, index)], stops[index])[0]
        except (StoppedError, RuntimeError) as error:
            return error

    monkeypatch.setattr(engine, "_step", watched)
    engine._driven = True  # as if another call computed
    with ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(call, index) for index in range(4)]
        while len(engine._waiting) < 4:
            time.sleep(0.01)
        with engine._changed:
            engine._driven = False
            engine._changed.notify_all()
        return [each.result(60) for each in calls]


def test_who_is_stopped_leaves_the_batch_to_the_others(
    engine: OpenVINO, student_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = [engine.decode([decoding(student_folder, 12, index)])[0] for index in range(4)]
    found = together(engine, monkeypatch, student_folder, lambda stops: (stops[0].set(), stops[2].set()))
    assert [found[1], found[3]] == [alone[1], alone[3]]
    assert [type(found[0]), type(found[2])] == [StoppedError, StoppedError]
    assert engine.decode([decoding(student_folder, 12, 0)]) == [alone[0]]


def test_a_batch_that_fails_fails_for_all_and_the_next_is_written(
    engine: OpenVINO, student_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = engine.decode([decoding(student_folder, 12, 0)])

    def fail(_: object) -> None:
        raise RuntimeError("no memory")

    found = together(engine, monkeypatch, student_folder, fail)
    assert [type(each) for each in found] == [RuntimeError] * 4
    assert engine.decode([decoding(student_folder, 12, 0)]) == alone


def test_where_nothing_is_allowed_any_more_a_text_breaks_off(engine: OpenVINO, student_folder: Path) -> None:
    everything = tuple(range(len(engine.student.codec)))
    for temperature in (0, 0.8):
        wanted = replace(decoding(student_folder, 12, 1, temperature=temperature), forbidden=everything)
        assert engine.decode([wanted])[0] == replace(engine.decode([wanted])[0], text="", ids=(), finished=False)
