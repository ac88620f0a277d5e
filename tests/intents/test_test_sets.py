"""The frozen test sets: the same bytes for ever, and nothing of them in what a student may be trained on."""

from __future__ import annotations

from collections import Counter
from importlib import resources
from pathlib import Path

import pytest
from typer.testing import CliRunner

from promptlet.cli.main import app
from promptlet.errors import PromptletError, UsageError
from promptlet.intents import test_sets
from promptlet.intents.graph import load_graph
from promptlet.intents.sampling import Sampler
from promptlet.intents.splits import HELD_OUT, is_unseen, split_of
from promptlet.intents.test_sets import DIGESTS, load_test_set
from promptlet.pipeline import load_recipe
from promptlet.tasks import load_task
from promptlet.types import intents_key


def test_they_are_made_again_byte_by_byte(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["intents", "test-sets", str(tmp_path)], catch_exceptions=False)
    assert done.stdout == "".join(f"{digest}  {name}.jsonl\n" for name, digest in DIGESTS.items())
    for name in DIGESTS:
        frozen = resources.files("promptlet.intents") / "test_sets" / f"{name}.jsonl"
        assert (tmp_path / f"{name}.jsonl").read_bytes() == frozen.read_bytes()


@pytest.mark.parametrize("name", DIGESTS)
def test_a_set_has_500_different_combinations_per_task_none_of_which_can_be_trained_on(name: str) -> None:
    samples, graph = load_test_set(name), load_graph()
    assert Counter(sample.task for sample in samples) == {"t2i": 500, "t2t": 500}
    assert len({(sample.task, intents_key(sample.intents)) for sample in samples}) == 1000
    for sample in samples:
        # What decides is a hash of the intents: no seed, order, other name or graph file changes it.
        assert split_of(graph, sample.intents) == sample.split
        assert split_of(graph, graph.canonical(reversed(sample.intents))) in HELD_OUT
        assert any(map(is_unseen, graph.canonical(sample.intents))) == (name == "unseen_nodes")


def test_nothing_of_them_is_among_what_is_drawn_for_training() -> None:
    graph = load_graph()
    combinations = {intents_key(graph.canonical(each.intents)) for each in load_test_set("unseen_combinations")}
    nodes = {
        node for each in load_test_set("unseen_nodes") for node in graph.canonical(each.intents) if is_unseen(node)
    }
    met = Counter[str]()
    for task in ("t2i", "t2t"):
        # The seed of the test sets: all of their combinations are met.
        for intents in Sampler(graph, load_task(task)).stream(20_000, test_sets._SEED):
            held_out = split_of(graph, intents) in HELD_OUT
            canonical = graph.canonical(intents)
            tested = intents_key(canonical) in combinations or not nodes.isdisjoint(canonical)
            assert held_out or not tested
            met["tested"] += tested
    assert met["tested"] > 1000


def test_a_changed_file_or_an_unknown_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"unknown test set 'unseen_node'.*unseen_nodes"):
        load_test_set("unseen_node")
    monkeypatch.setattr(test_sets, "DIGESTS", {"unseen_nodes": "0" * 64})
    with pytest.raises(PromptletError, match="was changed"):
        load_test_set("unseen_nodes")


def test_a_recipe_names_a_test_set(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: x\nevaluate: {test_set: unseen_nodes}\n")
    assert load_recipe(recipe).stages["evaluate"].model_dump()["test_set"] == "unseen_nodes"
    recipe.write_text("name: x\nevaluate: {test_set: seen}\n")
    with pytest.raises(UsageError, match=r"evaluate\.test_set.*unseen_nodes"):
        load_recipe(recipe)
    recipe.write_text("name: x\n")
    assert "test_set" not in load_recipe(recipe).stages["evaluate"].model_dump()
