"""The contract of every engine in the folder: exact, reproducible, free of controls."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptlet import registry
from promptlet.commands import with_defaults
from promptlet.engines.base import Decoding, Engine, Sampling
from promptlet.errors import StudentError
from promptlet.generator import Generator
from promptlet.student.format import load_student
from promptlet.types import Intent, Sample

INTENTS = (Intent("Topic", "tea ceremony"), Intent("Mood", "calm"))


@pytest.fixture(scope="module", params=registry.names("promptlet.engines"))
def engine(request: pytest.FixtureRequest, student_folder: Path) -> Engine:
    opened: Engine = registry.load("promptlet.engines", request.param).ENGINE.open(load_student(student_folder), 2)
    assert opened.name == request.param
    return opened


def decoding(folder: Path, words: int, seed: int, exact: bool = True, temperature: float = 0.8) -> Decoding:
    student = load_student(folder)
    command = student.commands["words"]
    head = student.codec.head(INTENTS, "t2i", with_defaults(student.commands, {"words": words}))
    grammar = command.grammar(words) if exact else None
    return Decoding(
        tuple(head), student.description.context - len(head), seed, Sampling(temperature=temperature), grammar
    )


def test_every_count_is_exact(engine: Engine, student_folder: Path) -> None:
    command = load_student(student_folder).commands["words"]
    for words in range(5, 41):
        decoded = engine.decode([decoding(student_folder, words, seed=words)])[0]
        assert command.measure(Sample(INTENTS, "t2i", decoded.text)) == words, decoded.text
        assert decoded.finished
        assert decoded.tokens >= words


def test_the_same_decoding_gives_the_same_text_whatever_came_before(engine: Engine, student_folder: Path) -> None:
    wanted = decoding(student_folder, 12, seed=7)
    alone = engine.decode([wanted])[0]
    others = [decoding(student_folder, words, seed=words) for words in (5, 20, 33)]
    among = engine.decode([*others, wanted, *others])[3]
    assert alone.text == among.text
    assert engine.decode([decoding(student_folder, 12, seed=8)])[0].text != alone.text


def test_free_text_holds_no_control_token_and_stops(engine: Engine, student_folder: Path) -> None:
    free = [decoding(student_folder, 20, seed=seed, exact=False, temperature=2.0) for seed in range(10)]
    for decoded in engine.decode(free):
        assert "<|" not in decoded.text or "|>" not in decoded.text
        assert decoded.tokens <= free[0].max_tokens


@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing", "not gguf"])
def test_damaged_weights_are_refused_before_native_code_sees_them(
    damage: str, student_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "student"
    folder.mkdir()
    for file in student_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    weights = folder / "model.gguf"
    content = bytearray(weights.read_bytes())
    if damage == "truncated":
        weights.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[len(content) // 2] ^= 0xFF
        weights.write_bytes(content)
    elif damage == "missing":
        weights.unlink()
    else:
        weights.write_bytes(b"pickle?")
    with pytest.raises(StudentError, match=r"model\.gguf"):
        Generator.load(folder)
