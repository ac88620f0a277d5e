"""Metadata becomes intents with their source; whatever is wrong with a row, the job goes on and says why."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import ROOT, Run

from promptlet.embedding import load_embedder
from promptlet.errors import RunError, UsageError
from promptlet.intents.graph import load_graph
from promptlet.intents.importing import PROPOSALS, REJECTS, REPORT, Import
from promptlet.intents.linking import Linker
from promptlet.intents.metadata import Asset, Bad, Metadata
from promptlet.intents.splits import split_of
from promptlet.io.manifest import Manifest
from promptlet.io.records import read_samples
from promptlet.pipeline import load_recipe, run_recipe
from promptlet.types import Sample, render_intents

EMOJI = ROOT / "examples" / "metadata" / "emoji-en-US.json"
PARTY = {"title": "Birthday party", "keywords": "balloon, cake; festive", "category": "invitation", "colors": "pink"}


@pytest.fixture(scope="module")
def linker() -> Linker:
    return Linker(load_graph(), None)


def import_rows(folder: Path, content: str | bytes, ending: str, linker: Linker, **told: str) -> list[Sample]:
    path = folder / f"metadata{ending}"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    Import(Metadata.open(path, told), load_graph(), linker).run(folder / "out")
    return list(read_samples(folder / "out"))


def rejects(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "out" / REJECTS).read_text().splitlines()]


def as_file(rows: list[dict[str, str]], ending: str) -> bytes:
    """Return rows in a format, all of the same columns."""
    if ending == ".parquet":
        file = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), file)
        return file.getvalue()
    if ending == ".jsonl":
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    if ending == ".json":
        return json.dumps(rows).encode()
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter="\t" if ending == ".tsv" else ",")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".json", ".parquet"])
def test_every_format_gives_the_same_intents(tmp_path: Path, ending: str, linker: Linker) -> None:
    (sample,) = import_rows(tmp_path, as_file([PARTY], ending), ending, linker)
    assert render_intents(sample.intents) == (
        "Topic: birthday party, Design type: invitation, Mood: festive, Color: pink"
    )
    assert (sample.task, sample.source, sample.prompt) == ("t2t", f"metadata{ending}#1", "")
    assert sample.split == split_of(load_graph(), sample.intents)
    assert json.loads((tmp_path / "out" / REPORT).read_text())["intents"] == 1


def test_real_metadata_gives_intents_for_most_rows(tmp_path: Path, cli: Run) -> None:
    done = cli("intents", "import", EMOJI, "--output", tmp_path / "out", "--no-embeddings")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out" / REPORT).read_text())
    rows = json.loads(EMOJI.read_text(encoding="utf-8"))
    assert report["intents"] + report["rejected"] == len(rows)
    assert report["intents"] > 0.6 * len(rows)
    samples = {sample.source: sample for sample in read_samples(tmp_path / "out")}
    number = 1 + [names[0] for names in rows.values()].index("shamrock")
    shamrock = samples[f"{EMOJI.name}#{number}"]
    assert shamrock.task == "t2i"
    assert "Topic: shamrock" in map(str, shamrock.intents)
    assert "face" in (tmp_path / "out" / PROPOSALS).read_text()


def test_keywords_are_linked_by_form_and_by_meaning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "topic.yaml").write_text("travel: {scene_object: [airplane, balloon, rose]}")
    (tmp_path / "scene_object.yaml").write_text("airplane:\nballoon:\nrose:\n")
    graph = load_graph(tmp_path)
    asset = Asset(1, title="travel", keywords=("balloons",)), Asset(2, title="travel", keywords=("aeroplane", "cheese"))
    by_name, by_meaning = Linker(graph, None), Linker(graph, load_embedder())
    travel, balloon, airplane = graph.find("Topic", "travel"), *graph.nodes("Scene object")[1::-1]
    assert [intents for _, intents in by_name.link(iter(asset))] == [(travel, balloon), (travel,)]
    assert [intents for _, intents in by_meaning.link(iter(asset))] == [(travel, balloon), (travel, airplane)]
    assert by_meaning.unknown == {"cheese": 1}
    ((near, likeness),) = by_meaning.nearest(["aeroplane"]) or [(None, 0.0)]
    assert (near, likeness > 0.75) == (airplane, True)
    assert by_name.nearest(["aeroplane"]) is None


def test_unknown_keywords_are_proposed(tmp_path: Path) -> None:
    rows = [{"title": "birthday", "keywords": "balloon, zorbleflex"}] * 3
    import_rows(tmp_path, as_file(rows, ".csv"), ".csv", Linker(load_graph(), None))
    assert yaml.safe_load((tmp_path / "out" / PROPOSALS).read_text()) == {"zorbleflex": {"count": 3}}


@pytest.mark.parametrize(
    "content",
    [
        '{"title": "birthday party", "keywords": ["balloon", "festive"]}',
        '{"version": "1", "assets": [{"title": "birthday party", "keywords": ["balloon", "festive"]}]}',
        '{"birthday party": ["balloon", "festive"]}',
        '{"birthday party": {"keywords": ["balloon", "festive"]}}',
        '{"title": "birthday party", "keywords": ["balloon", "festive"], "variants": [{"title": "tea"}]}',
    ],
)
def test_json_is_read_in_whatever_shape_its_rows_stand(tmp_path: Path, content: str, linker: Linker) -> None:
    (sample,) = import_rows(tmp_path, content, ".json", linker)
    assert (sample.source, render_intents(sample.intents)) == (
        "metadata.json#1",
        "Topic: birthday party, Scene object: balloon, Mood: festive",
    )


@pytest.mark.parametrize(
    ("content", "sources"),
    [
        ('{"version": "15", "birthday party": ["balloon", "festive"], "tea": ["cup", "calm"]}', [2, 3]),
        ('{"\U0001f388": 5, "birthday party": ["balloon", "festive"], "tea": ["cup", "calm"]}', [2, 3]),
        (
            '{"tea": {"keywords": ["cup", "calm"]}, "label": {"keywords": ["paper", "calm"]}, "by": [{"name": "A"}]}',
            [1, 2],
        ),
    ],
)
def test_members_of_json_that_are_no_rows_spoil_no_others(
    tmp_path: Path, content: str, sources: list[int], linker: Linker
) -> None:
    samples = import_rows(tmp_path, content, ".json", linker)
    assert [sample.source for sample in samples] == [f"metadata.json#{number}" for number in sources]


def test_rows_behind_a_line_that_is_too_long_keep_their_numbers(tmp_path: Path, linker: Linker) -> None:
    lines = [GOOD, json.dumps({"title": "tea", "keywords": "x" * (3 << 20)}), GOOD]
    samples = import_rows(tmp_path, "\n".join(lines), ".jsonl", linker)
    assert [sample.source for sample in samples] == ["metadata.jsonl#1", "metadata.jsonl#3"]
    assert [row["row"] for row in rejects(tmp_path)] == [2]


GOOD = '{"title": "birthday party", "keywords": "balloon, cake"}'


@pytest.mark.parametrize(
    ("ending", "bad", "reason"),
    [
        (".jsonl", b'{"title": ', "malformed"),
        (".jsonl", b"[" * 100_000, "malformed"),
        (".jsonl", b'["a list"]', "no object"),
        (".jsonl", b'{"title": {"en": "cake"}}', "no text: title"),
        (".jsonl", b'{"title": "caf\xe9"}', "wrong encoding: title"),
        (".jsonl", b'{"title": "\\ud800"}', "wrong encoding: title"),
        (".jsonl", b'{"title": "a\\u0000b"}', "control characters: title"),
        (".jsonl", b'{"title": "my \\u202e evil \\u202c title"}', "control characters: title"),
        (".jsonl", b'{"title": "' + b"long " * 2000 + b'"}', "too long: title"),
        (".jsonl", b'{"title": "' + b"x" * (1 << 20) + b'"}', "malformed"),
        (".jsonl", b'{"other": 1}', "empty"),
        (".jsonl", b'{"title": "cake", "keywords": "asshole"}', "denied"),
        (".jsonl", b'{"title": "cake"}', "too little known"),
        (".csv", b"cake", "wrong number of columns"),
        (".csv", b"cake,a,b,c", "wrong number of columns"),
        (".csv", b'"' + b"x" * 200_000 + b'",balloon', "malformed"),
        (".csv", b"caf\xe9,balloon", "wrong encoding: title"),
        (".csv", b'"cake,balloon', "malformed"),
    ],
)
def test_a_bad_row_is_kept_with_its_reason_and_ends_nothing(
    tmp_path: Path, ending: str, bad: bytes, reason: str, linker: Linker
) -> None:
    good = GOOD.encode() if ending == ".jsonl" else b'birthday party,"balloon, cake"'
    head = b"" if ending == ".jsonl" else b"title,keywords\n"
    samples = import_rows(tmp_path, head + good + b"\n" + bad + b"\n" + good + b"\n", ending, linker)
    assert len(samples) == 2
    assert rejects(tmp_path)
    assert all(each["reason"].startswith(reason) for each in rejects(tmp_path)), rejects(tmp_path)
    assert rejects(tmp_path)[0]["row"] == 2


def test_a_file_without_one_usable_row_is_an_error_once_all_is_told(tmp_path: Path, linker: Linker) -> None:
    with pytest.raises(RunError, match=r"no row of .*rejects\.jsonl says why"):
        import_rows(tmp_path, GOOD.replace("birthday party", "asshole"), ".jsonl", linker)
    assert [each["reason"].partition(":")[0] for each in rejects(tmp_path)] == ["denied"]


def test_a_file_of_another_encoding_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("title\ncafé\n".encode("latin-1"))
    with pytest.raises(UsageError, match=r"is not utf-16: .*--encoding"):
        Metadata.open(tmp_path / "latin.csv", {}, "utf-16")


def test_an_import_without_its_extra_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text(GOOD)
    script = (
        "import sys\n"
        "sys.modules |= dict.fromkeys(('numpy', 'pyarrow'))\n"
        f"sys.argv = ['promptlet', 'intents', 'import', {str(tmp_path / 'one.jsonl')!r}]\n"
        "from promptlet.cli.main import main\n"
        "main()\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("promptlet: the import needs the module")
    assert result.stderr.endswith("pip install 'promptlet[distill]'\n")


def test_text_of_parquet_that_is_no_text_spoils_its_row_only(tmp_path: Path, linker: Linker) -> None:
    titles = pa.array([b"birthday party", b"caf\xe9", b"birthday party"]).cast(pa.string(), safe=False)
    table = pa.table({"title": titles, "tags": [["balloon"]] * 3, "image": [b"\0" * 100] * 3})
    pq.write_table(table, tmp_path / "assets.parquet")
    report = Import(Metadata.open(tmp_path / "assets.parquet", {}), load_graph(), linker).run(tmp_path / "out")
    assert (report["intents"], report["reasons"]) == (2, {"malformed": 1})


@pytest.mark.parametrize(
    ("name", "content", "told", "named"),
    [
        ("a.csv", "x,y\n1,2\n", {}, "no column.*x, y"),
        ("a.csv", "x,y\n1,2\n", {"title": "z"}, "no column 'z'.*x, y"),
        ("a.csv", "x,y\n1,2\n", {"titel": "x"}, "unknown field 'titel'.*'title'"),
        ("a.csv", "x,x\n1,2\n", {}, "twice"),
        ("a.csv", "", {}, "no row"),
        ("a.jsonl", "nothing\n", {}, "no row.*malformed"),
        ("a.json", "{", {}, "not JSON"),
        ("a.parquet", "PAR1", {}, "not Parquet"),
        ("a.xml", "<a/>", {}, r"\.csv.*\.parquet"),
    ],
)
def test_a_file_that_can_not_be_used_is_refused(
    tmp_path: Path, name: str, content: str, told: dict[str, str], named: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=named):
        Metadata.open(tmp_path / name, told)
    with pytest.raises(UsageError, match="can't be read"):
        Metadata.open(tmp_path / "nowhere.csv", told)


@given(content=st.binary(max_size=300), ending=st.sampled_from([".csv", ".jsonl", ".json", ".parquet"]))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes, ending: str) -> None:
    path = tmp_path / f"any{ending}"
    path.write_bytes(b"title,tags\n" + content if ending == ".csv" else content)
    try:
        found = list(Metadata.open(path, {}).assets())
    except UsageError:
        return
    assert [each.row for each in found] == [*range(1, len(found) + 1)]
    assert all(each.reason if isinstance(each, Bad) else any(each.phrases()) for each in found)


_COLUMN = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)


@given(st.lists(_COLUMN, min_size=1, max_size=5, unique=True), st.data())
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_told_column_is_the_one_that_is_read(tmp_path: Path, columns: list[str], data: st.DataObject) -> None:
    told = data.draw(st.sampled_from(columns))
    path = tmp_path / "told.jsonl"
    path.write_text(json.dumps({name: f"value {place}" for place, name in enumerate(columns)}), encoding="utf-8")
    metadata = Metadata.open(path, {"title": told})
    (asset,) = metadata.assets()
    assert metadata.mapping["title"] == (told,)
    assert isinstance(asset, Asset)
    assert asset.title == f"value {columns.index(told)}"


def test_a_recipe_mixes_imported_intents_in_and_keeps_their_source(tmp_path: Path, linker: Linker) -> None:
    import_rows(tmp_path, as_file([PARTY, PARTY], ".csv"), ".csv", linker)
    recipe = tmp_path / "recipe.yaml"
    text = (
        f"name: mixed\nintents: {{count: 20, imported: {tmp_path / 'out'}}}\nsynthesize: {{teacher: {{name: fake}}}}\n"
    )
    recipe.write_text(text)
    done = run_recipe(load_recipe(recipe), tmp_path / "run", "augment")
    drawn = list(read_samples(done["intents"]))
    assert [sample.source for sample in drawn if sample.source != "creative graph"] == ["metadata.csv#1"]
    assert len(drawn) == 41
    answered = list(read_samples(done["synthesize"])) + list(read_samples(done["synthesize"], "rejected"))
    assert "teacher for metadata.csv#1" in {sample.source for sample in answered}
    recipe.write_text(text.replace("/out", ""))
    with pytest.raises(UsageError, match=r"imported.*promptlet intents import"):
        run_recipe(load_recipe(recipe), tmp_path / "run", "intents")
    recipe.write_text("name: mixed\nintents: {count: 20}\n")
    plain = run_recipe(load_recipe(recipe), tmp_path / "run", "intents")
    manifest = Manifest.read(plain["intents"])
    assert manifest is not None
    assert "imported" not in {*manifest.configuration, *manifest.inputs}
