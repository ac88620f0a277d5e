"""The contract of every teacher in the folder, each asked for real: SmolLM2 in llama.cpp, and over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import xllamacpp

from promptlet import registry
from promptlet.curation.checks import Examined, clean
from promptlet.errors import TeacherError
from promptlet.io.gguf import widen
from promptlet.pretrained import packaged_model
from promptlet.prompting import chat_messages, choose_exemplars
from promptlet.tasks import load_task
from promptlet.teachers.base import Answer, Teacher, TeacherRequest
from promptlet.teachers.embedded import Embedded, EmbeddedConfig
from promptlet.teachers.openai_compatible import OpenAICompatible, OpenAICompatibleConfig
from promptlet.teachers.transformers import Transformers, TransformersConfig
from promptlet.teachers.vllm import VLLM, VLLMConfig
from promptlet.types import Intent, Sample
from promptlet.vocabulary import load_policy

WISHES = [
    (Intent("Topic", topic), Intent("Style", style))
    for topic, style in [("lighthouse", "watercolor"), ("tea ceremony", "ink drawing"), ("red fox", "oil painting")]
]


def request(index: int, task: str = "t2i", words: int = 16) -> TeacherRequest:
    chosen = load_task(task)
    intents = WISHES[index % len(WISHES)]
    chat = chat_messages(chosen, choose_exemplars(chosen, intents, words, 3, "shared", 0, index), intents, words)
    return TeacherRequest(chat, max_tokens=60, temperature=0.6, top_p=1.0, seed=index)


@pytest.fixture(scope="module")
def llama_server() -> Iterator[str]:
    """Yield the root of OpenAI's API on a llama.cpp server with SmolLM2; the server lives until the generator ends."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(packaged_model(TeacherError))
    parameters.model_alias = {"smollm2"}
    parameters.n_parallel, parameters.n_ctx, parameters.verbosity = 2, 2048, -1
    server = xllamacpp.Server(parameters)
    server.handle_completions({"prompt": "x", "max_tokens": 1})
    yield f"{server.listening_address}/v1"
    del server


@pytest.fixture(scope="module")
def settings(llama_server: str) -> dict[str, dict[str, Any]]:
    """How each teacher in the folder is opened here; a new one adds its line."""
    return {
        "embedded": {"slots": 4},
        "fake": {"accidents": 0},
        "openai_compatible": {"base_url": llama_server, "model": "smollm2", "concurrency": 2},
        "transformers": {"batch": 8},
    }


@pytest.fixture(scope="module", params=registry.names("promptlet.teachers"))
def teacher(request: pytest.FixtureRequest, settings: dict[str, dict[str, Any]]) -> Iterator[Teacher]:
    """Each teacher in the folder, ready to answer."""
    if request.param == "vllm":
        pytest.skip("needs a GPU")
    kind: type[Teacher] = registry.load("promptlet.teachers", request.param).TEACHER
    with kind.open(kind.Config(**settings[request.param])) as opened:
        yield opened


def test_the_same_seed_gives_the_same_answer_and_another_one_another(teacher: Teacher) -> None:
    def answers(*seeds: int) -> list[str]:
        asked = replace(request(0), temperature=1.0, max_tokens=12)
        return [teacher.complete(replace(asked, seed=seed)).text for seed in seeds]

    answers(6)  # llama.cpp rounds otherwise while it reads what the slot does not hold yet
    first = answers(7, 8, 9)
    assert len(set(first)) > 1
    assert answers(8, 7) == [first[1], first[0]]


def test_no_answer_is_longer_than_allowed_and_one_that_was_cut_off_says_so(teacher: Teacher) -> None:
    for most in (1, 6):
        cut = teacher.complete(replace(request(0), max_tokens=most))
        assert not cut.finished
        assert cut.completion_tokens == most
    answers = [teacher.complete(replace(request(index), max_tokens=60)) for index in range(3)]
    assert any(answer.finished for answer in answers)
    for answer in answers:
        assert answer.completion_tokens <= 60
        assert answer.finished or answer.completion_tokens == 60


def test_every_teacher_answers_eight_requests(teacher: Teacher) -> None:
    assert teacher.identity
    answers = _ask_for_eight(teacher)
    assert all(answer.text.strip() for answer in answers)
    assert all(answer.prompt_tokens > 0 and answer.completion_tokens > 0 for answer in answers)
    assert len({answer.text for answer in answers}) >= 3
    samples = [Sample(WISHES[n % 3], "t2i", clean(answer.text)) for n, answer in enumerate(answers)]
    kept = [sample for sample in samples if not Examined.of(sample, load_policy()).objection()]
    assert len(kept) >= 2, samples


def _ask_for_eight(teacher: Teacher) -> list[Answer]:
    """Return the answers to eight requests, handed over in runs as the stage does."""
    runs = [range(start, min(start + teacher.batch, 8)) for start in range(0, 8, teacher.batch)]

    def ask(run: range) -> dict[int, Answer | TeacherError]:
        return {run[place]: answer for place, answer in teacher.complete_all([request(index) for index in run])}

    with ThreadPoolExecutor(teacher.concurrency) as pool:
        found = {index: answer for part in pool.map(ask, runs) for index, answer in part.items()}
    return [answer for _, answer in sorted(found.items()) if isinstance(answer, Answer)]


def test_a_widened_teacher_has_the_values_and_settings_of_the_packaged_one(tmp_path: Path) -> None:
    rng, four = np.random.default_rng(1), gguf.GGMLQuantizationType.Q4_1
    weights = {"blk.0.attn_q.weight": rng.normal(size=(64, 96)), "token_embd.weight": rng.normal(size=(8, 96))}
    writer = gguf.GGUFWriter(tmp_path / "four.gguf", "llama")
    writer.add_token_list(["a", "b"])
    writer.add_file_type(3)
    for name, values in weights.items():
        writer.add_tensor(name, gguf.quants.quantize(values.astype(np.float32), four), raw_dtype=four)
    writer.add_tensor("output_norm.weight", rng.normal(size=96).astype(np.float32))
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    old = gguf.GGUFReader(tmp_path / "four.gguf")
    new = gguf.GGUFReader(widen(tmp_path / "four.gguf", tmp_path / "wide.gguf"))
    assert [tensor.name for tensor in old.tensors] == [tensor.name for tensor in new.tensors]
    for before, after in zip(old.tensors, new.tensors, strict=True):
        one, other = (gguf.quants.dequantize(tensor.data, tensor.tensor_type) for tensor in (before, after))
        assert np.abs(one - other).max() <= np.abs(one).max() / 250, before.name
    assert new.fields["tokenizer.ggml.tokens"].contents() == ["a", "b"]
    assert (old.fields["general.file_type"].contents(), new.fields["general.file_type"].contents()) == (3, 7)


def test_an_endpoint_that_is_not_there_is_named() -> None:
    config = OpenAICompatibleConfig(base_url="http://127.0.0.1:9/v1", model="m", retries=0)
    with pytest.raises(TeacherError, match=r"127\.0\.0\.1:9.*can't be reached"):
        OpenAICompatible.open(config)


def test_a_model_that_is_not_served_is_named_with_those_that_are(llama_server: str) -> None:
    with pytest.raises(TeacherError, match=r"'gpt-0'.*smollm2"):
        OpenAICompatible.open(OpenAICompatibleConfig(base_url=llama_server, model="gpt-0"))


def test_a_missing_teacher_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match=r"nowhere\.gguf"):
        Embedded.open(EmbeddedConfig(model=str(tmp_path / "nowhere.gguf")))
    with pytest.raises(TeacherError, match=r"nowhere.*safetensors"):
        VLLM.open(VLLMConfig(model=str(tmp_path / "nowhere")))


def test_a_device_that_there_is_not_is_named() -> None:
    with pytest.raises(TeacherError, match="can't be put on the device 'gpu'"):
        Transformers.open(TransformersConfig(device="gpu"))


def test_a_vllm_teacher_is_known_by_all_of_its_files(tmp_path: Path) -> None:
    shards = {"a": "1.safetensors", "b": "2.safetensors"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    for shard in shards.values():
        (tmp_path / shard).write_text("x")
    found = [VLLM.open(VLLMConfig(model=str(tmp_path))).identity]
    for file, content in (("2.safetensors", "other"), ("config.json", '{"a": 1}')):
        (tmp_path / file).write_text(content)
        found.append(VLLM.open(VLLMConfig(model=str(tmp_path))).identity)
    assert len(set(found)) == 3


def test_a_llama_cpp_server_answers_in_json(llama_server: str) -> None:
    config = OpenAICompatibleConfig(base_url=llama_server, model="smollm2", answers="json")
    with OpenAICompatible.open(config) as teacher:
        answers = [teacher.complete(request(index)) for index in range(6)]
    # So small a model now and then goes on until it is cut off, and then it is no JSON.
    finished = [answer.text for answer in answers if answer.finished]
    assert len(finished) >= 2
    assert all(len(text.split()) >= 3 and "{" not in text for text in finished)
