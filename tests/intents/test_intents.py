"""The packaged graph and what is drawn from it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from tests.conftest import Run

from promptlet.errors import UsageError
from promptlet.intents.checking import check_graph
from promptlet.intents.graph import load_graph
from promptlet.intents.sampling import Sampler
from promptlet.intents.splits import UNSEEN, is_unseen, split_of
from promptlet.tasks import load_task, task_names
from promptlet.types import KINDS, Intent


def test_the_packaged_graph_is_wide() -> None:
    graph = load_graph()
    per_kind = Counter(node.kind for node in graph.nodes())
    assert set(per_kind) == set(KINDS)
    assert sum(per_kind.values()) >= 2000
    assert graph.edges() >= 15_000


def test_every_topic_has_neighbours_for_both_tasks() -> None:
    graph = load_graph()
    for topic in graph.nodes("Topic"):
        for kind in ("Scene object", "Design type", "Style"):
            assert graph.neighbours[topic][kind], (topic, kind)


def graph_folder(folder: Path, **files: str) -> Path:
    """Write a graph: kind's key -> YAML."""
    for key, text in files.items():
        (folder / f"{key}.yaml").write_text(text)
    return folder


EDGE = "topic.yaml: the edge from 'tea' to"
TEA = {"topic": "tea: {mood: [calm, quiet]}", "mood": "calm:\nquiet:\n"}


def test_edges_hold_in_both_directions_and_weigh_more_for_the_first(tmp_path: Path) -> None:
    graph = load_graph(graph_folder(tmp_path, **TEA))
    tea, calm, quiet = Intent("Topic", "tea"), Intent("Mood", "calm"), Intent("Mood", "quiet")
    assert graph.neighbours[calm]["Topic"][tea] == graph.neighbours[tea]["Mood"][calm]
    assert graph.neighbours[tea]["Mood"][calm] > graph.neighbours[tea]["Mood"][quiet]
    assert graph.edges() == 2


def test_neighbours_are_ranked_by_ones_own_lists_and_then_by_common_words(tmp_path: Path) -> None:
    topics = "cake: {occasion: [wedding]}\nbig wedding: {occasion: [birth, wedding]}\nrose: {occasion: [wedding]}"
    graph = load_graph(graph_folder(tmp_path, topic=topics, occasion="wedding: {topic: [rose]}\nbirth:"))
    (ranked,) = graph.ranked(Intent("Occasion", "wedding")).values()
    assert [end.value for end in ranked] == ["rose", "big wedding", "cake"]


def test_a_graph_that_has_no_more_combinations_says_so(tmp_path: Path, cli: Run) -> None:
    done = cli(
        "intents", "sample", "-n", 5, "--graph", graph_folder(tmp_path, topic="tea: {mood: [calm]}", mood="calm:")
    )
    assert done.stdout == "Topic: tea, Mood: calm\n"
    assert "only 1 of 5 combinations" in done.stderr


def test_names_lead_to_their_node_whatever_their_case(tmp_path: Path) -> None:
    graph = load_graph(graph_folder(tmp_path, topic="Tea: {aliases: [cup of tea], mood: [calm]}", mood="calm:"))
    tea = Intent("Topic", "Tea")
    assert graph.find("Topic", "CUP of tea") == tea
    assert graph.search("tea") == [tea]
    assert graph.canonical((Intent("Topic", "Cup of Tea"), Intent("Mood", "odd"))) == (tea, Intent("Mood", "odd"))
    with pytest.raises(UsageError, match="near: tea"):
        graph.search("teas")


@pytest.mark.parametrize(
    ("files", "named"),
    [
        (TEA | {"mood": "quiet:"}, "Mood: calm"),
        (TEA | {"topic": "tea: {moood: [calm]}"}, "'moood'.*did you mean 'mood'"),
        (TEA | {"topic": "tea: {mood: calm}"}, "'calm'"),
        (TEA | {"topic": "7: {mood: [calm]}"}, "7 is no text"),
        (TEA | {"topic": "tea: [calm]"}, "no mapping"),
        (TEA | {"topic": "- tea"}, "not a mapping"),
        (TEA | {"topic": "{"}, "not YAML"),
        (TEA | {"mood": "calm:\nquiet:\ncalm:"}, "'calm' stands twice.*line 3"),
        (TEA | {"moods": "calm:"}, r"'moods\.yaml'.*mood\.yaml"),
        ({"mood": "calm:"}, r"no topic\.yaml"),
    ],
)
def test_a_graph_that_can_not_be_used_is_refused_in_one_line(tmp_path: Path, files: dict[str, str], named: str) -> None:
    with pytest.raises(UsageError, match=named) as error:
        load_graph(graph_folder(tmp_path, **files))
    assert "\n" not in str(error.value)


def test_the_packaged_graph_has_no_problems() -> None:
    assert check_graph() == []


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        (TEA | {"mood": "quiet:"}, f"{EDGE} 'Mood: calm' ends at no node"),
        (
            TEA | {"topic": "tea: {mood: [calm, quiet, calm]}"},
            f"{EDGE} 'Mood: calm' is there twice",
        ),
        (
            TEA | {"topic": "tea: {mood: [calm, quiet], topic: [tea]}"},
            f"{EDGE} 'Topic: tea' goes nowhere",
        ),
        (TEA | {"mood": "calm:\nquiet:\ncalm:"}, "mood.yaml:3: 'calm' is there twice"),
        (TEA | {"mood": "calm:\nquiet: {aliases: [Calm]}"}, "mood.yaml: 'Calm' names both 'calm' and 'quiet'"),
        (
            {"topic": "tea: {mood: [calm, quiet], style: [flat]}", "mood": TEA["mood"]},
            "style.yaml: it is missing or holds no node, and 1 edges end at nodes of this kind",
        ),
        (TEA | {"mood": "calm:\nquiet:\nodd:"}, "mood.yaml: 'odd' has no edge"),
        (
            TEA | {"mood": "calm:\nquiet: {aliases: [asshole]}"},
            "mood.yaml: 'asshole' holds the denied term asshole (offensive)",
        ),
    ],
)
def test_each_problem_of_a_graph_is_named(tmp_path: Path, files: dict[str, str], problem: str) -> None:
    assert check_graph(graph_folder(tmp_path, **files)) == [problem]


@pytest.mark.parametrize("name", task_names())
def test_combinations_are_sensible_and_the_same_for_the_same_seed(name: str) -> None:
    task, graph = load_task(name), load_graph()
    sampler = Sampler(graph, task)
    drawn = list(sampler.stream(200, seed=5))
    assert drawn == list(sampler.stream(200, seed=5))
    assert drawn[:50] == list(sampler.stream(50, seed=5))
    assert drawn != list(sampler.stream(200, seed=6))
    assert len(set(drawn)) == 200
    sizes = Counter(len(intents) for intents in drawn)
    assert set(sizes) == {2, 3, 4, 5}
    for intents in drawn:
        kinds = [intent.kind for intent in intents]
        assert len(set(kinds)) == len(kinds)
        assert set(task.always) <= set(kinds) <= set(task.kinds)


def test_what_is_drawn_goes_together() -> None:
    graph = load_graph()
    for topic, *others in map(graph.canonical, Sampler(graph, load_task("t2i")).stream(300, seed=1)):
        drawn = {topic, *others}
        for other in others:
            assert any(other in graph.neighbours[end].get(other.kind, {}) for end in drawn - {other})
            if graph.neighbours[topic].get(other.kind):
                assert other in graph.neighbours[topic][other.kind]


def test_nothing_is_said_twice() -> None:
    for intents in Sampler(load_graph(), load_task("t2t")).stream(500, seed=2):
        values = [intent.value.casefold() for intent in load_graph().canonical(intents)]
        assert len(set(values)) == len(values)


def test_a_small_graph_gives_what_it_has_and_stops(tmp_path: Path) -> None:
    graph = load_graph(graph_folder(tmp_path, topic="tea: {mood: [calm]}", mood="calm:"))
    assert len(list(Sampler(graph, load_task("t2i")).stream(10, seed=1))) == 1


def test_no_unseen_node_is_in_training_and_names_change_no_split() -> None:
    graph = load_graph()
    counts: Counter[str] = Counter()
    for intents in Sampler(graph, load_task("t2i")).stream(2000, seed=3):
        split, nodes = split_of(graph, intents), graph.canonical(intents)
        counts[split] += 1
        assert split_of(graph, nodes) == split
        assert (split == UNSEEN) == any(map(is_unseen, nodes))
    assert counts["train"] > 1600
    assert min(counts[split] for split in ("validation", "test", UNSEEN)) >= 10
