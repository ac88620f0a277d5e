"""Runs that ask an endpoint: what is lost, asked twice, given up, tried again and foretold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from promptlet.cli.main import app
from promptlet.errors import TeacherError, UsageError
from promptlet.io.manifest import Manifest
from promptlet.io.records import read_samples
from promptlet.pipeline import Recipe, estimate_recipe, load_recipe, run_recipe
from tests.endpoint import OPENERS, Endpoint, Reply, endpoint, refused, said
from tests.runs import killed_when, started, write_recipe


def fine(_: int, body: dict[str, Any]) -> Reply:
    """Answer as the request says, so that a request asked twice shows."""
    wish = body["messages"][-1]["content"].rpartition(": ")[2]
    return said(f"{OPENERS[body['seed'] % len(OPENERS)]} picture of {wish} beside a quiet river, seed {body['seed']}")


def recipe_file(folder: Path, server: Endpoint, **synthesize: Any) -> Path:
    teacher = {"name": "openai_compatible", "base_url": server.url, "model": "m", "retries": 0}
    return write_recipe(
        folder, {"name": "x", "intents": {"count": 60}, "synthesize": {"teacher": teacher} | synthesize}
    )


def recipe(folder: Path, server: Endpoint, **synthesize: Any) -> Recipe:
    return load_recipe(recipe_file(folder, server, **synthesize))


def journal(run: Path) -> Iterator[dict[str, Any]]:
    return map(json.loads, (run / "answers.jsonl").read_text().splitlines())


def promptlet(*arguments: object) -> str:
    """Run the command line in this process; return the last line that it prints."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    return result.stdout.strip().splitlines()[-1]


def counts(stage: Path) -> dict[str, Any]:
    manifest = Manifest.read(stage)
    assert manifest is not None
    assert manifest.finished
    return dict(manifest.counts)


def test_a_server_that_has_moved_is_the_same_and_another_version_is_asked_anew(tmp_path: Path) -> None:
    """The second server stands at another port and has a model of the same name."""
    run, asked = tmp_path / "run", []
    for version in ({}, {}, {"version": "2"}):
        with endpoint(fine) as server:
            teacher = {"name": "openai_compatible", "base_url": server.url, "model": "m"} | version
            done = run_recipe(recipe(tmp_path, server, teacher=teacher), run, "synthesize")
        asked.append((len(server.bodies), done["synthesize"]))
    (first, before), (moved, after), (other, anew) = asked
    assert first == other > 0 == moved
    assert before == after != anew


def test_a_killed_run_loses_no_answer_and_asks_nothing_twice(tmp_path: Path) -> None:
    run, whole = tmp_path / "run", tmp_path / "whole"

    def slowly(number: int, body: dict[str, Any]) -> Reply:
        reply = fine(number, body)
        reply.delay = 0.1
        return reply

    with endpoint(slowly) as server:
        path = recipe_file(tmp_path, server)
        killed_when(started("run", path, "--folder", run, "--until", "synthesize"), run, "answers.jsonl", 30)
        kept, before = list(journal(run)), len(server.bodies)
        resumed = run_recipe(load_recipe(path), run, "synthesize")["synthesize"]
        asked = len(server.bodies)
    entries = list(journal(run))
    requests = counts(resumed)["requests"]
    assert entries[: len(kept)] == kept
    assert len({entry["id"] for entry in entries}) == len(entries) == requests
    # What the endpoint had answered, less than it has threads, was on its way when the process was killed.
    assert before - len(kept) <= 16
    assert asked - before == requests - len(kept)
    with endpoint(fine) as server:
        unbroken = run_recipe(recipe(tmp_path, server), whole, "synthesize")["synthesize"]
    assert list(read_samples(resumed)) == list(read_samples(unbroken))


def test_bad_rows_never_end_the_job_and_are_tried_again_alone(tmp_path: Path) -> None:
    run = tmp_path / "run"
    bad = [Reply(body=b"<html>"), refused(500, "broken"), refused(429, "slow down"), Reply(body=None), said("")]
    with endpoint(
        lambda number, body: bad[number // 7] if number % 7 == 3 and number < 35 else fine(0, body)
    ) as server:
        first = run_recipe(recipe(tmp_path, server), run, "curate")
        found, requests = counts(first["synthesize"]), len(server.bodies)
        assert found["failed"] == len(bad)
        assert found["prompts"] + found["failed"] == found["requests"] == requests
        errors = [entry["error"] for entry in journal(run) if "error" in entry]
        for why in ("<html>", "broken", "slow down", "disconnected", "without any text"):
            assert sum(why in error for error in errors) == 1, errors
        assert run_recipe(recipe(tmp_path, server), run, "curate") == first
        assert len(server.bodies) == requests
        again = promptlet("run", tmp_path / "recipe.yaml", "--folder", run, "--until", "curate", "--retry-failed")
        assert len(server.bodies) == requests + len(bad)
    found = counts(first["synthesize"])
    assert (found["failed"], found["prompts"]) == (0, found["requests"])
    assert Path(again) != first["curate"]  # it read more than the first one


def test_rows_that_always_fail_do_not_keep_a_run_from_its_end(tmp_path: Path) -> None:
    refusing = True
    hopeless: set[int] = set()

    def answering(number: int, body: dict[str, Any]) -> Reply:
        if refusing and number >= 20:
            hopeless.add(body["seed"])
        return refused(400, "no") if body["seed"] in hopeless else fine(number, body)

    with endpoint(answering) as server:
        with pytest.raises(TeacherError, match=r"20 times in a row.*400.*no.*kept"):
            run_recipe(recipe(tmp_path, server), tmp_path / "run", "synthesize")
        refusing = False
        found = counts(run_recipe(recipe(tmp_path, server), tmp_path / "run", "synthesize")["synthesize"])
    assert found["failed"] == len(hopeless) >= 20
    assert found["prompts"] == found["requests"] - len(hopeless)


def test_an_endpoint_that_is_gone_leaves_a_finished_stage_as_it_is(tmp_path: Path) -> None:
    with endpoint(lambda number, body: refused(400, "no") if number == 0 else fine(number, body)) as server:
        wanted = recipe(tmp_path, server)
        stage = run_recipe(wanted, tmp_path / "run", "synthesize")["synthesize"]
    before = counts(stage)
    with pytest.raises(TeacherError, match="can't be reached"):
        run_recipe(wanted, tmp_path / "run", "synthesize", retry_failed=True)
    assert counts(stage) == before
    assert before["failed"] == 1


def test_an_estimate_is_what_the_run_takes_and_its_answers_are_kept(tmp_path: Path) -> None:
    price = {"prompt": 0.5, "completion": 2}
    with endpoint(fine) as server:
        wanted = recipe(tmp_path, server, prompts_per_intents=4, price=price)
        foretold = estimate_recipe(wanted, tmp_path / "run")
        sampled = len(server.bodies)
        found = counts(run_recipe(wanted, tmp_path / "run", "synthesize")["synthesize"])
        assert len(server.bodies) == found["requests"] == foretold.requests
    assert 0 < foretold.sampled <= sampled < foretold.requests
    assert foretold.left == foretold.requests - foretold.sampled
    assert foretold.prompt_tokens == pytest.approx(100 * foretold.requests)
    assert foretold.completion_tokens == pytest.approx(20 * foretold.requests)
    assert (found["prompt tokens"], found["completion tokens"]) == (100 * foretold.requests, 20 * foretold.requests)
    assert found["cost"] == pytest.approx(foretold.cost) == pytest.approx(foretold.requests * (50 + 40) / 1e6)


@pytest.mark.parametrize(
    ("count", "said"), [(60, r"20 times in a row, last with: .*broken"), (3, r"none of \d+ requests was .*broken")]
)
def test_an_estimate_of_a_dead_endpoint_says_so(tmp_path: Path, count: int, said: str) -> None:
    with endpoint(lambda *_: refused(500, "broken")) as server:
        path = recipe_file(tmp_path, server)
        path.write_text(path.read_text().replace('"count": 60', f'"count": {count}'))
        with pytest.raises(TeacherError, match=said):
            promptlet("run", path, "--folder", tmp_path / "run", "--estimate")
    with pytest.raises(UsageError, match="--retry-failed"):
        promptlet("run", path, "--estimate", "--retry-failed")


def test_a_price_or_a_rate_does_not_make_a_run_another_one(tmp_path: Path) -> None:
    with endpoint(fine) as server:
        first = run_recipe(recipe(tmp_path, server), tmp_path / "run", "synthesize")
        assert "cost" not in counts(first["synthesize"])
        path = recipe_file(tmp_path, server, price={"prompt": 1, "completion": 1})
        path.write_text(path.read_text().replace('"retries": 0', '"requests_per_minute": 6'))
        assert run_recipe(load_recipe(path), tmp_path / "run", "synthesize") == first
