"""The student's folder: what it carries of the recipe it was made by."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import gguf
import pytest

from promptlet.errors import UsageError
from promptlet.generation import Generator
from promptlet.stages.base import CommonConfig, Context
from promptlet.stages.export import ExportConfig, ExportStage
from promptlet.student.format import GGUF, QUANTIZATIONS, load_student

POLICY = """
approved_by: Legal
approved_on: 2026-01-31
denied: {rivals: {source: us, licence: CC0-1.0, lists: [rivals.txt], terms: [acme]}}
"""


def test_a_student_keeps_to_the_policy_of_its_recipe(smoke: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "rivals.txt").write_text("globex\n")
    common = CommonConfig(name="ours", policy=tmp_path / "policy.yaml")
    context = Context(folder=tmp_path, inputs=smoke, shared=tmp_path, common=common)
    ExportStage().run(ExportConfig(quantization="F16"), context)
    (tmp_path / "rivals.txt").unlink()
    generator = Generator.load(tmp_path / "student")
    for term in ("Acme", "globex"):
        with pytest.raises(UsageError, match=f"policy denies '{term.casefold()}'"):
            generator.generate("a cat", keep=[term], seed=1)


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_weights_are_stored_in_the_precision_of_the_recipe(
    smoke: dict[str, Path], tmp_path: Path, quantization: str
) -> None:
    context = Context(folder=tmp_path, inputs=smoke, shared=tmp_path, common=CommonConfig(name="x"))
    ExportStage().run(ExportConfig(name="mine", quantization=quantization), context)
    student = load_student(tmp_path / "student")
    assert (student.description.name, student.description.quantization) == ("mine", quantization)
    sizes = Counter[str]()
    for tensor in gguf.GGUFReader(student.folder / GGUF).tensors:
        sizes[tensor.tensor_type.name] += tensor.n_elements
    assert sizes[quantization] > 0.9 * sizes.total()
