"""The node in ComfyUI, loaded as ComfyUI loads it: a folder beside modules of its own; and in a running ComfyUI."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.request import Request, urlopen

import pytest

from promptlet.errors import UsageError
from promptlet.generation import Generator
from tests.conftest import ROOT

FOLDER = ROOT / "integrations" / "comfyui"
RUNNING = os.environ.get("PROMPTLET_COMFYUI")
"""The address of a ComfyUI that has the node: `make test-comfyui`."""


class CancelledError(Exception):
    """What ComfyUI raises in a node whose run was cancelled."""


class ProgressBar:
    """Stands in for ComfyUI's, whose update is where a cancelled run ends."""

    cancelled = False

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0

    def update(self, value: int) -> None:
        self.done += value
        assert self.done <= self.total
        if self.cancelled:
            raise CancelledError


@pytest.fixture
def node(student_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The node, with the student of the smoke run as `models/promptlet/mine`."""
    shutil.copytree(student_folder, tmp_path / "promptlet" / "mine")
    folders, comfy, utils = ModuleType("folder_paths"), ModuleType("comfy"), ModuleType("comfy.utils")
    folders.models_dir, utils.ProgressBar = str(tmp_path), ProgressBar  # type: ignore[attr-defined]
    for module in (folders, comfy, utils):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    spec = spec_from_file_location("comfyui_node", FOLDER / "__init__.py", submodule_search_locations=[str(FOLDER)])
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "comfyui_node", module)
    spec.loader.exec_module(module)
    yield module.NODE_CLASS_MAPPINGS["PromptletPrompt"]()
    del sys.modules["comfyui_node.nodes"]


def widgets(node: Any) -> dict[str, Any]:
    kinds = node.INPUT_TYPES()
    return {**kinds["required"], **kinds["optional"]}


def test_widgets_are_what_the_node_takes(node: Any) -> None:
    parameters = inspect.signature(getattr(node, node.FUNCTION)).parameters
    assert list(widgets(node)) == list(parameters)
    optional = node.INPUT_TYPES()["optional"]
    for name, parameter in parameters.items():
        kind, said = widgets(node)[name]
        first = kind[0] if isinstance(kind, list) else said["default"]
        assert (parameter.default if name in optional else first) == first, name
        assert said["tooltip"], name
    assert widgets(node)["student"][0] == ["promptlet-104m", "mine"]


def test_it_writes_what_the_generator_writes(node: Any, generator: Generator) -> None:
    written = node.write("a fox in the snow, no moon", 12, 7, ban="sun", variants=3, student="mine")
    expected = generator.generate("a fox in the snow, no moon", words=12, seed=7, n=3, ban=["sun"])
    prompts, negative = written["result"]
    assert prompts == written["ui"]["text"] == [each.prompt for each in expected]
    assert negative == "sun, moon"
    assert [len(each.split()) for each in prompts] == [12] * len(prompts)


def test_terms_are_parted_by_commas_and_lines_and_categories_are_no_negative_prompt(node: Any) -> None:
    (prompt,), negative = node.write(
        "a fox", 16, 1, "(golden hour:1.2), <lora:foo:0.8>\n", "moon\ncategory:trademarks", 1, 4, "mine"
    )["result"]
    assert "(golden hour:1.2)" in prompt
    assert "<lora:foo:0.8>" in prompt
    assert negative == "moon"


def test_seeds_as_long_as_comfyuis_are_taken(node: Any) -> None:
    most = widgets(node)["seed"][1]["max"]
    assert most == 2**64 - 1
    assert node.write("a fox", 8, most, student="mine") == node.write("a fox", 8, 2**32 - 1, student="mine")


def test_what_is_not_allowed_is_said_in_a_line(node: Any) -> None:
    for wish, words, line in (
        ("", 12, "intents: the text is empty; say what the prompt is about"),
        ("a fox", 64, "words '64' is out of this student's range; allowed: 5 to 40"),
    ):
        with pytest.raises(UsageError) as error:
            node.write(wish, words, 1, student="mine")
        assert str(error.value) == line


def test_a_path_in_the_place_of_a_student_is_refused(node: Any, student_folder: Path) -> None:
    with pytest.raises(UsageError) as error:
        node.write("a fox", 12, 1, student=str(student_folder))
    assert str(error.value) == f"unknown student '{student_folder}' (known: promptlet-104m, mine)"


def test_a_cancelled_run_ends(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProgressBar, "cancelled", True)
    with pytest.raises(CancelledError):
        node.write("a fox", 8, 1, variants=3, student="mine")


def test_the_example_fits_the_node(node: Any) -> None:
    example = json.loads((FOLDER / "example_workflows" / "promptlet.json").read_text(encoding="utf-8"))
    (ours,) = (each for each in example["nodes"] if each["type"] == "PromptletPrompt")
    shown = [name for name in widgets(node) for name in ([name, "control"] if name == "seed" else [name])]
    values = dict(zip(shown, ours["widgets_values"], strict=True))
    assert values.pop("control") == "randomize"
    defaults = {name: said.get("default", kind[0]) for name, (kind, said) in widgets(node).items()}
    assert values == {**defaults, "seed": 7}
    assert [each["name"] for each in ours["outputs"]] == list(node.RETURN_NAMES)


@pytest.mark.skipif(RUNNING is None, reason="needs a running ComfyUI: make test-comfyui")
def test_a_running_comfyui_writes_prompts() -> None:
    def call(path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(f"{RUNNING}{path}", data, {"Content-Type": "application/json"})) as answer:
            return json.load(answer)

    wish = {"wish": "a red fox in the snow at dawn, no people", "words": 20, "seed": 2**40 + 7, "variants": 2}
    nodes = {
        "1": {"class_type": "PromptletPrompt", "inputs": wish},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
        "3": {"class_type": "PreviewAny", "inputs": {"source": ["1", 1]}},
    }
    run = call("/prompt", {"prompt": nodes})["prompt_id"]
    end = time.monotonic() + 120
    while not (history := call(f"/history/{run}")) and time.monotonic() < end:
        time.sleep(0.2)
    outputs = history[run]["outputs"]
    expected = Generator.load().generate(wish["wish"], words=20, seed=7, n=2)
    assert outputs["2"]["text"] == outputs["1"]["text"] == [each.prompt for each in expected]
    assert outputs["3"]["text"] == ["people"]
