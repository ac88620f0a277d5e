"""`promptlet intents`: what its verbs print of a graph."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Run
from typer.testing import CliRunner

from promptlet.cli.main import app


def graph_folder(folder: Path, topic: str) -> Path:
    (folder / "topic.yaml").write_text(topic)
    (folder / "mood.yaml").write_text("calm:\nquiet:\n")
    return folder


def intents(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["intents", *map(str, arguments)], catch_exceptions=False)
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout


def test_check_tells_the_sizes_of_a_sound_graph(tmp_path: Path) -> None:
    folder = graph_folder(tmp_path, "tea: {mood: [calm, quiet]}")
    told = intents("check", "--graph", folder)
    assert told.startswith("3 nodes (Topic 1, Scene object 0, ")
    assert "Mood 2" in told
    assert told.endswith("), 2 edges, no problems\n")
    packaged = intents("check")
    assert int(packaged.split()[0]) > 2000
    assert packaged.endswith("no problems\n")


def test_check_prints_every_problem_and_ends_with_1(tmp_path: Path, cli: Run) -> None:
    done = cli("intents", "check", "--graph", graph_folder(tmp_path, "tea: {mood: [calm, calm, loud], topic: [tea]}"))
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    edge = "topic.yaml: the edge from 'tea' to"
    assert {f"{edge} 'Mood: calm' is there twice", f"{edge} 'Mood: loud' ends at no node"} < set(lines)
    assert done.stderr == "promptlet: problems found: 4\n"
    assert done.returncode != 0


def test_show_prints_a_node_with_its_other_names_and_its_neighbours(tmp_path: Path, cli: Run) -> None:
    topics = "tea: {aliases: [cup of tea, brew], mood: [quiet, calm]}\nlake: {mood: [calm]}"
    folder = graph_folder(tmp_path, topics)
    shown = "Topic: tea\n  aliases: cup of tea, brew\n  Mood: quiet, calm\n"
    assert intents("show", "BREW", "--graph", folder) == shown
    assert intents("show", "Topic: tea", "--graph", folder) == shown
    assert intents("show", "calm", "--graph", folder) == "Mood: calm\n  Topic: lake, tea\n"
    unknown = cli("intents", "show", "teas", "--graph", folder)
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert unknown.stderr == "promptlet: the graph has no 'teas'; near: tea\n"


def test_show_prints_all_nodes_of_a_name(tmp_path: Path) -> None:
    folder = graph_folder(tmp_path, "calm: {mood: [quiet]}")
    (folder / "mood.yaml").write_text("calm: {topic: [calm]}\nquiet:\n")
    assert intents("show", "calm", "--graph", folder) == (
        "Topic: calm\n  Mood: quiet, calm\nMood: calm\n  Topic: calm\n"
    )
