"""The contract of every engine in the folder: exact, reproducible, free of controls."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
import torch

from promptlet import registry
from promptlet.commands import with_defaults
from promptlet.commands.base import Placed
from promptlet.engines._constraint import Constraints
from promptlet.engines.base import Decoding, Engine, Sampling
from promptlet.errors import StoppedError, StudentError
from promptlet.generation import Generator, Request
from promptlet.student.format import (
    GGUF,
    QUANTIZATIONS,
    check_commands,
    default_student,
    load_student,
    write_description,
)
from promptlet.student.gguf import write_gguf
from promptlet.types import Intent, Sample

INTENTS = (Intent("Topic", "tea ceremony"), Intent("Mood", "calm"))


LOCAL = sorted(set(registry.names("promptlet.engines")) - {"vllm"})
"""Engines that compute in this process, with threads of their own."""


def opened(name: str, folder: Path, threads: int) -> Engine:
    """Return an engine, with so many threads if they are its own."""
    engine: Engine = registry.load("promptlet.engines", name).ENGINE.open(
        load_student(folder), threads if name in LOCAL else None
    )
    return engine


@pytest.fixture(scope="module", params=registry.names("promptlet.engines"))
def engine(request: pytest.FixtureRequest, student_folder: Path) -> Engine:
    found = opened(request.param, student_folder, 2)
    assert found.name == request.param
    return found


def decoding(
    folder: Path,
    words: int,
    seed: int,
    exact: bool = True,
    temperature: float = 0.8,
    placed: Sequence[Placed] = (),
    forbidden: tuple[int, ...] = (),
) -> Decoding:
    student = load_student(folder)
    command = student.commands["words"]
    head = student.codec.head(INTENTS, "t2i", with_defaults(student.commands, {"words": words}))
    grammar = command.grammar(words if exact else None, placed) if exact or placed else None
    room = student.description.context - len(head)
    return Decoding(tuple(head), room, seed, Sampling(temperature=temperature), grammar, forbidden)


def test_every_count_is_exact(engine: Engine, student_folder: Path) -> None:
    command = load_student(student_folder).commands["words"]
    wanted = list(range(5, 41))
    written = engine.decode([decoding(student_folder, words, seed=words) for words in wanted])
    for words, decoded in zip(wanted, written, strict=True):
        assert command.measure(Sample(INTENTS, "t2i", decoded.text)) == words, decoded.text
        assert decoded.finished
        assert len(decoded.ids) == len(decoded.logprobs) > words
        assert max(decoded.logprobs) <= 0


@pytest.mark.parametrize("exact", [True, False])
def test_placed_texts_stand_in_their_order(engine: Engine, student_folder: Path, exact: bool) -> None:
    placed = [Placed("neon sign", 3, loose=True), Placed('Zyxla "the" \\ fox', 7)]
    for decoded in engine.decode([decoding(student_folder, 14, seed, exact, placed=placed) for seed in range(4)]):
        words = decoded.text.split()
        first, second = (decoded.text.replace("Neon", "neon").index(each.text) for each in placed)
        assert first < second
        assert len(decoded.text[:first].split()) <= 3
        assert len(decoded.text[:second].split()) <= 7
        assert not exact or len(words) == 14


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("placed", [[], [Placed("neon sign", 9)]])
@pytest.mark.parametrize("words", [3, 12])
def test_a_text_that_was_begun_is_ended(
    engine: Engine, student_folder: Path, exact: bool, placed: list[Placed], words: int
) -> None:
    if placed and words == 3:
        return
    student, begun = load_student(student_folder), "Birthday with balloons"
    plain = decoding(student_folder, words, seed=1)
    grammar = student.commands["words"].grammar(words if exact else None, placed, len(begun.split()))
    ids = student.codec.ids(begun)
    written = engine.decode([replace(plain, head=(*plain.head, *ids), grammar=grammar, max_tokens=60)])[0]
    text = student.codec.decode([*ids, *written.ids])
    assert text.startswith(begun)
    assert re.fullmatch(r"[,.;:!?]?", text[len(begun) :].partition(" ")[0])
    assert not exact or len(text.split()) == words
    assert all(each.text in text for each in placed)


def test_a_text_may_be_begun_behind_the_longest_head(engine: Engine, student_folder: Path) -> None:
    student, plain = load_student(student_folder), decoding(student_folder, 12, seed=1)
    ids = student.codec.ids("Birthday with balloons")
    filled = (plain.head * student.description.longest_head)[-student.description.longest_head :]
    head, grammar = (*filled, *ids), student.commands["words"].grammar(12, [], 3)
    begun = replace(plain, head=head, grammar=grammar, max_tokens=student.description.context - len(head))
    alone, other = engine.decode([begun])[0], engine.decode([plain])[0]
    assert len(student.codec.decode([*ids, *alone.ids]).split()) == 12
    assert engine.decode([plain, begun, plain]) == [other, alone, other]


def test_what_must_never_be_written_is_not(engine: Engine, student_folder: Path) -> None:
    plain = engine.decode([decoding(student_folder, 12, seed=seed, temperature=0) for seed in range(2)])
    never = plain[0].ids[:3]
    other = engine.decode([decoding(student_folder, 12, seed=1, temperature=0, forbidden=never)])[0]
    assert not set(never) & set(other.ids)


def test_the_same_decoding_gives_the_same_text_whatever_came_before(engine: Engine, student_folder: Path) -> None:
    wanted = decoding(student_folder, 12, seed=7)
    alone = engine.decode([wanted])[0]
    others = [decoding(student_folder, words, seed=words) for words in (5, 20, 33)]
    among = engine.decode([*others, wanted, *others])[3]
    assert alone.text == among.text
    assert engine.decode([decoding(student_folder, 12, seed=8)])[0].text != alone.text


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("a lens at f/1.8 in 16:9", True),
        ("the wind-up well-lit bride's Zürich café", True),
        ("a train at 10:30 for 1.50", True),
        ("a dark room.m.m.m in grey", False),
        ("a handwritten.5.5.5 note in grey", False),
        ("a short.5s note in grey", False),
        ("a dark room - in grey", False),
        ("a dark room in grey,", False),
    ],
)
def test_what_counts_as_a_word_in_the_grammar(text: str, allowed: bool) -> None:
    codec = load_student(default_student()).codec
    grammar = load_student(default_student()).commands["words"].grammar(len(text.split()))
    matcher = Constraints(codec).matcher(grammar)
    ids = codec.tokenizer.encode(f" {text}").ids
    assert (matcher.try_consume_tokens(ids) == len(ids) and matcher.is_accepting()) == allowed


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
@pytest.mark.parametrize("name", ["llamacpp", "openvino"])
def test_company_changes_no_bit(name: str, student_folder: Path, tmp_path: Path, quantization: str) -> None:
    folder = tmp_path / "student"
    shutil.copytree(student_folder, folder)
    write_gguf(folder, folder / "tokenizer.json", folder / GGUF, quantization)
    description = load_student(student_folder).description
    written = description.model_copy(update={"quantization": quantization})
    write_description(folder, written, description.digests)
    company_changes_nothing(name, folder)


@pytest.mark.parametrize("name", ["llamacpp", "openvino"])
def test_company_changes_no_bit_of_what_the_shipped_student_writes(name: str) -> None:
    company_changes_nothing(name, default_student())


def company_changes_nothing(name: str, folder: Path) -> None:
    wanted = [decoding(folder, words, seed=words, exact=bool(words % 3)) for words in range(5, 25)]
    lonely = opened(name, folder, 1)
    alone = [lonely.decode([each])[0] for each in wanted]
    assert opened(name, folder, 2).decode(wanted) == alone


def test_free_text_holds_no_control_token_and_stops(engine: Engine, student_folder: Path) -> None:
    free = [decoding(student_folder, 20, seed=seed, exact=False, temperature=2.0) for seed in range(10)]
    for decoded in engine.decode(free):
        assert "<|" not in decoded.text or "|>" not in decoded.text
        assert len(decoded.ids) <= free[0].max_tokens
        assert decoded.finished == (decoded.ids[-1] == load_student(student_folder).codec.end_id)


@pytest.mark.parametrize("exact", [True, False])
def test_all_engines_write_the_same_greedy_text(student_folder: Path, exact: bool) -> None:
    wanted = [decoding(student_folder, words, 1, exact, temperature=0) for words in (8, 14, 20, 33)]
    written = {name: opened(name, student_folder, 1).decode(wanted) for name in registry.names("promptlet.engines")}
    assert len(written) >= 3
    for name, each in written.items():
        for decoded, reference in zip(each, written["torch"], strict=True):
            assert (name, decoded.text, decoded.ids) == (name, reference.text, reference.ids)
            # What the student gave to the tokens, whatever a grammar allowed; llama.cpp has weights of 16 bits.
            assert decoded.logprobs == pytest.approx(reference.logprobs, abs=0.05), name


@pytest.mark.parametrize("temperature", [0.009, 1e-38, 5e-324])
def test_next_to_no_temperature_is_none(engine: Engine, student_folder: Path, temperature: float) -> None:
    cold, greedy = (decoding(student_folder, 12, seed=3, temperature=each) for each in (temperature, 0))
    assert cold == greedy
    assert Request.of({"intents": "a fox", "temperature": temperature}).greedy
    assert not Request.of({"intents": "a fox", "temperature": 0.01}).greedy
    coldest = decoding(student_folder, 12, seed=3, temperature=0.01)
    assert [each.finished for each in engine.decode([cold, coldest])] == [True, True]


def test_an_engine_s_threads_are_its_own(student_folder: Path) -> None:
    """A training run in the same process would otherwise give other bits before and after."""
    before = torch.get_num_threads()
    for name in LOCAL:
        engine = opened(name, student_folder, before + 1)
        assert engine.decode([decoding(student_folder, 8, 1, True)])[0].text
        assert torch.get_num_threads() == before, name


def damaged(source: Path, folder: Path, name: str, damage: str = "flipped") -> Path:
    """Return a copy of a student's folder with one file damaged."""
    shutil.copytree(source, folder)
    content = bytearray((folder / name).read_bytes())
    if damage == "missing":
        (folder / name).unlink()
        return folder
    if damage == "flipped":
        content[len(content) // 2] ^= 0x01
    (folder / name).write_bytes({"truncated": content[:-1], "flipped": content, "replaced": b"pickle?"}[damage])
    return folder


@pytest.mark.parametrize("damage", ["truncated", "flipped", "replaced", "missing"])
@pytest.mark.parametrize(
    ("name", "engine"),
    [
        ("model.gguf", "llamacpp"),
        ("model.gguf", "openvino"),
        ("model.safetensors", "torch"),
        *(
            (name, engine)
            for name in ("tokenizer.json", "words.txt", "config.json")
            for engine in ("llamacpp", "torch")
        ),
    ],
)
def test_a_damaged_file_is_refused_by_who_opens_it(
    name: str, engine: str, damage: str, student_folder: Path, tmp_path: Path
) -> None:
    folder = damaged(student_folder, tmp_path / "student", name, damage)
    with pytest.raises(StudentError, match=re.escape(name)):
        Generator.load(folder, engine)


@pytest.mark.parametrize("engine", LOCAL)
def test_a_tokenizer_of_another_model_is_refused(engine: str, student_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "student"
    shutil.copytree(student_folder, folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["surplus"] = len(tokenizer["model"]["vocab"])
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    description = load_student(student_folder).description
    write_description(folder, description, description.digests)
    with pytest.raises(StudentError, match=r"tokenizer\.json has \d+ tokens, and the model knows"):
        Generator.load(folder, engine)


@pytest.mark.parametrize(("name", "engine"), [("model.gguf", "torch"), ("model.safetensors", "llamacpp")])
def test_weights_that_an_engine_does_not_open_are_not_read(
    name: str, engine: str, student_folder: Path, tmp_path: Path
) -> None:
    folder = damaged(student_folder, tmp_path / "student", name)
    assert Generator.load(folder, engine).generate("a cat", seed=1, candidates=1, exact=False)


def test_training_does_not_go_on_from_damaged_weights(student_folder: Path, tmp_path: Path) -> None:
    folder = damaged(student_folder, tmp_path / "student", "model.safetensors")
    with pytest.raises(StudentError, match="damaged"):
        check_commands(folder, load_student(student_folder).commands)


def test_the_reference_engine_says_what_it_lacks() -> None:
    with pytest.raises(StudentError, match=r"no model\.safetensors.*llamacpp"):
        Generator.load(default_student(), engine="torch")


def test_what_can_be_stopped_is_the_same_text(engine: Engine, student_folder: Path) -> None:
    """Free texts at a high temperature: their characters are often made of several tokens."""
    for exact, temperature in ((True, 0.8), (False, 2.0)):
        wanted = [decoding(student_folder, 20, seed, exact, temperature) for seed in range(6)]
        assert engine.decode(wanted, Event()) == engine.decode(wanted)
        assert engine.decode(wanted[:1], Event()) == engine.decode(wanted)[:1]


def test_decoding_stops_at_the_next_token(engine: Engine, student_folder: Path) -> None:
    """A stop that says yes when it is asked for the third time is asked no fourth time, and the engine goes on."""

    class Third(Event):
        asked = 0

        def is_set(self) -> bool:
            self.asked += 1
            return self.asked >= 4

    stop = Third()
    with pytest.raises(StoppedError):
        engine.decode([decoding(student_folder, 40, 1)], stop)
    assert stop.asked <= 5
    assert engine.decode([decoding(student_folder, 12, 1)])[0].finished


def test_threads_write_side_by_side_what_each_writes_alone(engine: Engine, student_folder: Path) -> None:
    wanted = [decoding(student_folder, 12, seed) for seed in range(8)]
    alone = [engine.decode([each])[0] for each in wanted]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda each: engine.decode([each], Event())[0], wanted)) == alone


def test_a_bias_makes_tokens_likely_or_impossible(engine: Engine, student_folder: Path) -> None:
    plain = engine.decode([decoding(student_folder, 12, seed=1, temperature=0)])[0]
    never = replace(decoding(student_folder, 12, seed=1, temperature=0), bias=((plain.ids[0], -100.0),))
    assert engine.decode([never])[0].ids[0] != plain.ids[0]
    other = next(index for index in plain.ids if index != plain.ids[0])
    always = replace(decoding(student_folder, 12, seed=1, temperature=0), bias=((other, 100.0),))
    assert engine.decode([always])[0].ids[0] == other
