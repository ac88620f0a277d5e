"""The packaged graph and what is drawn from it."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from promptlet.errors import UsageError
from promptlet.intents.graph import build_graph, load_graph
from promptlet.intents.sampling import draw_intents, sample_intents
from promptlet.tasks import load_task, task_names
from promptlet.types import KINDS, Intent
from promptlet.vocabulary import find_denied


def test_the_packaged_graph_is_wide_and_clean() -> None:
    graph = load_graph()
    per_kind = Counter(node.kind for node in graph.nodes())
    assert set(per_kind) == set(KINDS)
    assert sum(per_kind.values()) >= 300
    assert graph.edges() >= 3000
    assert [node for node in graph.nodes() if find_denied(node.value)] == []
    names = [name for node in graph.nodes("Topic") for name in (node.value, *graph.aliases[node])]
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_every_topic_has_neighbours_for_both_tasks() -> None:
    graph = load_graph()
    for topic in graph.nodes("Topic"):
        for kind in ("Scene object", "Design type", "Style"):
            assert graph.neighbours[topic][kind], (topic, kind)


def test_edges_hold_in_both_directions_and_weigh_more_for_the_first() -> None:
    graph = build_graph({"Topic": {"tea": {"mood": ["calm", "quiet"]}}, "Mood": {"calm": None, "quiet": None}})
    tea, calm, quiet = Intent("Topic", "tea"), Intent("Mood", "calm"), Intent("Mood", "quiet")
    assert graph.neighbours[calm]["Topic"][tea] == graph.neighbours[tea]["Mood"][calm]
    assert graph.neighbours[tea]["Mood"][calm] > graph.neighbours[tea]["Mood"][quiet]
    assert graph.edges() == 2


@pytest.mark.parametrize(("details", "named"), [({"mood": ["calm"]}, "Mood: calm"), ({"moood": ["calm"]}, "'moood'")])
def test_a_dangling_edge_or_an_unknown_key_is_named(details: dict[str, list[str]], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        build_graph({"Topic": {"tea": details}})


@pytest.mark.parametrize("name", task_names())
def test_combinations_are_sensible_and_the_same_for_the_same_seed(name: str) -> None:
    task, graph = load_task(name), load_graph()
    drawn = list(sample_intents(graph, task, 200, seed=5))
    assert drawn == list(sample_intents(graph, task, 200, seed=5))
    assert drawn[:50] == list(sample_intents(graph, task, 50, seed=5))
    assert drawn != list(sample_intents(graph, task, 200, seed=6))
    assert len(set(drawn)) == 200
    sizes = Counter(len(intents) for intents in drawn)
    assert set(sizes) == {2, 3, 4, 5}
    for intents in drawn:
        kinds = [intent.kind for intent in intents]
        assert len(set(kinds)) == len(kinds)
        assert set(task.always) <= set(kinds) <= set(task.kinds)


def test_what_is_drawn_is_joined_to_its_topic() -> None:
    graph, task = load_graph(), load_task("t2i")
    chance = random.Random(1)
    topics = {name: topic for topic in graph.nodes("Topic") for name in (topic.value, *graph.aliases[topic])}
    for _ in range(50):
        topic, *others = draw_intents(graph, task, chance)
        for other in others:
            assert other in graph.neighbours[topics[topic.value]][other.kind]


def test_a_small_graph_gives_what_it_has_and_stops() -> None:
    graph = build_graph({"Topic": {"tea": {"mood": ["calm"]}}, "Mood": {"calm": None}})
    assert len(list(sample_intents(graph, load_task("t2i"), 10, seed=1))) == 1
