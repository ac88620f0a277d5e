"""The report of a run's data: right numbers, nothing fetched, nothing that a teacher wrote taken for markup."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU
from tests.conftest import Run
from tests.reports.samples import BIRTHDAY, EVIL, PAIRS, POSTER, make_run, sample

from promptlet.errors import RunError, UsageError
from promptlet.evaluation.diversity import distinct, self_bleu
from promptlet.io.manifest import Manifest
from promptlet.reports.data import describe, report_data
from promptlet.reports.document import Document, Facts, Gallery, Table, Text
from promptlet.reports.render import plain
from promptlet.reports.runs import find_stages
from promptlet.reports.shards import open_shards
from promptlet.stemming import terms
from promptlet.types import Intent


def described(run: Path, seed: int = 1) -> Document:
    stages = find_stages(run)
    with open_shards(stages) as shards:
        return describe(run.name, stages, shards, seed)


def blocks(document: Document, title: str) -> list[Any]:
    (section,) = (section for section in document.sections if section.title == title)
    return list(section.blocks)


def table(document: Document, title: str, caption: str = "") -> list[list[Any]]:
    found = [block for block in blocks(document, title) if isinstance(block, Table) and caption in block.caption]
    return [list(row) for row in found[0].rows]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Document:
    return described(make_run(tmp_path_factory.mktemp("run")))


def test_what_was_kept_and_rejected_is_counted(document: Document) -> None:
    facts = next(block for block in blocks(document, "Summary") if isinstance(block, Facts))
    told = dict(facts.items)
    assert (told["pairs kept"], told["rejected"], told["kept of all answers"]) == ("4", "7", "36.4%")
    assert table(document, "Summary", "per task") == [["t2i", 3, 7, "30.0%"], ["t2t", 1, 0, "100.0%"]]
    assert table(document, "Summary", "per split") == [
        ["t2i", "train", 2],
        ["t2i", "validation", 1],
        ["t2t", "train", 1],
    ]


def test_lengths_and_openers_go_by_task(document: Document) -> None:
    assert table(document, "Lengths")[0][:2] == ["t2i", 7]
    assert [row[-1] for row in table(document, "Lengths")] == [pytest.approx(22 / 3), 5.0]
    gallery = next(block for block in blocks(document, "Lengths") if isinstance(block, Gallery))
    assert [picture.name for picture in gallery.pictures] == ["length-t2i", "length-t2t"]
    assert table(document, "Openers", "t2i")[0] == ["a calm birthday", 2, pytest.approx(200 / 3)]


def test_scores_are_shown_with_relevance_first(document: Document) -> None:
    rows = table(document, "Relevance and other scores")
    assert [row[:3] for row in rows] == [
        ["relevance", "t2i", 3],
        ["relevance", "t2t", 1],
        ["lemmas", "t2i", 3],
        ["lemmas", "t2t", 1],
    ]
    assert rows[0][3] == pytest.approx(2 / 3)


def test_rejects_are_counted_by_reason_with_examples(document: Document) -> None:
    assert table(document, "Rejects", "by reason") == [
        ["repetition", "curate", 5, "71.4%"],
        ["denied", "curate", 2, "28.6%"],
    ]
    examples = table(document, "Rejects", "examples")
    assert [row[0] for row in examples[:3]] == ["repetition"] * 3
    assert {row[0] for row in examples[3:]} == {"denied: evil (offensive)", "denied: bad (violent)"}


def test_intents_are_counted_as_sets(tmp_path: Path) -> None:
    pairs = [sample("one", BIRTHDAY, POSTER), sample("two", Intent("Design type", "Poster"), BIRTHDAY), sample("three")]
    found = described(make_run(tmp_path, pairs))
    assert table(found, "Intents per pair", "number of intents") == [[1, 1], [2, 2]]
    assert table(found, "Intents per pair", "number of pairs") == [["1", 1, 1], ["2", 1, 2]]


def test_coverage_counts_nodes_by_whatever_name(tmp_path: Path) -> None:
    from promptlet.intents.graph import load_graph

    graph = load_graph()
    node = next(node for node in graph.nodes("Topic") if graph.aliases[node])
    pairs = [sample("one", node), sample("two", Intent("Topic", graph.aliases[node][0].upper()))]
    found = described(make_run(tmp_path, [*pairs, sample("three", Intent("Topic", "zzyzx"))]))
    title = "Coverage of the creative graph"
    assert table(found, title, "most frequent") == [[str(node), 2]]
    assert table(found, title, "per kind")[0][:3] == ["Topic", len(graph.nodes("Topic")), 1]
    assert any(
        "1 intents of the pairs are no node" in block.text
        for block in blocks(found, title)[:3]
        if isinstance(block, Text)
    )


def test_samples_are_the_same_for_a_seed_and_others_for_another(tmp_path: Path) -> None:
    run = make_run(tmp_path, [sample(f"prompt number {number}") for number in range(200)])
    first, again, other = (table(described(run, seed), "Pairs to read") for seed in (1, 1, 2))
    assert first == again
    assert len(first) == 20
    assert first != other


def test_shards_without_scores_and_runs_without_pairs_say_so(tmp_path: Path) -> None:
    old = make_run(tmp_path / "old")
    for shard in old.glob("curate-*/data-*.parquet"):
        pq.write_table(pq.read_table(shard).drop_columns("scores"), shard)
    assert "no column" in blocks(described(old), "Relevance and other scores")[0].text
    unrated = described(make_run(tmp_path / "unrated", [sample("a calm sea")]))
    assert "empty" in blocks(unrated, "Relevance and other scores")[0].text
    nothing = described(make_run(tmp_path / "nothing", [], []))
    assert isinstance(blocks(nothing, "Pairs to read")[0], Text)
    assert "Nothing was rejected" in blocks(nothing, "Rejects")[0].text


class Page(HTMLParser):
    """Gathers the tags of a page, and what it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "data", "action")]


def test_the_page_needs_nothing_else_and_shows_answers_as_text(tmp_path: Path) -> None:
    page = report_data(make_run(tmp_path, [*PAIRS, sample(EVIL)]))
    text = page.read_text(encoding="utf-8")
    found = Page(text)
    assert page == tmp_path / "report" / "data.html"
    assert not found.tags & {"script", "link", "img", "iframe", "object"}
    assert all(link.startswith("#") for link in found.links)
    assert not re.search(r"url\((?!#)|@import", text)
    assert "&lt;script&gt;" in text
    anchors = {link.removeprefix("#") for link in found.links}
    assert anchors <= set(re.findall(r'id="([^"]+)"', text))
    assert "prefers-color-scheme: dark" in text


def test_markdown_has_the_same_content_and_its_pictures_beside_it(tmp_path: Path) -> None:
    report_data(make_run(tmp_path / "run", [*PAIRS, sample(EVIL)]), tmp_path / "out")
    text = (tmp_path / "out" / "data.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", text)
    assert "data-pictures/length-t2t.svg" in pictures
    for name in pictures:
        root = ET.parse(tmp_path / "out" / name).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "<script>" not in text
    for section in described(tmp_path / "run").sections:
        assert f"## {section.title}\n" in text
    widths = [line.count("|") - line.count(r"\|") for line in text.splitlines() if line.startswith("| ")]
    assert min(widths) >= 2
    assert not (tmp_path / "run" / "report").exists()


@given(st.text())
def test_escaped_text_stays_in_its_cell(text: str) -> None:
    escaped = plain(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*[|<`*\[]", escaped)
    assert len(escaped.splitlines()) <= 1


def test_the_newest_finished_curation_and_its_own_stages_are_taken(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    (folder,) = run.glob("curate-*")
    newer, unfinished = run / "curate-0000beef", run / "curate-ffffffff"
    shutil.copytree(folder, newer)
    manifest = Manifest.read(folder)
    assert manifest is not None
    for place, finished in ((newer, "2999-01-01T00:00:00Z"), (unfinished, None)):
        place.mkdir(exist_ok=True)
        Manifest("curate", manifest.digest, {}, manifest.inputs, finished=finished).write(place)
    stages = find_stages(run)
    assert stages["curate"].folder == newer
    assert set(stages) == {"intents", "synthesize", "curate"}
    shutil.rmtree(stages["synthesize"].folder)
    assert set(find_stages(run)) == {"curate"}


def test_runs_that_can_not_be_read_fail_in_one_line(tmp_path: Path, cli: Run) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        report_data(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match=r"no curation .* is finished"):
        report_data(tmp_path / "empty")
    run = make_run(tmp_path / "run")
    (shard,) = run.glob("curate-*/data-*.parquet")
    shard.write_bytes(shard.read_bytes()[:-100])
    result = cli("report", "data", run)
    assert result.returncode == 1
    assert result.stderr.startswith("promptlet: the run's shards can't be read")
    assert result.stderr.count("\n") == 1
    assert not (run / "report").exists()


def test_a_report_of_a_real_run(smoke: dict[str, Path], tmp_path: Path, cli: Run) -> None:
    result = cli("report", "data", smoke["curate"].parent, "--output", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == str(tmp_path / "out" / "data.html")
    kept = Manifest.read(smoke["curate"])
    assert kept is not None
    said = (tmp_path / "out" / "data.md").read_text()
    assert f"**{kept.counts['prompts']:,}** pairs kept" in said
    assert "nodes occur" in said
    assert "another graph" not in said
    own = tmp_path / "graph"
    own.mkdir()
    (own / "topic.yaml").write_text("birthday: {}\n")
    again = cli("report", "data", smoke["curate"].parent, "--output", tmp_path / "own", "--graph", own)
    assert again.returncode == 0, again.stderr
    assert "drew from another graph" in (tmp_path / "own" / "data.md").read_text()


PROMPTS = st.lists(st.text(alphabet="abc ", max_size=12).filter(terms), min_size=2, max_size=8)


@given(PROMPTS)
@settings(max_examples=60)
def test_self_bleu_is_what_sacrebleu_says_sentence_by_sentence(prompts: list[str]) -> None:
    metric = BLEU(tokenize="none", effective_order=True)
    said = [" ".join(terms(prompt)) for prompt in prompts]
    scores = [metric.sentence_score(one, [*said[:at], *said[at + 1 :]]).score for at, one in enumerate(said)]
    assert self_bleu(prompts) == pytest.approx(sum(scores) / len(scores) / 100)


def test_distinct_n_by_hand() -> None:
    assert distinct(["a b a", "a b c"], 1) == 3 / 6
    assert distinct(["a b a", "a b c"], 2) == 3 / 4
    assert distinct([], 1) == 0.0


def test_a_report_without_its_extra_says_what_to_install(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "sys.modules |= dict.fromkeys(('duckdb', 'jinja2', 'matplotlib', 'sacrebleu'))\n"
        "from promptlet.cli.main import main\n"
        f"sys.argv = ['promptlet', 'report', 'data', {str(tmp_path)!r}]\n"
        "main()\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert re.fullmatch(
        r"promptlet: the report needs the module '\w+': pip install 'promptlet\[report\]'\n", result.stderr
    )
