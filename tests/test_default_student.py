"""The student that the package ships: there, within its size, exact at every length, the same in every process."""

from __future__ import annotations

import json
from itertools import cycle

import pytest

import promptlet
from promptlet.generation import Generator
from promptlet.student.format import default_student
from promptlet.vocabulary import load_policy
from tests.conftest import Run

TABLE_1 = {
    "t2i": ["Topic: birthday", "Scene object: balloon"],
    "t2t": ["Topic: birthday party", "Design type: invitation"],
}


@pytest.fixture(scope="module")
def generator() -> Generator:
    return promptlet.load()


def test_unseen_wishes_get_exactly_every_count(generator: Generator) -> None:
    wish = ["Topic: kite festival", "Mood: joyful", "Design type: poster"]
    for words, task in zip(range(5, 41), cycle(("t2i", "t2t"))):
        prompt = generator.generate(wish, task, words, seed=words, candidates=1)[0]
        assert len(prompt.prompt.split()) == words
        assert prompt.prompt[-1] not in ",;:-"
        assert load_policy().find_denied(prompt.prompt) is None


def test_it_writes_about_what_it_is_asked(generator: Generator) -> None:
    texts = [p.prompt.casefold() for p in generator.generate(TABLE_1["t2i"], "t2i", 20, n=8, seed=1)]
    assert sum("balloon" in text for text in texts) >= 4
    texts = [p.prompt.casefold() for p in generator.generate(TABLE_1["t2t"], "t2t", 20, n=8, seed=1)]
    assert sum("invitation" in text for text in texts) >= 4


def test_a_kept_term_that_finds_no_place_stands_between_commas(generator: Generator) -> None:
    """The student was taught "blue" and "door", but never "Blue Door": it put the name off until the text was over."""
    wish = ["Topic: coffee shop", "Design type: menu"]
    for prompt in generator.generate(wish, "t2t", 18, n=2, seed=7, keep=["Blue Door"]):
        assert ", Blue Door," in prompt.prompt
        assert prompt.candidates <= 16
        assert prompt.insisted == ()


def test_two_processes_write_the_same(cli: Run) -> None:
    command = ["generate", "--intent", "Topic: red fox", "--words", "10-20", "-n", 4, "--seed", 7]
    assert cli(*command).stdout == cli(*command).stdout != ""


def test_it_is_small_and_says_where_it_comes_from() -> None:
    folder = default_student()
    assert sum(path.stat().st_size for path in folder.rglob("*")) < 64e6
    card = (folder / "README.md").read_text()
    for part in ("Teacher", "Apache-2.0", "pairs", "Table 3", "Limits"):
        assert part in card
    description = json.loads((folder / "promptlet.json").read_text())
    assert description["commands"]["words"] == {"low": 5, "high": 40}
    assert set(description["tasks"]) == {"t2i", "t2t"}
