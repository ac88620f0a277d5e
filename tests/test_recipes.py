"""Recipes: what they may say, what is left out, and how what is wrong is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from promptlet.errors import UsageError
from promptlet.pipeline import ORDER, load_recipe, run_recipe
from promptlet.stages.train import TrainConfig
from tests.conftest import ROOT
from tests.runs import write_recipe


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_loads(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.common.name == path.stem
    assert tuple(recipe.stages) == ORDER


def test_the_paper_s_recipe_has_the_paper_s_settings() -> None:
    train = load_recipe(ROOT / "recipes" / "paper.yaml").stages["train"]
    assert isinstance(train, TrainConfig)
    assert train.preset == "gpt2-104m"
    assert (train.loop.steps, train.loop.batch, train.loop.learning_rate) == (300_000, 128, 6e-4)


def test_what_a_stage_s_loop_is_not_told_is_the_stage_s_own(tmp_path: Path) -> None:
    text = "name: x\ntune: {loop: {steps: 7}}\nimprove: {loop: {steps: 8}}\ntrain: {loop: {steps: 9}}"
    loops: list[Any] = [
        getattr(stage, "loop", None) for stage in load_recipe(write_recipe(tmp_path, text)).stages.values()
    ]
    assert [(loop.steps, loop.learning_rate, loop.warmup) for loop in loops if loop] == [
        (7, 2e-4, 20),
        (9, 1e-3, 100),
        (8, 3e-4, 20),
    ]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("name: x\nintent: {count: 3}", "unknown key 'intent'.*did you mean 'intents'"),
        ("name: x\nintents: {cuont: 3}", r"intents\.cuont.*did you mean 'count'"),
        ("name: x\nintents: {count: many}", r"intents\.count.*'many'"),
        ("name: x\nintents: {count: 0}", r"intents\.count.*0.*1 or more"),
        ("name: x\nintents: {tasks: [t3i]}", "t3i.*t2i"),
        ("name: x\nintents: 7", "intents.*7"),
        ("name: x\nintents: {tasks: []}", r"intents\.tasks.*1 or more entries"),
        ("name: x\nevaluate: {targets: []}", r"evaluate\.targets.*1 or more entries"),
        ("name: x\nevaluate: {targets: [0]}", r"evaluate\.targets\.0 is 0"),
        ("name: x\nevaluate: {targets: [10, 41]}", r"evaluate\.targets: words '41'.*5 to 40"),
        ("name: x\ntrain:\n  loop: {batch: 8,\n    steps: 2,\n    batch: 9}", "'batch' stands twice.*line 5"),
        ("name: x\nsynthesize: {teacher: {name: sage}}", "sage.*embedded"),
        ("name: x\nsynthesize: {teacher: sage}", "unknown teacher 'sage'.*embedded"),
        ("name: x\nsynthesize: {teacher: [fake]}", r"synthesize\.teacher: keys with their values are needed"),
        ("name: x\nsynthesize: {teacher: {name: fake, accident: 1}}", "accident"),
        ("name: x\nsynthesize: {teacher: {name: openai_compatible}}", "base_url"),
        ("name: x\nsynthesize: {words: [40, 5]}", "40, 5"),
        ("name: x\nsynthesize: {price: {prompt: 1, completion: 2, prmpt: 3}}", r"price\.prmpt.*'prompt'"),
        ("name: x\ncurate: {words: [5, 70]}", r"curate\.words: \[5, 70\].*1 to 64"),
        (
            "name: x\ntokenize: {commands: {words: {low: 5, high: 60}}}",
            r"tokenize\.commands: words up to 60, but curate\.words keeps 5 to 40",
        ),
        ("name: x\ntokenize: {commands: {word: {}}}", "unknown command 'word'.*words"),
        ("name: x\ntokenize: {commands: {words: {low: 0}}}", "0 to 64"),
        ("name: x\ntrain: {preset: nana}", "nana.*nano"),
        ("name: x\ntrain: {loop: {step: 3}}", r"train\.loop\.step.*'steps'"),
        ("name: x\ntrain: {loop: {learning_rate: 0}}", r"train\.loop\.learning_rate is 0.*more than 0"),
        ("name: x\ntrain: {loop: {steps: 2}}\ntrain: {loop: {batch: 8}}", "'train' stands twice.*line 3"),
        ("name: x\ntrain: {loop: {betas: [2, 3]}}", r"train\.loop\.betas\.0 is 2"),
        ("name: x\ntrain: {loop: {batch: 0}}", r"train\.loop\.batch is 0.*1 or more"),
        ("name: x\ntrain: {loop: {batch: 10, accumulate: 3}}", "batch of 10 .*3 groups"),
        ("name: x\ntrain: {loop: {optimizer: sgd}}", r"train\.loop\.optimizer.*sgd.*muon"),
        ("name: x\ntrain: {preset: nano, pretrained: smollm2}", "preset and pretrained exclude"),
        ("name: x\ntokenize: {size: 1024, pretrained: smollm2}", "size and pretrained exclude"),
        ("name: x\nexport: {quantization: Q1}", "Q1.*Q8_0"),
        ("seed: 3", "name"),
        ("name: ../x", r"name is '\.\./x': letters .* digits, '\.', '_' and '-' are allowed"),
        ("name: x\nseed: -1", "seed.*-1"),
        ("- a list", "no keys; expected: name, seed, graph, judge, policy, intents, .*evaluate"),
        ("name: [", r"the recipe .*recipe\.yaml is not YAML: [^<]* at line 2"),
        ("name: 2024-99-99", "not YAML.*month"),
    ],
)
def test_a_wrong_recipe_is_refused_in_one_line(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(UsageError, match=named) as error:
        load_recipe(write_recipe(tmp_path, text))
    assert "\n" not in str(error.value)


def test_a_teacher_without_settings_may_be_named_alone(tmp_path: Path) -> None:
    named, told = (
        load_recipe(write_recipe(tmp_path, f"name: x\nsynthesize: {{teacher: {teacher}}}")).stages["synthesize"]
        for teacher in ("fake", "{name: fake}")
    )
    assert named == told


def test_what_a_recipe_merges_in_may_be_overridden(tmp_path: Path) -> None:
    text = "name: x\ntrain: {loop: &loop {steps: 700, batch: 8}}\nimprove: {loop: {<<: *loop, steps: 900}}"
    loop = load_recipe(write_recipe(tmp_path, text)).stages["improve"].model_dump()["loop"]
    assert (loop["steps"], loop["batch"]) == (900, 8)


def test_keys_of_an_anchor_may_be_given_anew(tmp_path: Path) -> None:
    text = "name: x\nimprove: {loop: &loop {steps: 8, batch: 4}}\ntrain: {loop: {<<: *loop, steps: 300}}"
    assert load_recipe(write_recipe(tmp_path, text)).stages["train"].model_dump()["loop"]["steps"] == 300


def test_a_recipe_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.yaml"):
        load_recipe(tmp_path / "nowhere.yaml")
    with pytest.raises(UsageError, match=r"the recipe .* can't be read: it is a folder, and a file is needed$"):
        load_recipe(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="can't be read"):
        load_recipe(tmp_path / "binary.yaml")


def test_a_file_for_a_folder_and_a_folder_for_a_file_are_told_as_that(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, {"name": "x", "policy": str(tmp_path)})
    with pytest.raises(UsageError, match=r"the policy .* it is a folder, and a file is needed$"):
        load_recipe(recipe)
    write_recipe(tmp_path, {"name": "x", "graph": str(recipe)})
    with pytest.raises(UsageError, match=r"recipe\.yaml can't be read: it is a file, and a folder is needed$"):
        run_recipe(load_recipe(recipe), tmp_path / "run", "intents")
