"""The stage synthesize: what a teacher is asked, and what is kept of its answers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from promptlet.errors import TeacherError
from promptlet.io.records import read_samples, read_tables
from promptlet.pipeline import load_recipe, load_stage, run_recipe
from promptlet.tasks import load_task
from tests.conftest import Run
from tests.endpoint import Answering, Reply, endpoint, said
from tests.runs import small, write_recipe


def said_as_asked(_: int, body: dict[str, Any]) -> Reply:
    return said(f"a picture, number {body['seed']}")


def test_another_teacher_at_the_same_place_is_asked_anew(tmp_path: Path) -> None:
    text = f"name: x\nsynthesize: {{teacher: {{name: transformers, model: {tmp_path}}}}}"
    section: Any = load_recipe(write_recipe(tmp_path, text)).stages["synthesize"]
    found = []
    for weights in (b"1", b"2"):
        (tmp_path / "model.safetensors").write_bytes(weights)
        found.append(load_stage("synthesize").materials(section))
    assert found[0] != found[1]


def test_more_of_the_same_asks_the_teacher_only_for_what_is_new(tmp_path: Path) -> None:
    run_recipe(load_recipe(small(tmp_path)), tmp_path / "run", "synthesize")
    answers = tmp_path / "run" / "answers.jsonl"
    before = answers.read_bytes()
    recipe = small(tmp_path)
    recipe.write_text(recipe.read_text().replace("count: 30", "count: 40"))
    run_recipe(load_recipe(recipe), tmp_path / "run", "synthesize")
    after = answers.read_bytes()
    assert after.startswith(before)
    ids = [json.loads(line)["id"] for line in after.splitlines()]
    assert len(set(ids)) == len(ids)
    assert before.count(b"\n") < len(ids) < 1.6 * before.count(b"\n")


def test_a_teacher_that_dies_loses_no_finished_prompt(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match=r"died.*kept"):
        run_recipe(load_recipe(small(tmp_path, "dies_after: 25")), tmp_path / "run", "synthesize")
    answers = tmp_path / "run" / "answers.jsonl"
    finished = [line for line in answers.read_text().splitlines() if "error" not in line]
    assert len(finished) == 25
    run_recipe(load_recipe(small(tmp_path)), tmp_path / "run", "synthesize")
    assert set(finished) <= set(answers.read_text().splitlines())
    ids = [json.loads(line)["id"] for line in answers.read_text().splitlines() if "error" not in line]
    assert len(set(ids)) == len(ids)


def test_a_teacher_that_can_not_be_reached_fails_in_one_line(tmp_path: Path, cli: Run) -> None:
    teacher = "synthesize: {teacher: {name: openai_compatible, base_url: 'http://127.0.0.1:9/v1', model: m}}"
    result = cli(
        "run", write_recipe(tmp_path, f"name: x\nintents: {{count: 5}}\n{teacher}\n"), "--folder", tmp_path / "run"
    )
    assert result.returncode == 1
    assert result.stdout == ""
    *_, last = result.stderr.strip().splitlines()
    assert last.startswith("promptlet: the teacher at http://127.0.0.1:9/v1 can't be reached")
    assert "Traceback" not in result.stderr


def asked(folder: Path, answering: Answering = said_as_asked, **synthesize: Any) -> tuple[list[dict[str, Any]], Path]:
    """Return what an endpoint was asked by a recipe with these settings, and the stage's folder."""
    with endpoint(answering) as server:
        teacher = {"name": "openai_compatible", "base_url": server.url, "model": "m", "retries": 0}
        content = {
            "name": "x",
            "intents": {"count": 8, "tasks": ["t2i"]},
            "synthesize": {"teacher": teacher} | synthesize,
        }
        done = run_recipe(load_recipe(write_recipe(folder, content)), folder / "run", "synthesize")
    return server.bodies, done["synthesize"]


def words_asked(body: dict[str, Any]) -> int:
    return int(re.findall(r"\d+", body["messages"][-1]["content"])[0])


def test_how_the_teacher_draws_is_what_the_recipe_says(tmp_path: Path) -> None:
    bodies, _ = asked(tmp_path, temperature=0.25, top_p=0.75, max_tokens=30, words=[4, 16])
    assert {(body["temperature"], body["top_p"]) for body in bodies} == {(0.25, 0.75)}
    assert {words_asked(body) for body in bodies} <= set(range(4, 17))
    most = {body["max_tokens"] for body in bodies}
    assert all(body["max_tokens"] == min(30, 2 * words_asked(body) + 12) for body in bodies)
    assert max(most) == 30 > min(most)


def test_the_manner_of_a_recipe_is_told_to_the_teacher_and_what_is_left_out_is_not(tmp_path: Path) -> None:
    manner = {"tone": "warm", "style": "short sentences", "context": "greeting cards"}
    before = load_task("t2i").instructions
    for given, told in [
        (manner, "The tone is warm. The style is short sentences. They are for greeting cards."),
        ({"tone": "warm"}, "The tone is warm."),
    ]:
        bodies, _ = asked(tmp_path, manner=given)
        assert {body["messages"][0]["content"] for body in bodies} == {f"{before} {told}"}


@pytest.mark.parametrize("choice", ["shared", "diverse", "nearest"])
def test_exemplars_are_chosen_as_the_recipe_says(tmp_path: Path, choice: str) -> None:
    """All requests are of one task and length; each wish is asked for twice, with two seeds."""
    bodies, _ = asked(tmp_path, exemplars=choice, shots=3, words=[12, 12], prompts_per_intents=2)
    shown: dict[str, list[tuple[str, ...]]] = {}
    for body in bodies:
        exemplars = tuple(each["content"] for each in body["messages"] if each["role"] == "assistant")
        assert len(exemplars) == 3
        shown.setdefault(body["messages"][-1]["content"], []).append(exemplars)
    all_shown = {exemplars for pair in shown.values() for exemplars in pair}
    alike = [first == second for first, second in shown.values()]
    assert len(alike) >= 6
    if choice == "shared":
        assert len(all_shown) == 1
    elif choice == "diverse":
        assert not any(alike)
    else:
        assert all(alike)
        assert len(all_shown) > len(alike) / 2


def test_answers_that_were_cut_off_are_rejected(tmp_path: Path) -> None:
    def cut(number: int, body: dict[str, Any]) -> Reply:
        text = f"a picture, number {body['seed']}"
        return said(f"{text} which never", "length") if number % 2 else said(text)

    bodies, stage = asked(tmp_path, cut)
    rejected = [row for table in read_tables(stage, "rejected") for row in table.to_pylist()]
    kept = [sample.prompt for sample in read_samples(stage)]
    assert {row["reason"] for row in rejected} == {"cut off"}
    assert len(rejected) == len(bodies) // 2
    assert all(row["prompt"].endswith("which never") for row in rejected)
    assert len(kept) + len(rejected) == len(bodies)
    assert not any("which never" in prompt for prompt in kept)
