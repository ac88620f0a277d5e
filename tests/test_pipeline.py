"""Runs: recipes that are checked before anything happens, stages that are not done twice, kills that lose nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

from promptlet import tasks
from promptlet.errors import RunError, StudentError, TeacherError, UsageError
from promptlet.generation import Generator
from promptlet.intents.graph import load_graph
from promptlet.intents.splits import HELD_OUT, split_of
from promptlet.io.manifest import Manifest
from promptlet.io.records import read_samples
from promptlet.pipeline import ORDER, load_recipe, load_stage, run_recipe
from promptlet.stages.base import CommonConfig, Context
from promptlet.stages.train import TrainConfig, TrainStage
from promptlet.student.format import TOKENIZER, WORDS_FILE
from promptlet.tasks import load_task
from tests.conftest import ROOT, SMOKE, Run

SMALL = """
name: small
intents: {count: 30}
synthesize: {teacher: {name: fake, TEACHER}}
"""


def write_recipe(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


def small(folder: Path, teacher: str = "accidents: 0.1") -> Path:
    return write_recipe(folder, SMALL.replace("TEACHER", teacher))


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


def test_a_run_that_asks_for_nothing_says_so(tmp_path: Path) -> None:
    text = "name: x\nintents: {count: 1, tasks: [t2i]}\nsynthesize: {teacher: {name: fake}}"
    with pytest.raises(
        RunError, match=r"curate: nothing was asked for, or all of it is held out; raise intents\.count"
    ):
        run_recipe(load_recipe(write_recipe(tmp_path, text)), tmp_path / "run", "curate")


def test_another_teacher_at_the_same_place_is_asked_anew(tmp_path: Path) -> None:
    text = f"name: x\nsynthesize: {{teacher: {{name: transformers, model: {tmp_path}}}}}"
    section: Any = load_recipe(write_recipe(tmp_path, text)).stages["synthesize"]
    found = []
    for weights in (b"1", b"2"):
        (tmp_path / "model.safetensors").write_bytes(weights)
        found.append(load_stage("synthesize").materials(section))
    assert found[0] != found[1]


def test_another_text_of_a_task_makes_a_run_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    section: Any = load_recipe(write_recipe(tmp_path, "name: x\nintents: {tasks: [t2i]}")).stages["intents"]
    before = load_stage("intents").materials(section)
    text = (Path(tasks.__file__).parent / "t2i.yaml").read_text(encoding="utf-8")
    (tmp_path / "t2i.yaml").write_text(text.replace("You write", "You always write"), encoding="utf-8")
    monkeypatch.setattr(tasks.resources, "files", lambda _: tmp_path)
    tasks.load_task.cache_clear()
    try:
        assert load_stage("intents").materials(section) != before
    finally:
        tasks.load_task.cache_clear()


def test_a_teacher_without_settings_may_be_named_alone(tmp_path: Path) -> None:
    named, told = (
        load_recipe(write_recipe(tmp_path, f"name: x\nsynthesize: {{teacher: {teacher}}}")).stages["synthesize"]
        for teacher in ("fake", "{name: fake}")
    )
    assert named == told


def test_counts_of_what_was_made_are_told_apart(tmp_path: Path) -> None:
    lines: list[str] = []
    run_recipe(load_recipe(small(tmp_path, "accidents: 0")), tmp_path / "run", "augment", lines.append)
    assert re.search(r"samples \d+, teacher \d+, .*teacher \(add\) \d+", lines[-1])
    assert "teacher, " not in lines[-1]


def test_what_a_recipe_merges_in_may_be_overridden(tmp_path: Path) -> None:
    text = "name: x\ntrain: {loop: &loop {steps: 700, batch: 8}}\nimprove: {loop: {<<: *loop, steps: 900}}"
    loop = load_recipe(write_recipe(tmp_path, text)).stages["improve"].model_dump()["loop"]
    assert (loop["steps"], loop["batch"]) == (900, 8)


def test_a_recipe_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.yaml"):
        load_recipe(tmp_path / "nowhere.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="can't be read"):
        load_recipe(tmp_path / "binary.yaml")


def test_the_smoke_run_leaves_what_every_stage_promises(smoke: dict[str, Path]) -> None:
    for stage, folder in smoke.items():
        manifest = Manifest.read(folder)
        assert manifest is not None
        assert manifest.finished, stage
        assert manifest.versions["promptlet"]
    asked = {sample.intents for sample in read_samples(smoke["synthesize"])}
    assert not any(split_of(load_graph(), intents) in HELD_OUT for intents in asked)
    kept = list(read_samples(smoke["curate"]))
    assert len(kept) > 100
    rejected = list(read_samples(smoke["curate"], "rejected"))
    raw = list(read_samples(smoke["synthesize"]))
    assert len(kept) + len(rejected) == len(raw)
    curated = Manifest.read(smoke["curate"])
    assert curated is not None
    assert {"list", "too short", "not English"} & set(curated.counts["reasons"])
    adherence = json.loads((smoke["evaluate"] / "adherence.json").read_text())
    for row in adherence["exact"]:
        assert row["exact"] == [1.0, 1.0, 1.0]
        assert row["mae"] == [0.0, 0.0, 0.0]
    for row in adherence["free"]:
        value, low, high = row["mae"]
        assert low <= value <= high
        assert row["mse"][0] >= row["bias"][0] ** 2 - 1e-3


def test_a_run_does_nothing_twice_and_a_changed_recipe_only_what_it_changes(tmp_path: Path) -> None:
    recipe = small(tmp_path)
    first = run_recipe(load_recipe(recipe), tmp_path / "run", "curate")
    lines: list[str] = []
    assert run_recipe(load_recipe(recipe), tmp_path / "run", "curate", lines.append) == first
    assert all("up to date" in line for line in lines)
    recipe.write_text(recipe.read_text() + "curate: {opener_share: 0.5}\n")
    lines.clear()
    changed = run_recipe(load_recipe(recipe), tmp_path / "run", "curate", lines.append)
    assert [name for name in first if first[name] != changed[name]] == ["curate"]
    assert ["up to date" in line for line in lines] == [True, True, True, False]
    assert first["curate"].exists()


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


def test_a_further_task_goes_through_every_stage_by_its_name_alone(tmp_path: Path) -> None:
    # The fake teacher repeats itself in longer prompts.
    settings = "words: [5, 15], teacher: {name: fake, accidents: 0}"
    text = f"name: tags\nintents: {{tasks: [tags], count: 30}}\nsynthesize: {{{settings}}}"
    done = run_recipe(load_recipe(write_recipe(tmp_path, text)), tmp_path / "run", "tokenize")
    samples = {stage: list(read_samples(done[stage])) for stage in ("intents", "synthesize", "curate", "augment")}
    assert {sample.task for each in samples.values() for sample in each} == {"tags"}
    assert len(samples["curate"]) > 0.8 * len(samples["synthesize"])
    token = Tokenizer.from_file(str(done["tokenize"] / TOKENIZER)).token_to_id(load_task("tags").token)
    encoded = pq.read_table(done["tokenize"] / "train.parquet").to_pylist()
    assert encoded
    assert all(row["ids"][row["start"] - 1] == token for row in encoded)


def test_keys_of_an_anchor_may_be_given_anew(tmp_path: Path) -> None:
    text = "name: x\nimprove: {loop: &loop {steps: 8, batch: 4}}\ntrain: {loop: {<<: *loop, steps: 300}}"
    assert load_recipe(write_recipe(tmp_path, text)).stages["train"].model_dump()["loop"]["steps"] == 300


def test_a_curation_that_keeps_nothing_names_the_commonest_reason(tmp_path: Path) -> None:
    recipe = load_recipe(small(tmp_path, "accidents: 1"))
    with pytest.raises(RunError, match=r"none of \d+ prompts is kept, most often because: \w+"):
        run_recipe(recipe, tmp_path / "run", "curate")


def test_steps_that_no_sample_teaches_are_told(tmp_path: Path, cli: Run) -> None:
    own = "tokenize: {size: 1024, commands: {relevance: {bounds: {t2i: [2, 2, 2, 2]}}}}"
    text = f"{SMALL.replace('TEACHER', 'accidents: 0')}{own}\n"
    done = cli("run", write_recipe(tmp_path, text), "--folder", tmp_path / "run", "--until", "tokenize")
    assert done.returncode == 0, done.stderr
    assert "warning: tokenize: no sample of t2i has relevance 1, 2, 3, 4: " in done.stderr
    assert "try 'embedding'" in done.stderr


def test_an_unknown_last_stage_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'curat'.*did you mean 'curate'"):
        run_recipe(load_recipe(small(tmp_path)), tmp_path / "run", "curat")
    assert not (tmp_path / "run").exists()


def test_a_folder_made_by_something_else_is_refused(tmp_path: Path) -> None:
    recipe = load_recipe(small(tmp_path))
    folder = run_recipe(recipe, tmp_path / "run", "intents")["intents"]
    Manifest.planned("intents", {}, {}).write(folder)
    with pytest.raises(RunError, match="another configuration"):
        run_recipe(recipe, tmp_path / "run", "intents")


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


def killed_when(recipe: Path, folder: Path, watched: Path, lines: int) -> None:
    """Run a recipe in a process of its own and kill it once a file has so many lines."""
    command = [sys.executable, "-m", "promptlet", "run", str(recipe), "--folder", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 900
    while not any(path.read_bytes().count(b"\n") >= lines for path in folder.glob(watched.as_posix())):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_kills_in_synthesize_and_train_change_nothing(tmp_path: Path, smoke: dict[str, Path]) -> None:
    slow = SMOKE.read_text().replace("{name: fake}", "{name: fake, delay: 0.01}")
    recipe, folder = write_recipe(tmp_path, slow), tmp_path / "run"
    killed_when(recipe, folder, Path("answers.jsonl"), 100)
    kept = (folder / "answers.jsonl").read_bytes()
    killed_when(recipe, folder, Path("train-*/metrics.jsonl"), 30)
    assert (folder / "answers.jsonl").read_bytes().startswith(kept[: kept.rfind(b"\n") + 1])
    done = run_recipe(load_recipe(recipe), folder, "train")
    assert list(read_samples(done["curate"])) == list(read_samples(smoke["curate"]))
    for name in ("metrics.jsonl", "model/model.safetensors"):
        assert (done["train"] / name).read_bytes() == (smoke["train"] / name).read_bytes(), name


def test_ctrl_c_ends_with_one_line_and_the_run_goes_on_later(tmp_path: Path) -> None:
    recipe, folder = small(tmp_path, "delay: 1"), tmp_path / "run"
    command = [sys.executable, "-m", "promptlet", "run", str(recipe), "--folder", str(folder), "--until", "curate"]
    # Whoever runs the tests in the background has them ignore Ctrl-C, and their children with them.
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (no other thread forks here)
    )
    answers = folder / "answers.jsonl"
    while not (answers.exists() and answers.read_bytes().count(b"\n") >= 5):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "interrupted" in errors
    run_recipe(load_recipe(small(tmp_path)), folder, "curate")


def test_two_runs_in_one_folder_are_refused(tmp_path: Path, cli: Run) -> None:
    recipe, folder = small(tmp_path, "delay: 5"), tmp_path / "run"
    command = [sys.executable, "-m", "promptlet", "run", str(recipe), "--folder", str(folder), "--until", "synthesize"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not (folder / "answers.jsonl").exists():
            assert process.poll() is None
            time.sleep(0.01)
        second = cli("run", recipe, "--folder", folder)
        assert second.returncode == 1
        assert "another process" in second.stderr
    finally:
        process.kill()
        process.wait()


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


def test_a_tokenizer_without_a_command_s_token_ends_in_one_line(tmp_path: Path, smoke: dict[str, Path]) -> None:
    folder = tmp_path / "tokenize"
    shutil.copytree(smoke["tokenize"], folder)
    path = folder / "tokenizer.json"
    path.write_text(path.read_text().replace("<|19|>", "<|no|>"))
    with pytest.raises(StudentError, match=r"no token '<\|19\|>'"):
        TrainStage().run(
            TrainConfig(preset="tiny"), Context(tmp_path, {"tokenize": folder}, tmp_path, CommonConfig(name="x"))
        )


def test_a_disk_that_fills_ends_in_one_line_and_the_run_goes_on_later(tmp_path: Path, cli: Run) -> None:
    """A limit on the size of files stands in for the disk."""
    recipe, folder = small(tmp_path), tmp_path / "run"
    limited = f"ulimit -f 8; exec {sys.executable} -m promptlet run {recipe} --folder {folder} --until synthesize"
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    *_, last = done.stderr.strip().splitlines()
    assert last.startswith("promptlet: ")
    assert "Traceback" not in done.stderr
    run_recipe(load_recipe(recipe), folder, "synthesize")
