"""The contract of every runner in the folder: rows in order, errors as they are, a reply for every request."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from promptlet import registry
from promptlet.errors import TeacherError, UsageError
from promptlet.io.records import write_samples
from promptlet.runners.base import ROWS_PER_TABLE, Runner
from promptlet.runners.local import Local
from promptlet.teachers.base import Answer, TeacherRequest
from promptlet.teachers.fake import Fake, FakeConfig
from promptlet.types import Intent, Sample

ROWS = 9 * ROWS_PER_TABLE + 7
"""More than are worked on in one process, and than wait in line for two."""
SEA = (Intent("Topic", "sea"),)


def ray() -> Runner:
    pytest.importorskip("ray")
    from promptlet.runners.ray import Ray

    return Ray()


OPENED: dict[str, Callable[[], Runner]] = {"local": lambda: Local(processes=2), "ray": ray}
"""How each runner in the folder is opened here; a new one adds its line."""


@pytest.fixture(
    params=[
        pytest.param(name, marks=[pytest.mark.long] if name == "ray" else [])
        for name in registry.names("promptlet.runners")
    ]
)
def runner(request: pytest.FixtureRequest) -> Runner:
    found = OPENED[request.param]()
    assert found.name == request.param
    return found


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    write_samples(folder, (Sample(SEA, "t2i", str(number)) for number in range(ROWS)))
    return folder


def where(table: pa.Table) -> pa.Table:
    """Return the rows with the process that did them; the first rows take the longest."""
    if table["prompt"][0].as_py() == "0":
        time.sleep(0.5)
    return table.select(["prompt"]).append_column("process", pa.array([os.getpid()] * table.num_rows))


def refusing(table: pa.Table) -> pa.Table:
    if "9000" in table["prompt"].to_pylist():
        raise UsageError("row 9000 is not allowed")
    return table


def test_rows_come_in_their_order_from_other_processes(runner: Runner, rows: Path) -> None:
    found = pa.concat_tables(runner.map(where, rows))
    assert found["prompt"].to_pylist() == list(map(str, range(ROWS)))
    assert os.getpid() not in found["process"].to_pylist()


def test_what_a_function_raises_comes_through_as_it_is(runner: Runner, rows: Path) -> None:
    with pytest.raises(UsageError, match=r"row 9000 is not allowed") as error:
        list(runner.map(refusing, rows))
    assert "\n" not in str(error.value)


def requests(count: int, words: int = 12) -> list[tuple[str, TeacherRequest]]:
    question = {"role": "user", "content": f"Write {words} words: sea"}
    return [(str(n), TeacherRequest((question,), 40, 0.5, 1.0, n)) for n in range(count)]


def test_every_request_gets_its_own_reply(runner: Runner) -> None:
    with Fake.open(FakeConfig(accidents=0)) as teacher:
        asked = requests(50)
        runs = [asked[start : start + 7] for start in range(0, 50, 7)]
        found = dict(runner.ask(teacher, runs, lambda identity, reply: (identity, reply)))
        assert found == {identity: teacher.complete(request) for identity, request in asked}


def test_requests_that_fail_are_replies_that_say_why(runner: Runner) -> None:
    with Fake.open(FakeConfig(accidents=0, dies_after=0)) as teacher:
        found = list(runner.ask(teacher, [requests(5)], lambda _, reply: reply))
    assert [type(reply) for reply in found] == [TeacherError] * 5
    assert {str(reply) for reply in found} == {"the fake teacher died, as it was told to"}


class Broken(Fake):
    """Raises what is no reply."""

    def complete(self, request: TeacherRequest) -> Answer:
        raise UsageError("there is nobody to ask")


def test_what_is_no_reply_ends_the_asking(runner: Runner) -> None:
    with pytest.raises(UsageError, match="there is nobody to ask"):
        list(runner.ask(Broken(FakeConfig()), [requests(3)], lambda _, reply: reply))


def test_few_rows_are_done_in_this_process(tmp_path: Path) -> None:
    """Starting others would take longer than the work."""
    write_samples(tmp_path, (Sample(SEA, "t2i", str(number)) for number in range(ROWS_PER_TABLE + 1)))
    found = pa.concat_tables(Local(processes=2).map(where, tmp_path))
    assert found.num_rows == ROWS_PER_TABLE + 1
    assert set(found["process"].to_pylist()) == {os.getpid()}
