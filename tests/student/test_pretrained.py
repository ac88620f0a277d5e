"""Starting from other models: a Llama that was trained before, SmolLM2, a student, and configurations by path."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.conftest import SMOKE
from tests.models import llama_config
from transformers import AutoModelForCausalLM, GPT2Config, LlamaForCausalLM, PreTrainedTokenizerFast

from promptlet.engines.base import Decoding, Sampling
from promptlet.engines.llamacpp import LlamaCpp
from promptlet.errors import StudentError, UsageError
from promptlet.llama_server import ask, start_server
from promptlet.pipeline import load_recipe, run_recipe
from promptlet.pretrained import (
    load_pretrained,
    locate_model,
    model_digest,
    packaged_model,
    pretrained_tokenizer,
    read_gguf,
)
from promptlet.stages.base import CommonConfig, Context
from promptlet.stages.train import TrainConfig, TrainStage
from promptlet.student.format import load_student
from promptlet.student.gguf import write_gguf
from promptlet.student.model import load_model, make_like
from promptlet.tokenizer import extend_tokenizer, train_tokenizer
from promptlet.types import Intent

CONTROLS = ["<|endoftext|>", "<|intent|>", "<|IP|>", "<|19|>", "<|20|>"]
TEXTS = ["19 paper lanterns above a quiet river at night", "20 lanterns", "a river in the morning"] * 5


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Llama with a tokenizer of its own and weights large enough that its logits differ."""
    folder = tmp_path_factory.mktemp("llama")
    tokenizer = train_tokenizer(TEXTS, 300, ["<|endoftext|>"])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>").save_pretrained(folder)
    torch.manual_seed(1)
    config = llama_config(vocab_size=tokenizer.get_vocab_size(), tie_word_embeddings=False)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def extended(path: Path) -> Any:
    return extend_tokenizer(pretrained_tokenizer(path, UsageError), CONTROLS)


def log_chances(weights: Path, ids: list[int], written: int, most: int) -> dict[int, float]:
    """Return what llama.cpp holds for the likeliest next tokens.

    The bias makes it write one token that is text of its own; without text it tells nothing. What it tells is unbiased.
    """
    server = start_server(weights, 1, 128, 1)
    body = {"prompt": ids, "max_tokens": 1, "temperature": 0.0, "logprobs": most, "logit_bias": [[written, 1000.0]]}
    reply = ask(server.handle_completions, body, StudentError)
    return {token["id"]: token["logprob"] for token in reply["choices"][0]["logprobs"]["content"][0]["top_logprobs"]}


def furthest(model: Any, tokenizer: Any, folder: Path, quantization: str) -> float:
    """Export a model; return the largest difference between its log-chances in torch and in llama.cpp."""
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    write_gguf(folder, folder / "tokenizer.json", folder / "model.gguf", quantization)
    # Long enough that a wrong order of a head's halves, or a wrong rotation, shows.
    ids = [tokenizer.token_to_id("<|19|>"), *tokenizer.encode("paper lanterns above a quiet river at night").ids]
    with torch.no_grad():
        expected = model.eval()(torch.tensor([ids])).logits[0, -1].log_softmax(0)
    found = log_chances(folder / "model.gguf", ids, tokenizer.token_to_id("a"), 20)
    assert len(found) == 20
    return max(abs(value - float(expected[token])) for token, value in found.items())


def test_new_tokens_start_as_what_their_names_are_written_with(llama: Path) -> None:
    before = AutoModelForCausalLM.from_pretrained(llama)
    tokenizer = extended(llama)
    model = load_model(llama, tokenizer, 128, tokenizer.token_to_id("<|endoftext|>"))
    old, new = before.get_input_embeddings().weight, model.get_input_embeddings().weight
    assert new.shape[0] == old.shape[0] + len(CONTROLS) - 1
    assert torch.equal(new[: old.shape[0]], old)
    pieces = pretrained_tokenizer(llama, UsageError).encode("19").ids
    for table, source in ((new, old), (model.lm_head.weight, before.lm_head.weight)):
        assert torch.allclose(table[tokenizer.token_to_id("<|19|>")], source[pieces].mean(0))
    assert model.config.eos_token_id == tokenizer.token_to_id("<|endoftext|>")


def test_other_tokens_than_the_model_s_are_refused(llama: Path) -> None:
    with pytest.raises(UsageError, match=r"other tokens.*tokenize\.pretrained"):
        load_model(llama, train_tokenizer(TEXTS, 280, CONTROLS), 128, 0)


def test_a_context_beyond_the_model_s_is_refused(llama: Path) -> None:
    with pytest.raises(UsageError, match=r"context is 1024.*allows 512"):
        load_model(llama, extended(llama), 1024, 0)


@pytest.mark.parametrize("tied", [True, False])
def test_llama_cpp_computes_what_torch_computes(llama: Path, tmp_path: Path, tied: bool) -> None:
    tokenizer = extended(llama)
    torch.manual_seed(2)
    model = LlamaForCausalLM(llama_config(vocab_size=tokenizer.get_vocab_size(), tie_word_embeddings=tied))
    model.config.eos_token_id = 0
    assert furthest(model, tokenizer, tmp_path, "F16") < 0.03


@pytest.mark.parametrize("quantization", ["Q8_0", "Q4_0"])
def test_a_width_that_does_not_suit_the_precision_is_refused(llama: Path, tmp_path: Path, quantization: str) -> None:
    LlamaForCausalLM(llama_config(hidden_size=72, vocab_size=300)).save_pretrained(tmp_path)
    with pytest.raises(UsageError, match=f"{quantization}.*72 wide allows F16"):
        write_gguf(tmp_path, llama / "tokenizer.json", tmp_path / "model.gguf", quantization)


def test_a_pretrained_model_becomes_a_student_that_writes(llama: Path, smoke: dict[str, Path], tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    text = SMOKE.read_text().replace("size: 1024", f"pretrained: {llama}").replace("steps: 60", "steps: 6")
    text = text.replace("preset: tiny", f"pretrained: {llama}\n  context: 400")
    recipe.write_text(text)
    done = run_recipe(load_recipe(recipe), smoke["train"].parent, "export")
    assert done["curate"] == smoke["curate"]
    student = load_student(done["export"] / "student")
    model = AutoModelForCausalLM.from_pretrained(student.folder).eval()
    assert model.config.model_type == "llama"
    values = {name: command.default() for name, command in student.commands.items()} | {"words": 19}
    head = student.codec.head((Intent("Topic", "river"),), "t2i", values)
    out = model.generate(torch.tensor([head]), max_new_tokens=12, do_sample=False, pad_token_id=0)
    greedy = Sampling(temperature=0.0, top_p=1.0, min_p=0.0)
    decoded = LlamaCpp.open(student, 1).decode([Decoding(tuple(head), 12, 1, greedy, None)])[0]
    assert decoded.text == student.codec.decode(out[0, len(head) :].tolist())
    # And from that student on: other commands are refused.
    again = text.replace(str(llama), str(student.folder)).replace("high: 40", "high: 36")
    recipe.write_text(again)
    with pytest.raises(UsageError, match=r"tokenize\.commands.*36.*trained with.*40"):
        run_recipe(load_recipe(recipe), smoke["train"].parent, "train")


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_changed_model_is_noticed(llama: Path, tmp_path: Path, file: str) -> None:
    folder = shutil.copytree(llama, tmp_path / "model")
    before = model_digest(folder)
    changed = (folder / file).read_bytes()
    (folder / file).write_bytes(changed.replace(b'"vocab_size":', b'"size":') + b" " * (file != "config.json"))
    assert model_digest(folder) != before


def test_a_changed_shard_is_noticed_and_a_missing_one_named(tmp_path: Path) -> None:
    torch.manual_seed(1)
    LlamaForCausalLM(llama_config(vocab_size=300)).save_pretrained(tmp_path, max_shard_size="100KB")
    shard = sorted(tmp_path.glob("model-*.safetensors"))[-1]
    before = model_digest(tmp_path)
    shard.write_bytes(shard.read_bytes() + b" ")
    assert model_digest(tmp_path) != before
    shard.unlink()
    with pytest.raises(UsageError, match=f"has no {shard.name}"):
        model_digest(tmp_path)


def test_what_llama_cpp_would_compute_otherwise_is_refused_before_training(
    smoke: dict[str, Path], tmp_path: Path
) -> None:
    GPT2Config(n_embd=64, n_layer=2, n_head=2, activation_function="relu").save_pretrained(tmp_path / "relu")
    folder = tmp_path / "train"
    context = Context(folder, {"tokenize": smoke["tokenize"]}, tmp_path, CommonConfig(name="x"))
    with pytest.raises(UsageError, match="activation_function is relu"):
        TrainStage().run(TrainConfig(config=str(tmp_path / "relu")), context)
    assert not folder.exists()


@pytest.fixture(params=["gpt2", "llama"])
def config_folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    sizes = {"gpt2": GPT2Config(n_embd=64, n_layer=2, n_head=2), "llama": llama_config()}
    sizes[request.param].save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.parametrize("index", ['{"weight_map": {}}', '{"weight_map": {"a": 1}}', '{"weight_map": 1}', "{"])
def test_an_index_that_names_no_weights_is_refused(tmp_path: Path, index: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(UsageError, match=r"names no files of weights|has no 1, which") as error:
        model_digest(tmp_path)
    assert "\n" not in str(error.value)


def test_who_wrote_a_model_is_not_what_it_is(llama: Path, tmp_path: Path) -> None:
    shutil.copytree(llama, tmp_path, dirs_exist_ok=True)
    told = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(told | {"transformers_version": "99.0"}))
    assert model_digest(tmp_path) == model_digest(llama)
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(UsageError, match=r"config\.json is no configuration of a model"):
        model_digest(tmp_path)


def test_a_tokenizer_that_needs_another_library_is_one_line(llama: Path, tmp_path: Path) -> None:
    shutil.copytree(llama, tmp_path, dirs_exist_ok=True)
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "CpmTokenizer"}')
    with pytest.raises(UsageError, match="transformers can't load") as error:
        pretrained_tokenizer(tmp_path, UsageError)
    assert "\n" not in str(error.value)


def test_a_gguf_is_unpacked_once_whoever_asks(llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    weights = tmp_path / "model.gguf"
    write_gguf(llama, llama / "tokenizer.json", weights, "F16")
    script = (
        "from pathlib import Path; from transformers import AutoModelForCausalLM as Model\n"
        "from promptlet.errors import UsageError; from promptlet import pretrained\n"
        "unpack = pretrained._unpack\n"
        "def told(path, folder):\n"
        f"    with open({str(tmp_path / 'unpacked')!r}, 'a') as file: file.write('once\\n')\n"
        "    unpack(path, folder)\n"
        "pretrained._unpack = told\n"
        f"pretrained.load_pretrained(Model, Path({str(weights)!r}), UsageError)"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert (tmp_path / "unpacked").read_text() == "once\n"
    assert [path.suffix for path in (tmp_path / "promptlet").iterdir() if path.is_dir()] == [".transformers"]
    monkeypatch.setattr("promptlet.pretrained.read_gguf", None)
    found = load_pretrained(AutoModelForCausalLM, weights, UsageError).state_dict()
    own = AutoModelForCausalLM.from_pretrained(llama).state_dict()
    assert found.keys() == own.keys()
    assert all(torch.allclose(found[name], own[name].float(), atol=1e-3) for name in own)


def test_a_model_is_made_after_any_configuration(config_folder: Path) -> None:
    model = make_like(config_folder, 300, 64, 7)
    assert model.config.vocab_size == model.get_output_embeddings().weight.shape[0] == 300
    assert model.config.max_position_embeddings == 64
    assert model.config.eos_token_id == 7
    loss = model(input_ids=torch.arange(64)[None], labels=torch.arange(64)[None]).loss.item()
    assert math.isfinite(loss)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("config", r"train\.config is .*empty; a folder that holds a config\.json"),
        ("pretrained", r"empty has no model\."),
    ],
)
def test_a_folder_without_the_file_that_is_read_is_named(tmp_path: Path, key: str, said: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=said):
        TrainStage().materials(TrainConfig.model_validate({key: str(tmp_path / "empty")}))


def test_a_file_is_no_folder_to_make_a_model_after(tmp_path: Path) -> None:
    (tmp_path / "some.yaml").write_text("n_layer: 2")
    with pytest.raises(UsageError, match=r"train\.config is .*some\.yaml; a folder"):
        TrainStage().materials(TrainConfig(config=str(tmp_path / "some.yaml")))


def test_a_folder_that_describes_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "typewriter"}')
    with pytest.raises(UsageError, match="no causal language model"):
        make_like(tmp_path, 300, 64, 0)
    with pytest.raises(UsageError, match=r"nowhere.*smollm2"):
        locate_model("nowhere")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"preset": "nano", "pretrained": "x"}, "preset and pretrained exclude each other"),
        ({"config": "x", "pretrained": "x"}, "config and pretrained exclude each other"),
        ({"pretrained": "x", "dropout": 0.1}, "dropout goes with a preset"),
    ],
)
def test_settings_that_exclude_each_other_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TrainConfig.model_validate(settings)


def test_reading_a_gguf_draws_no_bar(llama: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_gguf(llama, llama / "tokenizer.json", tmp_path / "model.gguf", "F16")
    read_gguf(tmp_path / "model.gguf", StudentError)
    assert "%|" not in capfd.readouterr().err


@pytest.mark.long
@pytest.mark.parametrize(("quantization", "tolerance"), [("F16", 0.05), ("Q8_0", 0.5)])
def test_smollm2_with_commands_gives_torch_s_logits_in_llama_cpp(
    tmp_path: Path, quantization: str, tolerance: float
) -> None:
    tokenizer = extended(packaged_model(UsageError))
    model = load_model(packaged_model(UsageError), tokenizer, 128, tokenizer.token_to_id("<|endoftext|>"))
    assert furthest(model, tokenizer, tmp_path, quantization) < tolerance
    assert "quantization_config" not in (tmp_path / "config.json").read_text()
