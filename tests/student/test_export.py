"""The exported student: transformers and llama.cpp read the same model from it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from promptlet.commands import with_defaults
from promptlet.engines.base import Decoding, Sampling
from promptlet.engines.llamacpp import LlamaCpp
from promptlet.errors import StudentError, UsageError
from promptlet.generation import Generator
from promptlet.student.format import GGUF, load_student, write_description
from promptlet.student.gguf import write_gguf
from promptlet.types import Intent

HEADS = [
    ((Intent("Topic", "tea ceremony"), Intent("Mood", "calm")), "t2i", 12),
    ((Intent("Topic", "potluck dinner"), Intent("Design type", "flyer")), "t2t", 20),
]


def test_llama_cpp_and_transformers_write_the_same_greedy_text(student_folder: Path) -> None:
    student = load_student(student_folder)
    model = AutoModelForCausalLM.from_pretrained(student_folder).eval()
    engine = LlamaCpp.open(student, 2)
    for intents, task, words in HEADS:
        head = student.codec.head(intents, task, with_defaults(student.commands, {"words": words}))
        out = model.generate(torch.tensor([head]), max_new_tokens=24, do_sample=False, pad_token_id=0)
        expected = student.codec.decode(out[0, len(head) :].tolist())
        greedy = Sampling(temperature=0.0, top_p=1.0, min_p=0.0)
        decoded = engine.decode([Decoding(tuple(head), 24, 1, greedy, None)])[0]
        assert decoded.text == expected


def test_transformers_reads_the_tokenizer_as_it_is(student_folder: Path) -> None:
    student = load_student(student_folder)
    tokenizer = AutoTokenizer.from_pretrained(student_folder)
    text = "<|19|><|relevance=4|><|intent|> Topic: birthday<|IP|> whimsical balloons"
    ids = tokenizer(text)["input_ids"]
    controls = ["<|19|>", "<|relevance=4|>", "<|intent|>"]
    assert ids[:3] == tokenizer.convert_tokens_to_ids(controls)
    assert ids[: ids.index(tokenizer.convert_tokens_to_ids("<|IP|>")) + 1] == student.codec.head(
        (Intent("Topic", "birthday"),), "t2i", with_defaults(student.commands, {"words": 19})
    )
    assert tokenizer.eos_token == "<|endoftext|>"


@pytest.mark.parametrize("quantization", ["Q8_0", "Q4_0"])
def test_smaller_precisions_write_the_words_asked_for(student_folder: Path, tmp_path: Path, quantization: str) -> None:
    student = load_student(shutil.copytree(student_folder, tmp_path / "student"))
    whole = (student.folder / GGUF).stat().st_size
    write_gguf(student.folder, student.folder / "tokenizer.json", student.folder / GGUF, quantization)
    assert (student.folder / GGUF).stat().st_size < whole
    write_description(
        student.folder,
        student.description.model_copy(update={"quantization": quantization}),
        student.description.digests,
    )
    (prompt,) = Generator.load(student.folder).generate("a cat", words=9, seed=1, candidates=1)
    assert prompt.words == 9


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "mamba"}')
    with pytest.raises(StudentError, match="mamba"):
        write_gguf(tmp_path, tmp_path / "tokenizer.json", tmp_path / "model.gguf", "F16")


@pytest.mark.parametrize(
    ("setting", "value", "allowed"),
    [
        ("activation_function", "relu", "gelu_new or gelu_pytorch_tanh"),
        ("scale_attn_by_inverse_layer_idx", True, "False"),
        ("scale_attn_weights", False, "True"),
    ],
)
def test_what_llama_cpp_would_compute_otherwise_is_refused(
    student_folder: Path, tmp_path: Path, setting: str, value: Any, allowed: str
) -> None:
    config = json.loads((student_folder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {setting: value}))
    with pytest.raises(UsageError, match=f"{setting} is {value}, .*; {allowed} is allowed"):
        write_gguf(tmp_path, student_folder / "tokenizer.json", tmp_path / "model.gguf", "F16")
    assert not (tmp_path / "model.gguf").exists()
