"""A teacher that learns from the exemplars before it is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, LlamaForCausalLM, PreTrainedTokenizerFast

from promptlet.errors import UsageError
from promptlet.io.manifest import Manifest
from promptlet.io.records import read_samples
from promptlet.pipeline import load_recipe, run_recipe
from promptlet.tasks import load_task
from promptlet.tokenizer import train_tokenizer
from tests.models import llama_config
from tests.runs import killed_when, started, write_recipe

CHAT = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}assistant: "
LOOP = {"steps": 12, "batch": 16, "learning_rate": 5e-3, "warmup": 2, "evaluate_every": 6, "checkpoint_every": 6}


@pytest.fixture(scope="module")
def chat_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Llama that knows the exemplars' words, with a chat template."""
    folder = tmp_path_factory.mktemp("chat")
    texts = [exemplar.prompt for exemplar in load_task("t2i").exemplars]
    core = train_tokenizer(texts, 600, ["<|endoftext|>"])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|endoftext|>")
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(folder)
    torch.manual_seed(1)
    LlamaForCausalLM(llama_config(vocab_size=len(tokenizer), tie_word_embeddings=False)).save_pretrained(folder)
    return folder


def recipe_of(folder: Path, tune: dict[str, Any], teacher: dict[str, Any]) -> Path:
    synthesize = {"teacher": teacher, "shots": 0, "prompts_per_intents": 1}
    return write_recipe(folder, {"name": "x", "intents": {"count": 12}, "tune": tune, "synthesize": synthesize})


def test_a_tuned_teacher_is_the_one_that_is_asked(tmp_path: Path, chat_model: Path) -> None:
    teacher = {"name": "transformers", "plain": False}
    recipe = load_recipe(recipe_of(tmp_path, {"model": str(chat_model), "loop": LOOP}, teacher))
    done = run_recipe(recipe, tmp_path / "run", "synthesize")
    losses = [
        metrics["validation_loss"]
        for metrics in map(json.loads, (done["tune"] / "metrics.jsonl").read_text().splitlines())
        if "validation_loss" in metrics
    ]
    assert losses[1] < losses[0]
    assert AutoTokenizer.from_pretrained(done["tune"] / "model").chat_template == CHAT
    asked = Manifest.read(done["synthesize"])
    assert asked is not None
    assert asked.counts["teacher"].startswith(f"{chat_model.name}, tuned on exemplars: model:")
    assert asked.counts["requests"] == sum(
        sample.split in ("train", "validation") for sample in read_samples(done["intents"])
    )


def test_without_a_model_to_tune_the_teacher_stays_as_it_is(tmp_path: Path) -> None:
    done = run_recipe(load_recipe(recipe_of(tmp_path, {}, {"name": "fake"})), tmp_path / "run", "synthesize")
    assert not (done["tune"] / "model").exists()
    assert list(read_samples(done["synthesize"]))


@pytest.mark.parametrize(
    ("teacher", "message"),
    [({"name": "fake"}, "'fake' can't be tuned"), ({"name": "transformers", "model": "mine"}, "exclude each other")],
)
def test_a_teacher_that_can_not_be_the_tuned_one_is_refused(
    tmp_path: Path, chat_model: Path, teacher: dict[str, Any], message: str
) -> None:
    loop = LOOP | {"steps": 1, "warmup": 0}
    recipe = load_recipe(recipe_of(tmp_path, {"model": str(chat_model), "loop": loop}, teacher))
    with pytest.raises(UsageError, match=message):
        run_recipe(recipe, tmp_path / "run", "synthesize")


def test_a_model_without_a_chat_template_is_refused(tmp_path: Path, chat_model: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    for file in chat_model.iterdir():
        if file.name != "chat_template.jinja":
            (folder / file.name).write_bytes(file.read_bytes())
    recipe = load_recipe(recipe_of(tmp_path, {"model": str(folder)}, {"name": "transformers"}))
    with pytest.raises(UsageError, match="no chat model"):
        run_recipe(recipe, tmp_path / "run", "synthesize")


@pytest.mark.long
def test_a_killed_tuning_goes_on_to_the_same_model(tmp_path: Path, chat_model: Path) -> None:
    loop = LOOP | {"steps": 20, "evaluate_every": 10, "checkpoint_every": 4}
    path, run = recipe_of(tmp_path, {"model": str(chat_model), "loop": loop}, {"name": "fake"}), tmp_path / "run"
    killed_when(started("run", path, "--folder", run, "--until", "tune"), run, "tune-*/metrics.jsonl", 6)
    (log,) = run.glob("tune-*/metrics.jsonl")
    assert log.read_bytes().count(b"\n") < 20
    resumed, whole = (run_recipe(load_recipe(path), folder, "tune")["tune"] for folder in (run, tmp_path / "whole"))
    assert resumed == log.parent
    for name in ("metrics.jsonl", "model/model.safetensors", "model/tokenizer.json"):
        assert (resumed / name).read_bytes() == (whole / name).read_bytes(), name
