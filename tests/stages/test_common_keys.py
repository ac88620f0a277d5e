"""The recipe's own graph and policy: that each stage that says so keeps to them, and what makes a run another one."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from promptlet.intents.graph import load_graph
from promptlet.intents.splits import TRAIN, is_unseen, split_of
from promptlet.io.records import read_samples
from promptlet.pipeline import load_recipe, load_stage, run_recipe
from promptlet.stages.base import CommonConfig, Context
from promptlet.student.format import TOKENIZER
from promptlet.types import RELEVANCE, Intent, Sample
from tests.runs import denying, write_recipe

DRAWER = Intent("Setting", "bread drawer")
"""No place of the packaged graph."""


def own_graph(folder: Path, topic: str = "tea garden") -> Path:
    folder.mkdir()
    (folder / "topic.yaml").write_text(f"{topic}: {{aliases: [tea], mood: [calm], setting: [{DRAWER.value}]}}\n")
    (folder / "mood.yaml").write_text("calm:\n")
    (folder / "setting.yaml").write_text(f"{DRAWER.value}:\n")
    return folder


def ran(folder: Path, until: str, pair: dict[str, Any] | None = None, **keys: Any) -> list[Sample]:
    """Return what a run leaves that begins from a pair, if there is one, and has some common keys."""
    content: dict[str, Any] = {"name": "x", "intents": {"count": 20, "tasks": ["t2i"]}, **keys}
    if pair:
        (folder / "pairs.jsonl").write_text(json.dumps(pair))
        content["synthesize"] = {"pairs": str(folder / "pairs.jsonl"), "prompts_per_intents": 0}
    done = run_recipe(load_recipe(write_recipe(folder, content)), folder / "run", until)
    return list(read_samples(done[until]))


def with_and_without(
    policy: Path, name: str, inputs: dict[str, Path], folder: Path, **settings: Any
) -> tuple[Path, Path]:
    """Return what a stage leaves under the package's policy, and under another."""
    stage, folders = load_stage(name), (folder / "none", folder / "ours")
    for each, own in zip(folders, (None, policy), strict=True):
        each.mkdir()
        stage.run(stage.Config(**settings), Context(each, inputs, folder, CommonConfig(name="x", policy=own)))
    return folders


def test_intents_are_drawn_from_the_recipe_s_graph(tmp_path: Path) -> None:
    names = {"tea garden", "tea", "calm", DRAWER.value}
    drawn = ran(tmp_path, "intents", graph=str(own_graph(tmp_path / "graph")))
    assert {intent.value for sample in drawn for intent in sample.intents} <= names
    assert {sample.split for sample in drawn} == {
        split_of(load_graph(tmp_path / "graph"), sample.intents) for sample in drawn
    }
    assert not {intent.value for sample in ran(tmp_path, "intents") for intent in sample.intents} <= names


def test_pairs_of_what_the_recipe_s_graph_holds_out_are_held_out(tmp_path: Path) -> None:
    """Nodes of a graph may be held out as such; what no graph knows goes by its combination."""
    names = (f"tea garden {number}" for number in count(1))
    unseen = next(
        name
        for name in names
        if is_unseen(Intent("Topic", name)) and split_of(load_graph(), (Intent("Topic", name),)) == TRAIN
    )
    pair = {"intents": [f"Topic: {unseen}"], "task": "t2i", "prompt": "a calm tea garden under old trees"}
    assert len(ran(tmp_path, "synthesize", pair)) == 1
    assert ran(tmp_path, "synthesize", pair, graph=str(own_graph(tmp_path / "graph", unseen))) == []


def test_other_names_and_mentions_of_the_recipe_s_graph_count(tmp_path: Path) -> None:
    prompt = "a quiet cup of tea beside the bread drawer in morning light"
    pair = {"intents": ["Topic: tea garden"], "task": "t2i", "prompt": prompt}
    shares = {"augment": {"add": 1, "cut": 0, "drop": 0}}
    (plain, *others) = ran(tmp_path, "augment", pair, **shares)
    assert plain.scores[RELEVANCE] == pytest.approx(0.5)
    assert not any(DRAWER in sample.intents for sample in others)
    (own, added) = ran(tmp_path, "augment", pair, graph=str(own_graph(tmp_path / "graph")), **shares)
    assert own.scores[RELEVANCE] == 1, "tea is another name of the tea garden"
    assert DRAWER in added.intents
    assert added.scores[RELEVANCE] == 1


def test_a_policy_keeps_to_itself_in_what_is_made_of_samples(smoke: dict[str, Path], tmp_path: Path) -> None:
    """Prompts that say a denied word are no longer there after curation: these were curated by another policy."""
    none, ours = (
        [sample.prompt for sample in read_samples(folder) if sample.source.endswith(", cut")]
        for folder in with_and_without(denying(tmp_path, "soft light"), "augment", smoke, tmp_path, cut=1)
    )
    assert any("soft light" in prompt for prompt in none)
    assert ours
    assert not any("soft light" in prompt for prompt in ours)


def test_a_tokenizer_has_no_token_for_what_the_policy_denies(smoke: dict[str, Path], tmp_path: Path) -> None:
    none, ours = (
        [token for token in Tokenizer.from_file(str(folder / TOKENIZER)).get_vocab() if "shadows" in token]
        for folder in with_and_without(denying(tmp_path, "shadows"), "tokenize", smoke, tmp_path, size=1024)
    )
    assert none
    assert ours == []


def test_a_graph_or_policy_is_what_it_says_wherever_it_lies(tmp_path: Path) -> None:
    """Which stages are made anew is decided by their contents: a copy changes nothing, another word does."""

    def folders(graph: str, topic: str, policy: str, denied: str) -> dict[str, str]:
        place = tmp_path / policy
        place.mkdir(exist_ok=True)
        keys = {"graph": str(tmp_path / graph), "policy": denying(place, denied)}
        if not (tmp_path / graph).exists():
            own_graph(tmp_path / graph, topic)
        pair = {"intents": ["Topic: tea"], "task": "t2i", "prompt": "a calm cup of tea under old trees"}
        (tmp_path / "pairs.jsonl").write_text(json.dumps(pair))
        synthesize = {"pairs": str(tmp_path / "pairs.jsonl"), "prompts_per_intents": 0}
        content = {"name": "x", "intents": {"count": 2, "tasks": ["t2i"]}, "synthesize": synthesize, **keys}
        done = run_recipe(load_recipe(write_recipe(tmp_path, content)), tmp_path / "run", "augment")
        return {stage: folder.name for stage, folder in done.items()}

    first = folders("one", "tea garden", "p1", "acme")
    assert folders("two", "tea garden", "p2", "acme") == first
    other = folders("one", "tea garden", "p3", "globex")
    assert [stage for stage in first if other[stage] != first[stage]] == ["curate", "augment"]
    assert folders("three", "tea shop", "p1", "acme")["intents"] != first["intents"]
