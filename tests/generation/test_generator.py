"""Generation as callers see it: exact, different, reproducible, and strict about what it is asked."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from threading import Event
from typing import Any, Self

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from promptlet.engines.base import Decoded, Decoding, Engine
from promptlet.errors import NoPromptError, StudentError, UsageError
from promptlet.generation import Generator, Request
from promptlet.generation.terms import says
from promptlet.student.format import Student
from promptlet.vocabulary import load_policy

DENIED = (
    "untermensch",
    "a beheading",
    "Coca-Cola",
    "Pikachu's",
    "James Jean",
    "\uff26\uff35\uff23\uff2b",
    "www.example.com",
    "555 123 4567 89",
)
"""Of each category of the policy, as it may stand in a text."""
WISH = ["Topic: birthday", "Scene object: balloon"]


def is_wish(text: str) -> bool:
    """Return whether a text says more than what shall not be there, as "no$0" does not; other errors are errors."""
    try:
        Request.of({"intents": text})
    except UsageError as error:
        if "only says what shall not be there" not in str(error):
            raise
        return False
    return True


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(min_size=1, max_size=20).filter(lambda t: t.isprintable() and t.strip()), words=st.integers(5, 40))
def test_any_free_text_gives_exactly_the_words_asked(generator: Generator, text: str, words: int) -> None:
    assume(load_policy().find_denied(text) is None)  # as "A\u00df" is, which is "ass" in small letters
    assume(is_wish(text))
    prompt = generator.generate(text, words=words, seed=1)[0]
    assert prompt.words == len(prompt.prompt.split()) == prompt.target_words == words


def test_a_range_draws_its_counts_from_within(generator: Generator) -> None:
    counts = {prompt.words for prompt in generator.generate(WISH, words="8-12", n=16, seed=3)}
    assert counts <= set(range(8, 13))
    assert len(counts) >= 3


def test_prompts_differ_and_more_begin_with_fewer(generator: Generator) -> None:
    four = generator.generate(WISH, words=12, n=4, seed=7)
    assert len({prompt.prompt for prompt in four}) == 4
    assert generator.generate(WISH, words=12, n=1, seed=7)[0].prompt == four[0].prompt
    assert generator.generate(WISH, words=12, n=1, seed=8)[0].prompt != four[0].prompt
    assert [prompt.candidates for prompt in four] == sorted(prompt.candidates for prompt in four)


def test_each_prompt_can_be_had_alone_by_its_own_seed(generator: Generator) -> None:
    for prompt in generator.generate(WISH, words="8-12", n=4, seed=7, keep=["red kite"], candidates=4):
        assert prompt.insisted == ()
        alone = generator.generate(WISH, words="8-12", seed=prompt.seed, candidates=1, keep=["red kite"])
        assert alone[0].prompt == prompt.prompt


def test_a_prompt_tells_whether_its_seed_alone_gives_it_again() -> None:
    shipped, wish = Generator.load(), {"intents": ["Topic: fox", "Setting: forest"], "keep": ["xylophone parade"]}
    told = []
    for prompt in shipped.generate(**wish, words=14, n=3, seed=7):
        alone = shipped.generate(**wish, words=14, seed=prompt.seed, candidates=1)
        assert prompt.repeatable == (alone[0].prompt == prompt.prompt)
        assert prompt.insisted == ()
        told.append(prompt.repeatable)
    assert set(told) == {True, False}, "one that the student wrote as it was asked, others with the term put apart"


def test_fewer_come_where_there_are_no_more(generator: Generator) -> None:
    assert len(generator.generate(WISH, words=12, n=3, seed=7, temperature=0, candidates=2)) == 1


def test_without_chance_no_text_is_drawn_twice(generator: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Decoding] = []
    decode = generator.engine.decode

    def watched(decodings: list[Decoding], stop: Event | None = None) -> list[Decoded]:
        drawn.extend(decodings)
        return decode(decodings, stop)

    monkeypatch.setattr(generator.engine, "decode", watched)
    first, *_ = generator.generate(WISH, words=12, n=3, seed=7, temperature=0)
    assert len(drawn) == len(set(drawn))
    assert generator.generate(WISH, words=12, seed=8, temperature=0)[0].prompt == first.prompt


class Repeater(Engine):
    """Writes the given texts one after the other, for ever."""

    name = "repeater"

    def __init__(self, *texts: str) -> None:
        self.texts = cycle(texts)

    @classmethod
    def open(cls, student: Student, threads: int | None) -> Self:
        raise NotImplementedError

    def decode(self, decodings: Sequence[Decoding], stop: Event | None = None) -> list[Decoded]:
        return [Decoded(next(self.texts), (5,) * 9, (-0.1,) * 9, True) for _ in decodings]


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("denied", DENIED)
def test_no_prompt_holds_what_the_policy_denies(generator: Generator, denied: str, exact: bool) -> None:
    bad, good = f"a calm lake with {denied} at dawn", "a calm lake with pale mist"
    assert load_policy().find_denied(bad)
    asked = {"words": len(bad.split()), "exact": exact, "seed": 1}
    with pytest.raises(NoPromptError, match=r"none of 3 texts .* says what is banned or denied"):
        Generator(generator.student, Repeater(bad)).generate("a calm lake", **asked, candidates=3)
    good += " above" * (len(bad.split()) - len(good.split()))
    found = Generator(generator.student, Repeater(bad, good)).generate("a calm lake", **asked, n=2, candidates=4)
    assert [each.prompt for each in found] == [good]


def test_what_a_student_leaves_out_is_insisted_on(generator: Generator) -> None:
    # The smoke student says next to nothing of what it is asked for.
    wish = ["Topic: birthday", "Scene object: balloon", "Mood: joyful"]
    four = generator.generate(wish, words="9-14", n=4, seed=7)
    insisted = [prompt for prompt in four if prompt.insisted]
    assert insisted
    for prompt in insisted:
        assert all(says(prompt.prompt, value) for value in prompt.insisted)
        assert prompt.words == prompt.target_words == len(prompt.prompt.split())
        assert all(prompt.coverage[each] == 1 for each in wish if each.split(": ")[1] in prompt.insisted)
    assert generator.generate(wish, words="9-14", seed=7)[0].prompt == four[0].prompt
    assert all(prompt.insisted == () for prompt in generator.generate(wish, words=9, n=4, seed=7, candidates=1))


def test_a_long_wish_is_put_to_the_student_as_far_as_it_can_take_it(generator: Generator) -> None:
    things = "red balloons, a cake, a dog, paper crowns, candles and a happy crowd by a quiet lake at dusk"
    prompt = generator.generate(f"a birthday party with {things}, {things} again", words=20, seed=1)[0]
    assert len(prompt.prompt.split()) == 20
    assert len(prompt.intents) == 8


def test_what_shall_not_be_there_is_not_said(generator: Generator) -> None:
    request = Request.of({"intents": "a birthday party without balloons", "ban": ["cake"]})
    assert request.ban == ("cake", "balloons")
    many = [f"thing{number}" for number in range(64)]
    assert len(Request.of({"intents": f"a birthday party, --no {', '.join(many[:30])}"}).ban) == 30
    with pytest.raises(UsageError, match="65 terms were given; at most 64"):
        Request.of({"intents": "a birthday party without balloons", "ban": many})
    assert not any("balloon" in prompt.prompt for prompt in generator.generate("a party, no balloons", n=4, seed=3))


def test_an_empty_text_is_not_given_out(generator: Generator) -> None:
    end = generator.student.codec.end_id
    with pytest.raises(NoPromptError, match="is empty"):
        generator.generate(WISH, exact=False, candidates=2, seed=1, logit_bias={end: 100})


@pytest.mark.parametrize("odd", ["half a \ufffd character", "two\nlines here", "a bell\x07 rings"])
def test_what_is_no_text_is_not_given_out(generator: Generator, odd: str) -> None:
    asked: dict[str, Any] = {"exact": False, "seed": 1, "words": 5}
    with pytest.raises(NoPromptError, match="holds what is no text"):
        Generator(generator.student, Repeater(odd)).generate("a calm lake", **asked, candidates=2)
    found = Generator(generator.student, Repeater(odd, "a calm lake")).generate("a calm lake", **asked, candidates=4)
    assert [each.prompt for each in found] == ["a calm lake"]


def test_what_may_not_be_given_out_stands_in_no_error(generator: Generator) -> None:
    greedy = {"exact": False, "candidates": 1, "temperature": 0}
    said = generator.generate(WISH, **greedy)[0].prompt
    phrase = " ".join(said.split()[-3:-1])
    with pytest.raises(NoPromptError, match="says what is banned or denied") as told:
        generator.generate(WISH, **greedy, ban=[phrase])
    assert phrase not in str(told.value)


def test_prompts_come_one_by_one(generator: Generator) -> None:
    stream = generator.stream(Request.of({"intents": WISH, "n": 4, "seed": 7, "words": 12}))
    assert next(stream).prompt == generator.generate(WISH, words=12, seed=7)[0].prompt


def test_free_mode_leaves_the_count_to_the_model(generator: Generator) -> None:
    prompts = []
    for seed in range(8):
        with suppress(NoPromptError):  # left alone, this student writes half a character now and then
            # of several draws the best would be taken
            prompts += generator.generate(WISH, words=12, seed=seed, candidates=1, exact=False)
    assert len(prompts) > 4
    assert all(prompt.words == len(prompt.prompt.split()) for prompt in prompts)
    assert any(prompt.words != 12 for prompt in prompts)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"task": "t3i"}, "'t3i'.*t2i"),
        ({"words": 41}, "'41'.*5 to 40"),
        ({"words": "4-9"}, "'4-9'.*5 to 40"),
        ({"n": 0}, "n is 0.*64"),
        ({"n": 65}, "n is 65.*64"),
        ({"n": True}, "n is True.*64"),
        ({"n": 10**5000}, "n is .*; 1 to 64"),
        ({"n": "9" * 10**6}, "^n is '9{59}: .{,60}$"),
        ({"n": 1.5}, "^n is 1.5: a whole number is needed; 1 to 64 are allowed$"),
        ({"exact": 1}, "^exact is 1: true or false is needed$"),
        ({"task": 7}, "^task is 7: a text is needed$"),
        ({"candidates": 0}, "candidates is 0; 1 to 64"),
        ({"temperature": 2.1}, "temperature is 2.1; 0 to 2"),
        ({"top_p": 0}, "top_p is 0; above 0 to 1"),
        ({"top_k": -1}, "top_k is -1; 0 to 1000"),
        ({"min_p": float("nan")}, "min_p is nan; 0 to 1"),
        ({"relevance": 5}, "relevance '5'.*0 .*4"),
        ({"draws": 3}, "unknown setting .draws..*words, relevance"),
        ({"intents": {"Topic": "cat"}}, "neither free text nor a list"),
        ({"intents": [7]}, "7 is no intent"),
        ({"intents": Request(intents=WISH)}, r"a Request.*stream\(request\)"),
        ({"keep": "cat"}, "'cat' is no list"),
        ({"keep": ["cat"] + [str(number) for number in range(16)]}, "17 terms.*16"),
        ({"keep": ["x" * 121]}, "120"),
        ({"keep": ["a\nb"]}, "printable"),
        ({"keep": [""]}, "1 to 120"),
        ({"keep": ["one two three four five", "six seven eight nine ten"], "words": 8}, "10 words.*no room in 8"),
        ({"keep": [f"{letter}#{'zqxj7' * 20}" for letter in "abcdef"], "words": 9}, "kept terms are .* tokens long"),
        ({"keep": ["the men"], "ban": ["man"]}, "'the men' can't be kept: 'man'"),
        ({"keep": ["golden hours"], "ban": ["hour"]}, "'golden hours' can't be kept: 'hour'"),
        ({"keep": ["Disney"]}, "'Disney' can't be kept.*trademarks"),
        (
            {"intents": "a picture of artstation"},
            "can't be expressed: the vocabulary policy denies 'artstation' \\(trademarks\\)",
        ),
        ({"intents": ["Topic: moon"], "ban": ["moons"]}, "'Topic: moon' can't be expressed: 'moons' is banned"),
        ({"intents": "a Disney castle"}, "Disney castle' can't be expressed.*trademarks"),
        ({"intents": "word " * 100}, "499 characters; at most 400"),
        ({"ban": ["..."]}, "'...' holds no word"),
        ({"ban": ["category:violet"]}, "'violet'; did you mean 'violent'"),
        ({"seed": -1}, "-1.*4294967295"),
        ({"seed": 2**32}, "4294967296"),
        ({"intents": []}, "0 intents"),
        ({"intents": [f"Topic: {'many different words ' * 5}"] * 8}, "tokens long"),
    ],
)
def test_what_is_not_allowed_is_named_with_what_is(generator: Generator, wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        generator.generate(**{"intents": WISH} | wrong)


def test_a_command_that_the_student_lacks_is_named_with_those_it_obeys(generator: Generator) -> None:
    words = {"words": generator.student.description.commands["words"]}
    description = generator.student.description.model_copy(update={"commands": words})
    limited = Generator(replace(generator.student, description=description), generator.engine)
    assert limited.generate(WISH, words=9, seed=1)[0].words == 9
    with pytest.raises(UsageError, match="does not obey 'relevance'; it obeys: words"):
        limited.generate(WISH, relevance=3)


def test_a_process_that_was_forked_is_told_to_load_its_own(student_folder: Path) -> None:
    code = f"""
import os, promptlet
generator = promptlet.load({str(student_folder)!r})
if os.fork() == 0:
    try:
        generator.generate("a cat")
    except promptlet.UsageError as error:
        print(error, flush=True)
    os._exit(0)
os.wait()
generator.generate("a cat", candidates=1)
"""
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "this generator was loaded before the process was forked; load one in each process\n"


def test_an_unknown_engine_is_named(student_folder: Path) -> None:
    with pytest.raises(UsageError, match=r"'lamacpp'.*did you mean 'llamacpp'"):
        Generator.load(student_folder, engine="lamacpp")


@pytest.mark.parametrize("missing", ["promptlet.json", "tokenizer.json", "model.gguf"])
def test_a_folder_that_lacks_a_part_is_refused(student_folder: Path, tmp_path: Path, missing: str) -> None:
    for file in student_folder.iterdir():
        if file.name != missing:
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(StudentError, match=missing):
        Generator.load(tmp_path)


def test_a_description_of_another_kind_is_refused(student_folder: Path, tmp_path: Path) -> None:
    description = json.loads((student_folder / "promptlet.json").read_text())
    for change in ({"version": 99}, {"digests": None}, {"surprise": 1}):
        (tmp_path / "promptlet.json").write_text(json.dumps(description | change))
        with pytest.raises(StudentError, match=r"promptlet\.json"):
            Generator.load(tmp_path)


def test_a_student_is_asked_only_for_what_it_obeys(generator: Generator) -> None:
    description = generator.student.description
    words = {"words": description.commands["words"]}
    for commands, tasks, asked, named in [
        (words, description.tasks, {"relevance": 3}, "'relevance'.*words"),
        ({}, description.tasks, {"words": 8}, "'words'"),
        ({}, description.tasks, {"keep": ["x"]}, "does not obey 'words'"),
        (words, {"t2t": description.tasks["t2t"]}, {}, "'t2i'.*t2t"),
    ]:
        less = description.model_copy(update={"commands": commands, "tasks": tasks})
        with pytest.raises(UsageError, match=named):
            Generator(Student(generator.student.folder, less), generator.engine).generate(WISH, **asked)


def test_free_words_are_read_without_the_space_around_them() -> None:
    assert list(map(str, Request.of({"intents": " tea \n"}).intents)) == ["Topic: tea"]
    assert list(map(str, Request.of({"intents": "a fox  in the snow"}).intents)) == ["Topic: fox", "Scene object: snow"]
