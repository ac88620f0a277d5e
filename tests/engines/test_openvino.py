"""What the engine openvino does beside the contract: whom it tells nothing, and what it can't run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import gguf
import pytest

from promptlet.engines._gpt2_graph import compile_student
from promptlet.errors import StudentError

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


def test_what_is_missing_is_a_line_that_says_what_to_install(student_folder: Path) -> None:
    code = "import sys; sys.modules['openvino'] = None; from promptlet.cli.main import main; main()"
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
    line = "promptlet: the engine openvino needs the module 'openvino': pip install 'promptlet[openvino]'\n"
    assert (done.returncode, done.stderr) == (1, line)


def test_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "model.gguf", "llama")
    writer.add_block_count(1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    with pytest.raises(StudentError, match="holds a llama; the engine openvino runs gpt2; use llamacpp"):
        compile_student(tmp_path / "model.gguf", 1)
