"""The Ray runner on a local Ray of two workers: the same rows as the local one, and errors in one line."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from promptlet.curation.examining import Examiner
from promptlet.errors import PromptletError, TeacherError, UsageError
from promptlet.io.records import read_samples, write_samples
from promptlet.pipeline import load_recipe, run_recipe
from promptlet.runners.local import Local
from promptlet.runners.ray import Ray
from promptlet.teachers.base import TeacherRequest
from promptlet.teachers.embedded import Embedded
from promptlet.teachers.fake import Fake, FakeConfig
from promptlet.types import Intent, Sample

pytestmark = pytest.mark.long
ray = pytest.importorskip("ray")

RECIPE = "name: small\nintents: {count: 60}\nsynthesize: {teacher: {name: fake, accidents: 0.3}}\n"


@pytest.fixture(scope="module", autouse=True)
def two_workers() -> Iterator[None]:
    """Start a Ray of two workers once for all tests here."""
    patch = pytest.MonkeyPatch()
    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.WARNING)
    yield
    ray.shutdown()
    patch.undo()


def test_a_run_on_ray_gives_the_rows_of_a_local_run(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    runs = {name: run_recipe(load_recipe(recipe), tmp_path / name, "curate", runner=name) for name in ("local", "ray")}
    assert runs["local"]["curate"].name == runs["ray"]["curate"].name
    for stage in ("synthesize", "curate"):
        for stem in ("data", "rejected"):
            local, spread = (list(read_samples(runs[name][stage], stem)) for name in ("local", "ray"))
            assert local == spread, (stage, stem)
    assert len(list(read_samples(runs["ray"]["curate"], "rejected"))) > 5
    journals = [(tmp_path / name / "answers.jsonl").read_text().splitlines() for name in ("local", "ray")]
    assert sorted(journals[0]) == sorted(journals[1])


def test_tables_come_in_the_order_of_the_shards(tmp_path: Path) -> None:
    intents = (Intent("Topic", "birthday"),)
    sample = Sample(intents, "t2i", "")
    write_samples(tmp_path, (replace(sample, prompt=f"a birthday cake with {n} candles on it") for n in range(60_000)))
    local, spread = (pa.concat_tables(each.map(Examiner(), tmp_path)) for each in (Local(processes=1), Ray()))
    assert spread.num_rows == 60_000
    assert local.equals(spread.cast(local.schema))


def requests(count: int) -> list[tuple[str, TeacherRequest]]:
    question = {"role": "user", "content": "Write 12 words: sea"}
    return [(str(n), TeacherRequest((question,), 40, 0.5, 1.0, n)) for n in range(count)]


def test_replies_are_kept_as_they_come() -> None:
    slow = Fake.open(FakeConfig(delay=0.3))
    slow.batch = 4
    runs = [requests(96)[start : start + 4] for start in range(0, 96, 4)]
    kept = [(identity, time.monotonic()) for identity, _ in Ray().ask(slow, runs, lambda identity, _: (identity, None))]
    assert sorted(identity for identity, _ in kept) == sorted(str(n) for n in range(96))
    assert kept[-1][1] - kept[0][1] > 1


def test_failures_of_a_teacher_are_replies() -> None:
    dying = Fake.open(FakeConfig(dies_after=0))
    replies = list(Ray().ask(dying, [requests(3)], lambda _, reply: reply))
    assert [str(reply) for reply in replies] == ["the fake teacher died, as it was told to"] * 3
    assert all(isinstance(reply, TeacherError) for reply in replies)


def test_a_teacher_that_computes_in_its_process_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'embedded'.*--runner local"):
        next(Ray().ask(Embedded.__new__(Embedded), [requests(1)], lambda _, reply: reply))


def test_a_worker_that_fails_is_one_line(tmp_path: Path) -> None:
    write_samples(tmp_path, [Sample((Intent("Topic", "sea"),), "no such task", "a calm blue sea under a pale sky")])
    with pytest.raises(PromptletError, match="no such task") as error:
        list(Ray().map(Examiner(), tmp_path))
    assert "\n" not in str(error.value)
