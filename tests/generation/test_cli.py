"""`promptlet generate`: every option does what the same argument does in Python, and what is amiss is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from promptlet.cli.main import app
from promptlet.generation import Generator
from tests.conftest import Run

WISH = ["Topic: birthday", "Scene object: balloon"]
DETAILS = [
    "light",
    "shadows",
    "texture",
    "sky",
    "background",
    "flowers",
    "lines",
    "table",
    "edges",
    "colors",
    "letters",
]
"""What the fake teacher speaks of always, and so the smoke student."""


def generate(student: Path, *options: object) -> Result:
    """Run the command line in this process."""
    arguments = ["generate", "--student", str(student), *map(str, options)]
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.mark.parametrize(
    ("options", "values"),
    [
        (["--task", "t2t"], {"task": "t2t"}),
        (["--words", "9-14"], {"words": "9-14"}),
        (["--relevance", 0], {"relevance": 0}),
        (["--keep", "red kite", "--keep", "Zürich"], {"keep": ["red kite", "Zürich"]}),
        ([part for term in DETAILS for part in ("--ban", term)], {"ban": DETAILS}),
        (["--free"], {"exact": False}),
        (["--candidates", 1], {"candidates": 1}),
        (["--temperature", 0.3], {"temperature": 0.3}),
        (["--top-p", 0.3], {"top_p": 0.3}),
        (["--top-k", 2], {"top_k": 2}),
        (["--min-p", 0.7], {"min_p": 0.7}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_an_option_does_what_its_argument_does(
    generator: Generator, student_folder: Path, options: list[object], values: dict[str, Any]
) -> None:
    asked: dict[str, Any] = {"n": 2, "seed": 7, "candidates": 2}
    wish = [part for intent in WISH for part in ("--intent", intent)]
    done = generate(student_folder, *wish, "-n", 2, "--seed", 7, "--candidates", 2, "--json", *options)
    assert done.exit_code == 0, done.stderr
    told = [json.loads(line) | {"seconds": 0} for line in done.stdout.splitlines()]
    expected = [prompt.to_dict() | {"seconds": 0} for prompt in generator.generate(WISH, **asked | values)]
    assert told == json.loads(json.dumps(expected))
    plain = [prompt.to_dict() for prompt in generator.generate(WISH, **asked)]
    # A student that has learned little may write the same for either task, but finds it as likely for neither.
    written = [[(each["prompt"], each["log_probability"]) for each in prompts] for prompts in (told, plain)]
    assert written[0] != written[1], "the option changes nothing"


def test_an_engine_and_its_threads_are_chosen(student_folder: Path) -> None:
    done = generate(student_folder, "a cat", "--engine", "torch", "--threads", 1, "--candidates", 1, "--json")
    assert json.loads(done.stdout)["engine"] == "torch"


def test_what_a_prompt_leaves_out_is_told_with_its_number(generator: Generator, student_folder: Path) -> None:
    done = generate(
        student_folder, *("--intent", WISH[0], "--intent", WISH[1]), "-n", 4, "--seed", 7, "--candidates", 1
    )
    prompts = generator.generate(WISH, n=4, seed=7, candidates=1)
    told = [
        f"promptlet: prompt {number} leaves out: {', '.join(left_out)}"
        for number, prompt in enumerate(prompts, start=1)
        if (left_out := [intent for intent, share in prompt.coverage.items() if not share])
    ]
    assert told, "the smoke student says next to nothing of what it is asked for"
    assert done.stderr.splitlines() == told
    assert done.stdout.splitlines() == [prompt.prompt for prompt in prompts]


def test_fewer_prompts_than_asked_are_told(student_folder: Path) -> None:
    done = generate(student_folder, "a cat", "-n", 3, "--temperature", 0, "--candidates", 2)
    assert len(done.stdout.splitlines()) == 1
    assert "promptlet: 1 of 3: the student has no more that differ from these" in done.stderr.splitlines()
    assert done.exit_code == 0


@pytest.mark.parametrize(("text", "told"), [("猫の絵", True), ("birthday", False)])
def test_a_wish_of_which_no_word_was_taught_is_told(student_folder: Path, text: str, told: bool) -> None:
    done = generate(student_folder, text, "--candidates", 1, "--seed", 1)
    assert done.exit_code == 0
    assert ("taught plain English, and no word of what was asked for" in done.stderr) == told


def test_a_file_with_a_bad_row_is_written_and_ends_with_1(student_folder: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"intents": "a cat"}\n{"intents": "a dog", "words": 99}\n{"intents": "a bird", "n": 3}\n')
    options = ["--candidates", 2, "--temperature", 0, "--words", 9]
    done = generate(student_folder, "--input", source, "--output", target, *options)
    assert done.exit_code == 1
    assert done.stdout == ""
    *_, first, second = done.stderr.splitlines()
    assert first == "3 requests, 1 without a prompt, 1 with fewer than asked"
    assert second.startswith("promptlet: the first error: ")
    assert "'99'" in second
    one, failed, few = (json.loads(line) for line in target.read_text().splitlines())
    assert [len(one["prompts"]), len(few["prompts"])] == [1, 1]
    assert one["prompts"][0]["words"] == 9, "the options are the defaults of the rows"
    assert failed["error"] in second


def test_the_command_line_prints_prompts_alone_on_standard_output(cli: Run, student_folder: Path) -> None:
    arguments = [
        "--intent",
        WISH[0],
        "--intent",
        WISH[1],
        "--words",
        19,
        "-n",
        4,
        "--seed",
        7,
        "--student",
        student_folder,
    ]
    plain, again = cli("generate", *arguments), cli("generate", *arguments)
    assert plain.returncode == 0, plain.stderr
    assert plain.stdout == again.stdout
    assert [len(line.split()) for line in plain.stdout.splitlines()] == [19] * 4
    records = [json.loads(line) for line in cli("generate", *arguments, "--json").stdout.splitlines()]
    assert [record["prompt"] for record in records] == plain.stdout.splitlines()
    keys = ["prompt", "task", "target_words", "words", "intents", "seed", "model", "engine", "tokens", "seconds"]
    assert list(records[0])[:10] == keys
    assert records[0]["commands"] == {"words": 19, "relevance": 4}
    assert records[0]["adherence"] == {"words": 0}
    assert list(records[0]["coverage"]) == WISH
    assert 0 <= records[0]["relevance"] <= 1
    assert records[0]["log_probability"] < 0
    assert records[0]["intents"] == WISH
    assert set(records[0]["model"]) == {"name", "digest"}
    assert records[0]["untaught"] == []
    assert "no word" not in plain.stderr


def test_a_wish_that_the_student_knows_nothing_of_is_told(cli: Run) -> None:
    wish = "\u043a\u043e\u0442 \u043d\u0430 \u043a\u0440\u044b\u0448\u0435"
    found = cli("generate", wish, "--words", 8, "--seed", 1, "--candidates", 4, "--json")
    assert json.loads(found.stdout)["untaught"] == wish.split()
    assert "plain English, and no word of what was asked for" in found.stderr


def test_the_command_line_prints_each_prompt_once_it_is_found(student_folder: Path) -> None:
    many = ["-n", "64", "--candidates", "64", "--seed", "1", "--student", str(student_folder)]
    command = [sys.executable, "-m", "promptlet", "generate", "a cat", "--words", "8", *many]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert len(process.stdout.readline().split()) == 8
        assert process.poll() is None
        process.kill()


@pytest.mark.parametrize(
    ("arguments", "status", "named"),
    [
        (["a cat", "--task", "t3i"], 2, "'t3i'"),
        (["a cat", "--words", "50"], 2, "'50'"),
        (["a cat", "-n", "0"], 2, "n is 0"),
        (["a cat", "-n", "two"], 2, "'-n': 'two'; a whole number"),
        (["a cat", "--seed", "1.5"], 2, "'--seed': '1.5'; a whole number"),
        (["a cat", "--seed", ""], 2, "'--seed': ''; a whole number"),
        (["a cat", "--task", "a\nb"], 2, "'a b'"),
        (["--input", __file__, "--output", "/proc/nothing/out.jsonl"], 1, "/proc/nothing"),
        (["a cat", "--threads", "0"], 2, "threads is 0"),
        (["a cat", "--bogus"], 2, "--bogus"),
        (["a cat", "--engine", "lamacpp"], 2, "did you mean 'llamacpp'"),
        (["a cat", "--engine", "vllm", "--threads", "2"], 2, "leave threads out"),
        (["a cat", "--relevance", "5"], 2, "relevance '5'"),
        (["a cat", "--top-p", "high"], 2, "'--top-p': 'high'; a number"),
        (["a cat", "--temperature", "3"], 2, "0 to 2"),
        (["a cat", "--keep", "a b c d e f", "--words", "6"], 2, "6 words"),
        (["a cat", "--input", "x.jsonl"], 2, "--output"),
        (["--input", "/nowhere.jsonl", "--output", "/tmp/nothing.jsonl"], 2, "/nowhere.jsonl"),
        ([""], 2, "empty"),
        ([], 2, "--intent"),
        (["a cat", "--intent", "Topic: dog"], 2, "--intent"),
        (["--intent", "Vibe: cool"], 2, "'Vibe'"),
        (["a cat", "--student", "/nowhere"], 1, "/nowhere"),
    ],
)
def test_errors_are_one_line_with_their_status(
    cli: Run, student_folder: Path, arguments: list[str], status: int, named: str
) -> None:
    student = [] if "--student" in arguments else ["--student", str(student_folder)]
    result = cli("generate", *arguments, *student)
    assert result.returncode == status
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1
    assert named in lines[0]
