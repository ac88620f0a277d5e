"""Files of requests: in order, resumed, and bad rows apart."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from promptlet.errors import EngineError, RunError, UsageError
from promptlet.generation import Generator, Prompt, Request
from promptlet.generation.batch import generate_file
from promptlet.generation.generator import derive
from promptlet.io.locking import held
from tests.conftest import Run
from tests.runs import killed_when, started

ROWS = [
    '{"intents": ["Topic: cat"], "words": 8}',
    "{broken",
    "",
    "[1, 2]",
    '{"intents": "a dog in the snow", "n": 2, "keep": ["Rex"]}',
    '{"intents": ["Topic: cat"], "words": 99}',
    '{"intents": ["Topic: cat"], "wrods": 8}',
    '{"words": 8}',
    '{"intents": "a bird", "seed": 7, "task": "t2t"}',
]


def entries(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def without_time(path: Path) -> str:
    rows = entries(path)
    for prompt in (prompt for row in rows for prompt in row.get("prompts", [])):
        del prompt["seconds"]
    return json.dumps(rows)


@pytest.mark.parametrize(
    "text", ['{"precious": "one line, no newline at the end"}', "notes\nof mine", "[1]\n", '{"digest": "other"}\n']
)
def test_a_file_of_other_work_stays_as_it_is(generator: Generator, tmp_path: Path, text: str) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "precious.json"
    source.write_text(ROWS[0])
    target.write_text(text)
    with pytest.raises(UsageError, match="line 1"):
        generate_file(generator, source, target, {})
    assert target.read_text() == text


@pytest.mark.parametrize("pipe", ["in.jsonl", "out.jsonl"])
def test_a_pipe_is_refused_for_it_can_be_read_but_once(generator: Generator, tmp_path: Path, pipe: str) -> None:
    (tmp_path / "in.jsonl").write_text(ROWS[0])
    (tmp_path / pipe).unlink(missing_ok=True)
    os.mkfifo(tmp_path / pipe)
    with pytest.raises(UsageError, match=f"{pipe} is a pipe or a device"):
        generate_file(generator, tmp_path / "in.jsonl", tmp_path / "out.jsonl", {})


def test_rows_of_any_text_get_their_answer(generator: Generator, tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(
        '{"intents": ["V\\ud800be: x"]}\n{"intents": "a cat", "words": null, "task": null, "keep": null}\n'
    )
    generate_file(generator, source, target, {"words": 8, "candidates": 1})
    bad, good = entries(target)
    assert "half a character" in bad["error"]
    assert good["prompts"][0]["target_words"] == 8


def test_answers_carry_the_ids_of_their_requests(generator: Generator, tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(
        '{"id": "a-1", "intents": "a cat"}\n{"id": 7, "intents": "a cat", "words": 99}\n{"intents": "a cat"}\n'
    )
    generate_file(generator, source, target, {"words": 8, "candidates": 1})
    good, bad, nameless = entries(target)
    assert (good["id"], bad["id"]) == ("a-1", 7)
    assert good["prompts"]
    assert "'99'" in bad["error"]
    assert "id" not in nameless


def test_bad_rows_stand_apart_in_their_place(generator: Generator, tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n".join(ROWS))
    outcome = generate_file(generator, source, target, {"words": "6-9", "candidates": 4})
    rows = entries(target)
    assert [row["line"] for row in rows] == [1, 2, 4, 5, 6, 7, 8, 9]
    assert (outcome.rows, outcome.failed) == (8, 5)
    errors = {row["line"]: row["error"] for row in rows if "error" in row}
    for line, named in {
        2: "not JSON",
        4: "not a JSON object",
        6: "'99'",
        7: "did you mean 'words'",
        8: "no intents",
    }.items():
        assert named in errors[line]
    assert [len(prompt["prompt"].split()) for prompt in rows[0]["prompts"]] == [8]
    assert all("Rex" in prompt["prompt"] and 6 <= prompt["words"] <= 9 for prompt in rows[3]["prompts"])
    assert rows[7]["prompts"][0]["prompt"] == generator.generate("a bird", "t2t", "6-9", seed=7, candidates=4)[0].prompt


def test_other_work_is_not_gone_on_with(generator: Generator, tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n".join(ROWS[:2]))
    generate_file(generator, source, target, {"candidates": 1})
    before = target.read_bytes()
    assert generate_file(generator, source, target, {"candidates": 1}).rows == 2
    for settings, rows in [
        ({"candidates": 2}, ROWS[:2]),
        ({"candidates": 1}, ROWS[1:3]),
        ({"candidates": 1}, ROWS[:1]),
    ]:
        source.write_text("\n".join(rows))
        with pytest.raises(UsageError, match=r"out\.jsonl was written for other"):
            generate_file(generator, source, target, settings)
    assert target.read_bytes() == before
    with pytest.raises(UsageError, match="is the input"):
        generate_file(generator, source, source, {})


@pytest.mark.parametrize("engine", ["llamacpp", "openvino"])
def test_a_killed_run_goes_on_where_it_was(cli: Run, student_folder: Path, tmp_path: Path, engine: str) -> None:
    """Whether the engine takes requests one after the other or many at once."""
    source, target, whole = (tmp_path / name for name in ("in.jsonl", "out.jsonl", "whole.jsonl"))
    source.write_text("".join(f'{{"intents": "cat number {index}", "words": "6-12"}}\n' for index in range(50)))
    options = [
        "--student",
        student_folder,
        "--engine",
        engine,
        "--candidates",
        2,
        "--seed",
        3,
        "--input",
        source,
        "--output",
        target,
    ]
    killed_when(started("generate", *options), tmp_path, target.name, 3)
    kept = target.read_bytes()
    kept = kept[: kept.rfind(b"\n") + 1]
    assert kept.count(b"\n") < 50
    assert cli("generate", *options).returncode == 0
    assert target.read_bytes().startswith(kept), "what was there is not written again"
    settings = {"task": "t2i", "n": 1, "seed": 3, "exact": True, "candidates": 2}
    generator = Generator.load(student_folder, engine)
    assert (generator.engine.side_by_side > 1) == (engine == "openvino")
    generate_file(generator, source, whole, settings)
    assert without_time(target) == without_time(whole)
    last = Request.of(settings | {"intents": "cat number 49", "words": "6-12", "seed": derive(3, 50)})
    assert entries(whole)[-1]["prompts"][0]["prompt"] == next(generator.stream(last)).prompt


def test_what_another_process_wrote_until_it_let_go_is_not_written_again(
    generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is done with the file after this one has looked at it, and before this one takes the lock."""
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(ROWS[0])

    @contextmanager
    def after_another(path: Path, refusal: str | None = None) -> Iterator[None]:
        monkeypatch.undo()
        generate_file(generator, source, target, {"candidates": 1})
        with held(path, refusal):
            yield

    monkeypatch.setattr("promptlet.io.journal.held", after_another)
    assert generate_file(generator, source, target, {"candidates": 1}).rows == 1
    assert [row["line"] for row in entries(target)] == [1]


def test_what_runs_is_stopped_when_its_answers_can_not_be_kept(
    generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, stops, write = tmp_path / "in.jsonl", list[Event](), generator.stream

    def noted(request: Request, stop: Event | None = None) -> Iterator[Prompt]:
        assert stop is not None
        stops.append(stop)
        return write(request, stop)

    def full(*_: object) -> None:
        raise RunError("is the disk full?")

    monkeypatch.setattr(generator, "stream", noted)
    monkeypatch.setattr(generator.engine, "side_by_side", 2)
    monkeypatch.setattr("promptlet.io.journal.Journal.append", full)
    source.write_text("".join(f'{{"intents": "a cat number {number}"}}\n' for number in range(9)))
    with pytest.raises(RunError, match="full") as _kept:  # as the traceback is, with all that it refers to
        generate_file(generator, source, tmp_path / "out.jsonl", {"candidates": 1})
    assert stops
    assert all(stop.is_set() for stop in stops)


@pytest.mark.parametrize("engine", ["llamacpp", "openvino"])
def test_an_error_that_is_no_row_s_ends_a_run_at_its_row(
    student_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    """The rows before it are written, and what runs beside it is not waited for to its end."""
    generator = Generator.load(student_folder, engine)
    source, target, write = tmp_path / "in.jsonl", tmp_path / "out.jsonl", generator.stream

    def failing(request: Request, stop: Event | None = None) -> Iterator[Prompt]:
        if "gone" in str(request.intents):
            raise EngineError("the server is gone")
        return write(request, stop)

    monkeypatch.setattr(generator, "stream", failing)
    source.write_text("".join(f'{{"intents": "a {what}"}}\n' for what in ("cat", "dog", "gone", *["bird"] * 60)))
    with pytest.raises(EngineError, match="gone"):
        generate_file(generator, source, target, {"candidates": 1})
    assert [row["line"] for row in entries(target)] == [1, 2]
