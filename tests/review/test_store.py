"""The file of a review: what was written is there, whoever writes at the same time, and codes are not in it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptlet.errors import UsageError
from promptlet.review.creating import ReviewSettings, create_review, parse_systems
from promptlet.review.items import passed
from promptlet.review.records import Rating
from promptlet.review.store import Store
from tests.review.conftest import Review, Write

LEVEL = st.none() | st.integers(1, 3)


def said_by_ann(review: Review) -> dict[int, tuple[object, ...]]:
    return {
        number: (each.relevance, each.correctness, each.comment) for number, _, each in review.store.assigned("Ann")
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10)
@given(st.lists(st.tuples(st.integers(0, 9), LEVEL, LEVEL, st.none() | st.text(max_size=5)), max_size=12))
def test_the_last_word_counts_and_repeating_it_changes_nothing(
    review: Review, changes: list[tuple[int, int | None, int | None, str | None]]
) -> None:
    items = [number for number, _, _ in review.store.assigned("Ann")]
    expected = said_by_ann(review)
    for place, *given_ in changes:
        old = expected[items[place]]
        expected[items[place]] = tuple(was if new is None else new for was, new in zip(old, given_, strict=True))
        once = review.store.rate("Ann", items[place], *given_)
        assert review.store.rate("Ann", items[place], *given_) == once
    assert said_by_ann(review) == expected
    assert all(rating == Rating() for _, _, rating in review.store.assigned("Bob"))


def test_many_writers_at_once_lose_nothing(review: Review) -> None:
    jobs = [
        (name, number, question)
        for name in review.codes
        for number, _, _ in review.store.assigned(name)
        for question in ("relevance", "correctness")
    ]
    with ThreadPoolExecutor(8) as pool:
        [*pool.map(lambda job: Store(review.store.path).rate(job[0], job[1], **{job[2]: 2}), jobs * 2)]
    assert len(review.store.ratings()) == 20
    assert all(each.rating.complete for each in review.store.ratings())


def test_a_killed_process_loses_no_rating(review: Review) -> None:
    number = review.store.assigned("Ann")[0][0]
    script = (
        "import os, signal, sys; from pathlib import Path; from promptlet.review.store import Store\n"
        f"Store(Path(sys.argv[1])).rate('Ann', {number}, 3, comment='kept')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", script, review.store.path], check=False).returncode == -9
    rating = Store(review.store.path).assigned("Ann")[0][2]
    assert (rating.relevance, rating.comment) == (3, "kept")


def test_ratings_of_what_is_not_there_are_refused_and_of_what_was_are_kept(review: Review) -> None:
    number = review.store.assigned("Ann")[0][0]
    with pytest.raises(UsageError, match="item 77 is not, or no longer, among those that Ann rates"):
        review.store.rate("Ann", 77, relevance=1)
    review.store.rate("Bob", number, relevance=1)
    review.store.remove(number)
    with pytest.raises(UsageError, match=f"item {number} is not, or no longer"):
        review.store.rate("Bob", number, relevance=3)
    with pytest.raises(UsageError, match=f"no item {number}"):
        review.store.remove(number)
    assert number not in review.store.items()
    (kept,) = review.store.ratings()
    assert kept.deleted
    assert kept.rating.relevance == 1


def test_codes_open_one_reviewer_each_and_are_not_kept(review: Review) -> None:
    assert {review.store.reviewer(code): name for name, code in review.codes.items()} == {"Ann": "Ann", "Bob": "Bob"}
    assert review.store.reviewer("") is None
    content = b"".join(file.read_bytes() for file in review.store.path.parent.glob("review.db*"))
    assert all(code.encode() not in content for code in review.codes.values())
    renewed = review.store.invite(["Ann"])["Ann"]
    assert review.store.reviewer(review.codes["Ann"]) is None
    assert review.store.reviewer(renewed) == "Ann"


def test_a_late_reviewer_takes_over_what_is_left(tmp_path: Path, write_prompts: Write) -> None:
    plan = ReviewSettings({"one": write_prompts("one", 12)}, per_item=1, checks=0)
    store, _ = create_review(tmp_path / "late.db", plan, ["Ann"])
    done = [number for number, _, _ in store.assigned("Ann")[:2]]
    for number in done:
        store.rate("Ann", number, 3, 3)
    store.invite(["Bob"])
    assert store.reviewers() == {"Ann": 6, "Bob": 6}
    assert [number for number, _, _ in store.assigned("Ann")[:2]] == done


@pytest.mark.parametrize("name", ["Ann Lee", "Ann  Lee "])
def test_a_new_code_deals_nothing_anew(tmp_path: Path, write_prompts: Write, name: str) -> None:
    plan = ReviewSettings({"one": write_prompts("one", 12)}, per_item=1, checks=0)
    store, _ = create_review(tmp_path / "codes.db", plan, ["Ann Lee", "Bob"])
    before = [number for number, _, _ in store.assigned("Bob")]
    store.rate("Bob", before[-1], 3, 3)
    assert store.reviewer(store.invite([name])["Ann Lee"]) == "Ann Lee"
    assert [number for number, _, _ in store.assigned("Bob")] == before


def test_systems_are_compared_on_the_same_wishes(tmp_path: Path, write_prompts: Write) -> None:
    systems = {name: write_prompts(name, 30) for name in ("north", "south")}
    store, _ = create_review(tmp_path / "same.db", ReviewSettings(systems, prompts=5, checks=0, per_item=1), ["Ann"])
    wishes = {name: sorted(item.intents for item in store.items().values() if item.system == name) for name in systems}
    assert wishes["north"] == wishes["south"]
    assert len(wishes["north"]) == 5


def test_checks_are_good_and_spoiled_ones_and_tell_attention(review: Review) -> None:
    checks = [item for item in review.store.items().values() if item.check]
    assert sorted(check.check or "" for check in checks) == ["good", "wrong topic"]
    always_very = [passed(check, 3) for check in checks]
    assert sorted(always_very) == [False, True]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "line 2: not JSON"),
        ("[1]", "line 2: not a JSON object"),
        ('{"prompts": 3}', "line 2: 'prompts' is not a list"),
        ('{"prompt": "", "task": "t2i", "intents": ["a"]}', "line 2: 'prompt' is ''"),
        ('{"prompt": "\\ud800", "task": "t2i", "intents": ["a"]}', "line 2: a text holds half a character"),
        ('{"prompt": "a", "task": "t2i", "intents": ["a"], "relevance": NaN}', "line 2: the score 'relevance' is nan"),
        ('{"prompt": "a", "task": "t2i", "intents": "a"}', "line 2: 'intents' is 'a'"),
        ('{"prompt": "a", "task": "t2i", "intents": ["Taste: a"]}', "line 2: unknown kind of intent 'Taste'"),
        ('{"prompt": "a", "task": "t2i", "intents": ["a"], "scores": {"b": "c"}}', "line 2: the score 'b' is 'c'"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, write_prompts: Write, line: str, message: str) -> None:
    path = write_prompts("bad", 1)
    path.write_text(path.read_text() + line)
    with pytest.raises(UsageError, match=message):
        create_review(tmp_path / "bad.db", ReviewSettings({"bad": path}, per_item=1), ["Ann"])
    assert not (tmp_path / "bad.db").exists()


def test_what_can_not_be_made_or_opened_is_one_line(tmp_path: Path, write_prompts: Write, review: Review) -> None:
    path = write_prompts("one")
    with pytest.raises(UsageError, match="3 reviewers are to rate each prompt, and there are 1"):
        create_review(tmp_path / "few.db", ReviewSettings({"one": path}), ["Ann"])
    for names in (["Ann", "Bo", "Cy", "Ann "], ["Ann", "Bo", ""]):
        with pytest.raises(UsageError, match=r"named twice|name is ''"):
            create_review(tmp_path / "few.db", ReviewSettings({"one": path}), names)
        assert not (tmp_path / "few.db").exists()
    with pytest.raises(UsageError, match="already"):
        create_review(review.store.path, ReviewSettings({"one": path}, per_item=1), ["Ann"])
    with pytest.raises(UsageError, match="two systems 'one'"):
        parse_systems(["one.jsonl", f"one={path}"])
    assert parse_systems(["runs/a=1/x.jsonl"]) == {"x": Path("runs/a=1/x.jsonl")}
    with pytest.raises(UsageError, match="NAME=SYSTEM is allowed"):
        parse_systems([f"={path}"])
    for nothing in ("s=.", "s=/"):
        with pytest.raises(UsageError, match="NAME=FILE is allowed"):
            parse_systems([nothing])
    long = f"{'a' * 300}=b"  # too long for a file that is there
    assert parse_systems([long]) == {"a" * 300: Path("b")}
    with pytest.raises(UsageError, match="no review at"):
        Store(tmp_path / "nowhere.db")
    with pytest.raises(UsageError, match="is not a review"):
        Store(path)
    other = tmp_path / "other.db"
    sqlite3.connect(other).execute("CREATE TABLE things (name)")
    with pytest.raises(UsageError, match="is not a review that this version"):
        Store(other)
    for names, message in ((["Ann", " Ann "], "named twice"), ([" "], "name is ''")):
        with pytest.raises(UsageError, match=message):
            review.store.invite(names)


def test_a_review_that_was_deleted_is_not_made_anew(review: Review) -> None:
    review.store.path.unlink()
    with pytest.raises(sqlite3.OperationalError):
        review.store.reviewers()
    assert not review.store.path.exists()
