"""The stage tokenize: what a student is taught."""

from __future__ import annotations

from pathlib import Path

from promptlet.io.records import read_samples
from promptlet.pipeline import load_recipe, load_stage
from promptlet.stages.base import Context
from promptlet.student.format import WORDS_FILE
from tests.conftest import Run
from tests.runs import SMALL, write_recipe


def test_a_student_is_taught_only_what_it_can_be_asked_for(smoke: dict[str, Path], tmp_path: Path) -> None:
    text = "name: x\ntokenize: {size: 1024, commands: {words: {low: 8, high: 12}, relevance: {}}}"
    loaded = load_recipe(write_recipe(tmp_path, text))
    context = Context(tmp_path, {"augment": smoke["augment"]}, tmp_path, loaded.common)
    load_stage("tokenize").run(loaded.stages["tokenize"], context)
    samples = [each for each in read_samples(smoke["augment"]) if each.split == "train"]
    askable = [each for each in samples if 8 <= len(each.prompt.split()) <= 12]
    assert 0 < len(askable) < len(samples)
    taught = set((tmp_path / WORDS_FILE).read_text().split())
    assert taught == {term for each in askable for term in each.terms}


def test_steps_that_no_sample_teaches_are_told(tmp_path: Path, cli: Run) -> None:
    own = "tokenize: {size: 1024, commands: {relevance: {bounds: {t2i: [2, 2, 2, 2]}}}}"
    text = f"{SMALL.replace('TEACHER', 'accidents: 0')}{own}\n"
    done = cli("run", write_recipe(tmp_path, text), "--folder", tmp_path / "run", "--until", "tokenize")
    assert done.returncode == 0, done.stderr
    assert "warning: tokenize: no sample of t2i has relevance 1, 2, 3, 4: " in done.stderr
    assert "try 'embedding'" in done.stderr
