"""The stage evaluate: what a student is asked for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from promptlet.generation import Generator
from promptlet.intents.test_sets import DIGESTS, load_test_set
from promptlet.pipeline import load_recipe, load_stage
from promptlet.stages.base import Context
from tests.runs import write_recipe


def test_lengths_that_nobody_chose_are_those_that_the_student_is_taught(tmp_path: Path, smoke: dict[str, Path]) -> None:
    text = "name: x\ntokenize: {commands: {words: {low: 5, high: 12}}}\nevaluate: {prompts_per_target: 1}"
    loaded = load_recipe(write_recipe(tmp_path, text))
    student = tmp_path / "export" / "student"
    shutil.copytree(smoke["export"] / "student", student)
    told = json.loads((student / "promptlet.json").read_text())
    told["commands"]["words"]["high"] = 12
    (student / "promptlet.json").write_text(json.dumps(told))
    context = Context(tmp_path, smoke | {"export": student.parent}, tmp_path, loaded.common)
    counts = load_stage("evaluate").run(loaded.stages["evaluate"], context)
    assert [name for name in counts if name.startswith("exact")] == ["exact within 2 at 10"]


def test_a_student_that_obeys_no_count_is_made_and_has_nothing_to_measure(
    smoke: dict[str, Path], tmp_path: Path
) -> None:
    loaded = load_recipe(write_recipe(tmp_path, "name: x"))
    student = tmp_path / "export" / "student"
    shutil.copytree(smoke["export"] / "student", student)
    told = json.loads((student / "promptlet.json").read_text())
    del told["commands"]["words"]
    (student / "promptlet.json").write_text(json.dumps(told))
    context = Context(tmp_path, smoke | {"export": student.parent}, tmp_path, loaded.common)
    counts = load_stage("evaluate").run(loaded.stages["evaluate"], context)
    assert counts == {"nothing to measure": "the student does not obey 'words'"}
    assert Generator.load(student).generate("a fox", seed=1, candidates=1, exact=False)


def test_a_recipe_s_test_set_is_what_the_student_is_asked_for(smoke: dict[str, Path], tmp_path: Path) -> None:
    asked = {}
    for name in (None, *DIGESTS):
        folder = tmp_path / str(name)
        folder.mkdir()
        text = {
            "name": "x",
            "evaluate": {"targets": [8], "prompts_per_target": 3} | ({"test_set": name} if name else {}),
        }
        loaded = load_recipe(write_recipe(tmp_path, text))
        load_stage("evaluate").run(loaded.stages["evaluate"], Context(folder, smoke, tmp_path, loaded.common))
        rows = map(json.loads, (folder / "prompts.jsonl").read_text().splitlines())
        asked[name] = [row["intents"] for row in rows if row["mode"] == "exact"]
    student = Generator.load(smoke["export"] / "student").student
    for name in DIGESTS:
        wishes = [wish for wish in load_test_set(name) if student.codec.can_ask(wish, student.description.longest_head)]
        assert asked[name] == [list(map(str, wish.intents)) for wish in wishes[:3]]
    assert len({json.dumps(each) for each in asked.values()}) == 3
