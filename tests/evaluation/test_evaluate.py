"""Whole evaluations: systems side by side, a kill in the middle, and the report."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import xllamacpp
from typer.testing import CliRunner, Result

from promptlet.cli.main import app
from promptlet.errors import RunError, TeacherError, UsageError
from promptlet.evaluation.bounds import check_bounds, parse_bounds
from promptlet.evaluation.judge import choose_judge
from promptlet.evaluation.run import evaluate
from promptlet.evaluation.saving import SavedEvaluation, read_evaluation, save_evaluation
from promptlet.evaluation.suites import SUITES, Part, Suite
from promptlet.evaluation.systems import open_systems
from promptlet.intents.test_sets import load_test_set
from promptlet.io.gguf import widen
from promptlet.io.journal import Journal
from promptlet.pretrained import packaged_model
from promptlet.reports.evaluation import describe, in_brief, report_evaluation
from promptlet.review.items import read_prompts
from promptlet.speed.measuring import batch
from promptlet.speed.saving import NAME as SPEED
from promptlet.speed.saving import measure_speed, read_speed
from tests.conftest import Run
from tests.endpoint import Reply, endpoint, refused, said
from tests.evaluation.small import SMALL, TASKS, evaluated, journal, wordy
from tests.evaluation.test_judge import verdict
from tests.runs import killed_when

pytestmark = pytest.mark.usefixtures("remembered")


def judging_less(arguments: list[str]) -> Result:
    """Run the command line, with a suite of the same parts that asks for 40 prompts and has fewer judged."""
    quick = SUITES["quick"]
    parts = tuple(replace(part, prompts_per_target=4) for part in quick.parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SUITES, "quick", replace(quick, parts=parts, judged=6, anchors=4))
        return CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_a_student_and_an_endpoint_are_asked_for_the_same(tmp_path: Path, student_folder: Path) -> None:
    with endpoint(wordy) as server:
        found = evaluated(str(student_folder), f"{server.url}#m", folder=tmp_path)
    names = [system.name for system in found.systems]
    assert names == ["smoke, free", "smoke, exact", "m, zero-shot", "m, few-shot"]
    assert [[each.wish for each in written] for written in found.written.values()] == [
        SMALL.wishes(TASKS, 1),
    ] * 4
    exact, zero = found.systems[1], found.systems[2]
    assert all(row.exact.value == 1 for rows in exact.lengths.values() for row in rows)
    assert all((row.bias.value, row.mae.value, row.exact.value) == (1, 1, 0) for row in zero.lengths["unseen_nodes"])
    assert exact.median_seconds
    assert zero.median_seconds is None
    shown = [sum(each["role"] == "assistant" for each in body["messages"]) for body in server.bodies]
    assert sorted(set(shown)) == [0, 5]
    (judgement,) = found.judgements
    assert [each.prompts for each in judgement.systems] == [4] * 4
    assert len(judgement.comparisons) == 6


def test_an_evaluation_in_a_folder_that_has_its_answers_asks_for_nothing(tmp_path: Path) -> None:
    with endpoint(wordy) as server:
        first = evaluated(f"{server.url}#m", folder=tmp_path)
        asked = len(server.bodies)
        again = evaluated(f"{server.url}#m", folder=tmp_path)
    assert len(server.bodies) == asked == 12
    assert (again.systems, again.written) == (first.systems, first.written)


def test_a_system_under_a_bound_is_named(tmp_path: Path) -> None:
    with endpoint(wordy) as server:
        found = evaluated(f"{server.url}#m", folder=tmp_path)
    check_bounds(found, parse_bounds(["within2=1.0", "distinct2=0.01"]))
    with pytest.raises(RunError, match=r"exact of m, few-shot is 0\.000, under 0\.5") as error:
        check_bounds(found, parse_bounds(["exact=0.5"]))
    assert error.value.exit_status == 1


def test_a_wish_without_a_prompt_keeps_no_length(tmp_path: Path) -> None:
    with endpoint(lambda number, body: wordy(number, body) if number % 2 else refused(400, "no")) as server:
        found = evaluated(f"{server.url}#m", folder=tmp_path)
    assert all(row.within_2.value == 1 for system in found.systems for row in system.all_lengths)
    # The page, the terminal and the bounds say the same.
    share = found.systems[0].answered
    page = report_evaluation(SavedEvaluation(found, "x", "y"), tmp_path).with_suffix(".md").read_text()
    assert f"- **{share:.1%}** within 2 words, of all wishes: m, zero-shot" in page
    assert f"within 2 words for {share:.1%} of all wishes" in in_brief(found)
    with pytest.raises(RunError, match=r"answered of m, .* is 0\.\d+, under 0\.9; within2 of m, "):
        check_bounds(found, parse_bounds(["answered=0.9", "within2=0.9"]))


def test_denied_words_are_counted_and_named(tmp_path: Path) -> None:
    def answering(number: int, body: dict[str, Any]) -> Reply:
        told = ["a calm lake", "a Disney castle by a lake", "Disney and an asshole", "a Disney picture of Disney"]
        return said(told[min(number, 3)] if number < 4 else "a calm lake")

    with endpoint(answering) as server:
        found = evaluated(f"{server.url}#m", folder=tmp_path)
    denied = Counter[str]()
    for system in found.systems:
        denied.update(system.denied)
    assert denied == {"disney (trademarks)": 4, "asshole (offensive)": 1}
    assert f"denied words {sum(found.systems[0].denied.values())}" in in_brief(found)
    page = report_evaluation(SavedEvaluation(found, "x", "y"), tmp_path).with_suffix(".md").read_text()
    assert "Denied words stand in the prompts 5 times." in page
    assert re.search(r"\| asshole .?\(offensive.*\| +1 \|", page)


def test_a_target_without_any_prompt_is_named(tmp_path: Path) -> None:
    def answering(number: int, body: dict[str, Any]) -> Reply:
        return refused(400, "no") if "12" in body["messages"][-1]["content"] else wordy(number, body)

    with endpoint(answering) as server:
        found = evaluated(f"{server.url}#m", folder=tmp_path)
    page = report_evaluation(SavedEvaluation(found, "x", "y"), tmp_path).read_text()
    assert "m, zero-shot wrote no prompt at all of 12 words on unseen combinations." in page


def test_a_kept_evaluation_is_read_as_it_was_and_reported_again(tmp_path: Path, cli: Run) -> None:
    with endpoint(lambda number, body: wordy(number, body) if number else refused(400, "no")) as server:
        found = evaluated(f"{server.url}#m", folder=tmp_path)
    save_evaluation(SavedEvaluation(found, "Suite small", "promptlet evaluate x"), tmp_path)
    kept = read_evaluation(tmp_path)
    assert (kept.subtitle, kept.command) == ("Suite small", "promptlet evaluate x")
    for part in ("systems", "judgements", "written", "ratings"):
        assert getattr(kept.evaluation, part) == getattr(found, part)
    assert kept.evaluation.manifest.digest == found.manifest.digest
    reported = cli("report", "eval", tmp_path, "--output", tmp_path / "again", "--fail-under", "within2=0.5")
    assert (reported.returncode, reported.stdout.splitlines()[-1]) == (0, str(tmp_path / "again" / "evaluation.html"))
    assert "promptlet evaluate x" in (tmp_path / "again" / "evaluation.md").read_text()
    failed = cli("report", "eval", tmp_path, "--fail-under", "exact=0.5")
    assert failed.returncode == 1
    assert failed.stderr.startswith("promptlet: exact of m, zero-shot is 0.000, under 0.5")
    # A review takes the prompts as they are, with what the judges said.
    items = read_prompts(tmp_path / "prompts" / "m-zero-shot.jsonl", "m")
    assert len(items) == found.systems[0].prompts == 5
    assert {name for item in items for name in item.scores} == {"local judge"}


def test_systems_with_different_tasks_are_compared_on_those_they_share_alone(
    tmp_path: Path, student_folder: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(student_folder, other)
    told = json.loads((other / "promptlet.json").read_text())
    told["name"], told["tasks"] = "painter", {"t2i": told["tasks"]["t2i"]}
    (other / "promptlet.json").write_text(json.dumps(told))
    students = [str(student_folder), str(other)]
    with pytest.raises(UsageError, match=r"other: unknown task 't2t'.*--task evaluates one task alone"):
        evaluated(*students, folder=tmp_path)
    # Nothing was written for the system that knows both.
    assert not journal(tmp_path)
    found = evaluate(open_systems(students), SMALL, ("t2i",), tmp_path)
    assert [system.prompts for system in found.systems] == [6] * 4


def test_an_endpoint_that_is_busy_is_asked_again_and_one_that_babbles_is_told(tmp_path: Path) -> None:
    busy: set[int] = set()

    def answering(number: int, body: dict[str, Any]) -> Reply:
        if number % 2 == 0:
            busy.add(number)
            return refused(429, "slow down", **{"Retry-After": "0"})
        return wordy(number, body)

    with endpoint(answering) as server:
        found = evaluated(f"{server.url}#m", folder=tmp_path / "busy")
    assert busy
    assert [system.failed for system in found.systems] == [0, 0]
    with endpoint(lambda *_: Reply(body=b"<html>hello")) as server, pytest.raises(RunError, match="no chat completion"):
        evaluated(f"{server.url}#m", folder=tmp_path / "babble")


def test_failed_answers_are_counted_left_out_and_asked_for_again(tmp_path: Path) -> None:
    mended = Event()

    def answering(number: int, body: dict[str, Any]) -> Reply:
        return wordy(number, body) if number % 3 or mended.is_set() else refused(400, "no")

    with endpoint(answering) as server:
        (zero, _) = evaluated(f"{server.url}#m", folder=tmp_path).systems
        assert 0 < zero.failed < 6
        assert zero.prompts + zero.failed == 6
        assert "no" in zero.last_failure
        mended.set()
        before = len(server.bodies)
        again = evaluated(f"{server.url}#m", folder=tmp_path).systems
        assert [system.failed for system in again] == [0, 0]
        assert len(server.bodies) - before < 12


def test_the_wishes_are_those_of_the_frozen_sets() -> None:
    for part in SMALL.parts:
        rows = [sample.intents for sample in load_test_set(part.test_set)]
        found = [wish.intents for wish in SMALL.wishes(TASKS, 1) if wish.test_set == part.test_set]
        assert found == rows[: part.prompts_per_target] * len(part.targets)


@pytest.mark.parametrize("judging", [False, True], ids=["while it writes", "while it judges"])
def test_a_killed_evaluation_loses_nothing_and_asks_nothing_twice(judging: bool, tmp_path: Path) -> None:
    def slowly(number: int, body: dict[str, Any]) -> Reply:
        reply = verdict(7) if "response_format" in body else wordy(number, body)
        reply.delay = 0.1 if judging is ("response_format" in body) else 0.0
        return reply

    with endpoint(slowly) as server:
        system = f"{server.url}#m"
        arguments = ["evaluate", system, "--output", str(tmp_path), *(["--judge", system] if judging else [])]
        command = [sys.executable, "-c", f"from tests.evaluation.test_evaluate import *; judging_less({arguments})"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        killed_when(process, tmp_path, "answers.jsonl", 8 + 36 * judging)
        kept, before = journal(tmp_path), len(server.bodies)
        finished = judging_less(arguments)
        asked = len(server.bodies)
    assert finished.stdout.splitlines()[-1] == str(tmp_path / "evaluation.html")
    whole = journal(tmp_path)
    assert 0 < len(kept) < len(whole), "it was not killed in the middle"
    assert whole[: len(kept)] == kept
    assert len({entry["id"] for entry in whole}) == len(whole)
    assert len(whole) > 40 if judging else len(whole) == 40
    assert asked - before == len(whole) - len(kept)


def test_diversity_is_that_of_all_targets_and_of_wishes_that_all_wrote_for(tmp_path: Path) -> None:
    def answering(number: int, body: dict[str, Any]) -> Reply:
        return refused(400, "no") if "10" in body["messages"][-1]["content"] else wordy(number, body)

    with endpoint(wordy) as whole, endpoint(answering) as part:
        found = evaluated(f"whole={whole.url}#m", f"part={part.url}#m", folder=tmp_path)
        alone = evaluated(f"whole={whole.url}#m", folder=tmp_path)
    tens = [each.wish.target for each in found.written["part, zero-shot"] if each.text is None]
    assert set(tens) == {10}
    same = {system.name: system.diversity for system in found.systems}
    assert same["whole, zero-shot"] == same["part, zero-shot"] != alone.systems[0].diversity


def test_systems_that_wrote_for_no_wish_together_are_measured_on_their_own(tmp_path: Path) -> None:
    def only(words: str) -> Any:
        def answering(number: int, body: dict[str, Any]) -> Reply:
            return wordy(number, body) if words in body["messages"][-1]["content"] else refused(400, "no")

        return answering

    with endpoint(only("10")) as tens, endpoint(only("12")) as twelves:
        found = evaluated(f"tens={tens.url}#m", f"twelves={twelves.url}#m", folder=tmp_path)
    assert [system.diversity.prompts for system in found.systems] == [4, 4, 2, 2]


def test_the_report_stands_alone_shows_all_systems_and_trusts_no_unfit_judge(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script> | `x` a quiet\u2028night"

    def answering(number: int, body: dict[str, Any]) -> Reply:
        if "response_format" in body:
            rating = dict.fromkeys(("correctness", "clarity", "completeness", "usefulness"), 8)
            return said(json.dumps({"reason": evil} | rating) if number % 5 else "8!")
        return said(evil)

    with endpoint(answering) as server:
        found = evaluated(f"{server.url}#m", folder=tmp_path, judge=choose_judge(f"{server.url}#m", None))
    kept = SavedEvaluation(found, "Suite small", "promptlet evaluate x#y '*'")
    save_evaluation(kept, tmp_path)
    page = report_evaluation(kept, tmp_path)
    html, markdown = page.read_text(), page.with_suffix(".md").read_text()
    assert "<script" not in html
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert "m is UNFIT as a judge" in html
    assert "(UNFIT)" in html
    for text in (html, markdown):
        assert all(each in text for each in ("m, zero-shot", "m, few-shot", "promptlet evaluate x", "10.3, 0.365, 98%"))
    assert "\n\n    promptlet evaluate x#y '*'\n\n" in markdown
    assert "| 4 | 0.00 \\[0.00, 0.00\\] | too few |" in markdown
    errors = (tmp_path / "evaluation-pictures" / "error-unseen_combinations.svg").read_text()
    assert "stroke: var(--muted)" in errors
    told = json.loads((tmp_path / "evaluation.json").read_text())
    assert told["manifest"]["versions"]["promptlet"]
    assert told["judgements"][1]["bill"]["unreadable"] > 0
    lines = [line for file in told["files"].values() for line in (tmp_path / "prompts" / file).open()]
    prompts = [json.loads(line) for line in lines]
    rated = [each["ratings"]["m"]["scores"] for each in prompts if each["ratings"]]
    assert {each and each["relevance"] for each in rated} <= {8.0, None}
    assert sum(bool(each["ratings"]) for each in prompts) == 8
    titles = [section.title for section in describe(kept).sections]
    assert "Relevance: m" in titles
    assert "m (UNFIT)" in in_brief(found)


def test_the_report_tells_how_fast_students_are_and_measures_once(tmp_path: Path, student_folder: Path) -> None:
    found = evaluated(str(student_folder), folder=tmp_path)
    students = {"nano": student_folder}
    speed = measure_speed(students, tmp_path)
    (measured,) = speed.contenders
    assert measured.rate(batch(1))
    before = (tmp_path / SPEED).stat().st_mtime_ns
    assert measure_speed(students, tmp_path) == speed == read_speed(tmp_path)
    assert (tmp_path / SPEED).stat().st_mtime_ns == before
    text = report_evaluation(SavedEvaluation(found, "x", "y"), tmp_path, speed).with_suffix(".md").read_text()
    assert "| nano | " in text
    (tmp_path / SPEED).write_text("{}")
    with pytest.raises(RunError, match="remove it to measure again"):
        measure_speed(students, tmp_path)


@pytest.fixture
def llama_server(tmp_path: Path) -> Iterator[str]:
    """Yield the root of OpenAI's API on a llama.cpp server with SmolLM2."""
    weights = tmp_path / "smollm2.gguf"
    widen(packaged_model(TeacherError), weights)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights)
    parameters.model_alias = {"smollm2"}
    parameters.n_parallel, parameters.n_ctx, parameters.verbosity = 2, 4096, -1
    server = xllamacpp.Server(parameters)
    server.handle_completions({"prompt": "x", "max_tokens": 1})
    yield f"{server.listening_address}/v1"
    del server


@pytest.mark.long
def test_smollm2_writes_and_judges_behind_a_real_endpoint(llama_server: str, tmp_path: Path) -> None:
    name = f"{llama_server}#smollm2"
    suite = Suite((Part("unseen_combinations", (10,), 3),), 3, 1, 2)
    (tmp_path / "judge.yaml").write_text(
        json.dumps({"base_url": llama_server, "model": "smollm2", "concurrency": 2, "timeout": 600})
    )
    found = evaluated(name, folder=tmp_path, suite=suite, judge=choose_judge(str(tmp_path / "judge.yaml"), None))
    judgement = found.judgements[1]
    assert judgement.bill
    assert (judgement.bill.requests, judgement.bill.failed, judgement.bill.unasked) == (6 + 8, 0, 0)
    with Journal(tmp_path / "answers.jsonl") as kept:
        raw = [entry["text"] for entry in kept if entry["text"].lstrip().startswith("{")]
    assert len(raw) >= 14
    assert judgement.bill.unreadable <= 5, raw
    assert "smollm2" in report_evaluation(SavedEvaluation(found, "x", "y"), tmp_path).read_text()
