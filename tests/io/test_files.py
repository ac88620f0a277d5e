"""Files: atomic replacement, journals that survive a kill, records that come back as they were."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptlet.errors import RunError
from promptlet.io.atomic import (
    file_digest,
    recover_folder,
    replacing,
    replacing_folder,
    value_digest,
    write_json,
    write_text,
)
from promptlet.io.journal import Journal
from promptlet.io.manifest import Manifest
from promptlet.io.records import read_samples, write_rejects, write_samples
from promptlet.types import KINDS, Intent, Sample


def test_a_file_is_replaced_only_when_the_writing_ended_well(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(target) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert target.read_text() == "old"
    with replacing(target) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_threads_may_write_one_file(tmp_path: Path) -> None:
    """Whoever is last has its say, whole."""
    target, texts = tmp_path / "file", [str(writer) * 1000 for writer in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda place: write_text(target, texts[place % 4]), range(200)))
    assert target.read_text() in texts
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    for text in ("one", "two"):
        with replacing_folder(target) as temporary:
            (temporary / "a").write_text(text)
    with pytest.raises(ZeroDivisionError), replacing_folder(target) as temporary:
        (temporary / "a").write_text("half")
        raise ZeroDivisionError
    assert (target / "a").read_text() == "two"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_killed_between_its_renames_comes_back(tmp_path: Path) -> None:
    old = tmp_path / ".folder.old"
    old.mkdir()
    (old / "a").write_text("kept")
    recover_folder(tmp_path / "folder")
    assert (tmp_path / "folder" / "a").read_text() == "kept"


def test_digests_name_content(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": [2]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": [2], "b": 1}
    assert value_digest({"a": 1, "b": 2}) == value_digest({"b": 2, "a": 1}) != value_digest({"a": 1, "b": 3})
    (tmp_path / "b").write_bytes(b"")
    assert file_digest(tmp_path / "b").startswith("e3b0c442")


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with Journal(path) as journal:
        journal.append({"n": 1})
        journal.append({"n": 2})
    with path.open("ab") as file:
        file.write(b'{"n": 3, "text": "cut o')
    with Journal(path) as journal:
        assert [entry["n"] for entry in journal] == [1, 2]
        journal.append({"n": 4})
        assert [entry["n"] for entry in journal] == [1, 2, 4]


def test_two_can_not_write_one_journal(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        journal.append({"n": 1})
        with pytest.raises(RunError, match="another process writes"):
            Journal(tmp_path / "journal")
    with Journal(tmp_path / "journal") as journal:
        assert list(journal) == [{"n": 1}]


def test_what_a_full_disk_cuts_spoils_no_other_line(tmp_path: Path) -> None:
    path, most = tmp_path / "journal", 60
    script = (
        "import resource, signal; from pathlib import Path; from promptlet.io.journal import Journal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, resource.RLIM_INFINITY))\n"
        f"journal = Journal(Path({str(path)!r}))\n"
        "journal.append({'n': 1})\n"
        f"try: journal.append({{'text': 'x' * {most}}})\n"
        "except Exception as error: print(error)\n"
        "journal.append({'n': 2})\n"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert "is the disk full?" in told
    with Journal(path) as journal:
        assert list(journal) == [{"n": 1}, {"n": 2}]


def test_a_journal_damaged_in_the_middle_says_where(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_text('{"n": 1}\nnot json\n{"n": 2}\n')
    with Journal(path) as journal, pytest.raises(RunError, match=r"line 2.*without that line"):
        list(journal)


def test_a_killed_writer_loses_no_appended_line(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    script = (
        "import sys; from pathlib import Path; from promptlet.io.journal import Journal\n"
        f"journal = Journal(Path({str(path)!r}))\n"
        "n = 0\n"
        "while True:\n    journal.append({'n': n}); print(n, flush=True); n += 1\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = [int(process.stdout.readline()) for _ in range(50)]
    time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    said += [int(line) for line in process.stdout if line.endswith("\n")]
    process.wait()
    with Journal(path) as journal:
        found = [entry["n"] for entry in journal]
    assert found[: len(said)] == said
    assert found == list(range(len(found)))


SAMPLES = st.builds(
    Sample,
    intents=st.lists(st.builds(Intent, st.sampled_from(KINDS), st.text(max_size=20)), max_size=4).map(tuple),
    task=st.sampled_from(["t2i", "t2t"]),
    prompt=st.text(max_size=50),
    source=st.text(max_size=10),
    split=st.sampled_from(["train", "test"]),
    commands=st.dictionaries(st.sampled_from(["words", "relevance"]), st.integers(0, 64)),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.lists(SAMPLES, max_size=5))
def test_samples_come_back_as_they_were_written(tmp_path: Path, samples: list[Sample]) -> None:
    assert write_samples(tmp_path, samples) == len(samples)
    assert list(read_samples(tmp_path)) == samples


def test_rejects_keep_their_reason_and_an_empty_folder_is_named(tmp_path: Path) -> None:
    rejected = Sample((Intent("Topic", "x"),), "t2i", "bad")
    assert write_rejects(tmp_path, [(rejected, "too short")]) == 1
    assert list(read_samples(tmp_path, "rejected")) == [rejected]
    with pytest.raises(RunError, match=str(tmp_path)):
        next(read_samples(tmp_path))


def test_a_manifest_tells_planned_from_finished(tmp_path: Path) -> None:
    planned = Manifest.planned("curate", {"a": 1}, {"synthesize": "abc"})
    assert planned.digest != Manifest.planned("curate", {"a": 2}, {"synthesize": "abc"}).digest
    assert planned.digest != Manifest.planned("curate", {"a": 1}, {"synthesize": "abd"}).digest
    assert Manifest.read(tmp_path) is None
    planned.write(tmp_path)
    found = Manifest.read(tmp_path)
    assert found == planned
    assert not found.finished
    found.done({"prompts": 3}, 1.5).write(tmp_path)
    finished = Manifest.read(tmp_path)
    assert finished is not None
    assert finished.finished
    assert finished.counts == {"prompts": 3}
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(RunError, match="manifest"):
        Manifest.read(tmp_path)
