"""`promptlet vocabulary`: every word that is not approved and every denied term, in whatever the data comes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import Run

from promptlet.errors import UsageError
from promptlet.io.prompts import PromptRow, Prompts, open_prompts
from promptlet.io.records import write_samples
from promptlet.types import Intent, Sample
from promptlet.vocabulary import load_policy
from promptlet.vocabulary.audit import EXAMPLES, Audit, audit

TEXTS = [
    "a wuzzle by the sea",
    "two wuzzles, a wuzzle's hat, a snorf",
    "a 3d render of a wuzzle for Nike",
    "it couldn't be a calmer garden's terrace",
    "nike shoes in the rain",
]


def of(texts: list[str], intents: tuple[str, ...] = ()) -> Prompts:
    return Prompts(len(texts), lambda: (PromptRow(text, intents) for text in texts))


def counts(found: Audit) -> dict[str, int]:
    return {entry.term: entry.count for entry in found.unapproved}


def test_words_that_nobody_approved_and_denied_terms_are_listed_by_count() -> None:
    found = audit(of(TEXTS), load_policy())
    assert [(entry.term, entry.count) for entry in found.unapproved][:1] == [("wuzzle", 2)]
    assert counts(found) == {"wuzzle": 2, "wuzzles": 1, "wuzzle's": 1, "snorf": 1}
    assert [(entry.term, entry.category, entry.count) for entry in found.denied] == [("nike", "trademarks", 2)]
    assert found.denied[0].examples == [TEXTS[2], TEXTS[4]]
    assert found.rows == 5


def test_a_rows_own_intents_and_the_policys_words_are_approved(tmp_path: Path) -> None:
    assert counts(audit(of(TEXTS[:2], ("a wuzzle",)), load_policy())) == {"wuzzles": 1, "snorf": 1}
    policy = tmp_path / "policy.yaml"
    policy.write_text("{approved_by: us, approved_on: 2026-01-31, denied: {}, allowed: {words: [Snorf, wuzzles]}}")
    assert counts(audit(of(TEXTS[:2]), load_policy(policy))) == {"wuzzle": 1, "wuzzle's": 1}


def test_denied_terms_in_intents_are_found_too() -> None:
    found = audit(of(["a pair of shoes"], ("Nike",)), load_policy())
    assert [(entry.term, entry.examples) for entry in found.denied] == [("nike", ["intent: Nike"])]


def test_a_term_of_two_categories_counts_once_as_one_of_the_first(tmp_path: Path) -> None:
    category = "{source: us, licence: CC0-1.0, terms: [fizz cola]}"
    path = tmp_path / "policy.yaml"
    path.write_text(f"approved_by: us\napproved_on: 2026-01-31\ndenied: {{one: {category}, two: {category}}}\n")
    found = audit(of(["a fizz cola on ice"]), load_policy(path))
    assert [(entry.term, entry.category, entry.count) for entry in found.denied] == [("fizz cola", "one", 1)]


def test_a_term_that_stands_twice_counts_twice_and_examples_are_few_and_different() -> None:
    found = audit(of(["nike and nike", "nike and nike", "nike one", "nike two", "nike three"]), load_policy())
    assert found.denied[0].count == 7
    assert found.denied[0].examples == ["nike and nike", "nike one", "nike two"]


def test_an_example_of_a_long_text_shows_the_term() -> None:
    (entry,) = audit(of(["calm " * 500 + "wuzzle " + "calm " * 500]), load_policy()).unapproved
    assert "wuzzle" in entry.examples[0]
    assert len(entry.examples[0]) < 150


@given(st.lists(st.text(alphabet="abxyz '3\n-", max_size=30), max_size=20))
def test_counts_are_those_of_judging_each_term_alone(texts: list[str]) -> None:
    from promptlet.stemming import terms

    policy = load_policy()
    found = audit(of(texts), policy)
    expected = Counter(term.strip("'") for text in texts for term in terms(text) if not policy.approves(term))
    assert counts(found) == expected
    assert [entry.count for entry in found.unapproved] == sorted(expected.values(), reverse=True)
    assert all(1 <= len(entry.examples) <= EXAMPLES for entry in found.unapproved)


def as_jsonl(folder: Path) -> Path:
    rows = [
        {"prompt": TEXTS[0], "intents": ["Topic: wuzzle"]},
        {"prompt": TEXTS[1], "intents": [["Topic", "wuzzle"], {"kind": "Style", "value": "snorf"}]},
    ]
    lines = [*map(json.dumps, rows), "{", "[1]", '{"prompt": 7}', ""]
    (folder / "rows.jsonl").write_text("\n".join(lines))
    return folder / "rows.jsonl"


def test_json_lines_with_and_without_intents_are_read_and_bad_ones_counted(tmp_path: Path) -> None:
    found = audit(open_prompts(as_jsonl(tmp_path)), load_policy())
    assert (found.rows, found.unreadable) == (5, 3)
    assert counts(found) == {"wuzzles": 1}


def test_what_generate_writes_is_read_several_prompts_a_line(tmp_path: Path) -> None:
    rows = [{"prompt": text, "intents": ["Topic: wuzzle"]} for text in TEXTS[:2]]
    lines = [{"line": 1, "prompts": rows}, {"line": 2, "error": "no"}, {"line": 3, "prompts": [rows[0], 7]}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, lines)))
    found = audit(open_prompts(tmp_path / "rows.jsonl"), load_policy())
    assert (found.rows, found.unreadable) == (5, 2)
    assert counts(found) == {"wuzzles": 1, "snorf": 1}


def test_a_folder_of_shards_and_a_file_say_the_same(tmp_path: Path) -> None:
    samples = [Sample((Intent("Topic", "snorf"),), "t2i", text) for text in TEXTS]
    write_samples(tmp_path, samples)
    folder = audit(open_prompts(tmp_path), load_policy())
    assert folder.to_dict() == audit(open_prompts(tmp_path / "data-00000.parquet"), load_policy()).to_dict()
    (tmp_path / "data-00000.parquet").rename(tmp_path / "train.parquet")  # as published pairs are called
    write_samples(tmp_path / "other", [Sample((), "t2i", "flurble")])
    (tmp_path / "other" / "data-00000.parquet").rename(tmp_path / "rejected-00000.parquet")
    assert folder.to_dict() == audit(open_prompts(tmp_path), load_policy()).to_dict()
    assert counts(folder) == {"wuzzle": 2, "wuzzles": 1, "wuzzle's": 1}
    pq.write_table(pa.table({"prompt": [*TEXTS, None]}), tmp_path / "plain.parquet")
    plain = audit(open_prompts(tmp_path / "plain.parquet"), load_policy())
    assert counts(plain) == counts(folder) | {"snorf": 1}
    assert plain.unreadable == 1


def test_what_is_no_data_set_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("x")
    (tmp_path / "bad.parquet").write_text("x")
    (tmp_path / "empty").mkdir()
    pq.write_table(pa.table({"text": ["x"]}), tmp_path / "text.parquet")
    for name, said in [
        ("none.jsonl", "no data set"),
        ("text.txt", "text.txt"),
        ("bad.parquet", "not Parquet"),
        ("empty", "no .parquet file"),
        ("text.parquet", "no column 'prompt'; it has: text"),
    ]:
        with pytest.raises(UsageError, match=said) as error:
            open_prompts(tmp_path / name)
        assert "\n" not in str(error.value)


def test_the_verb_exits_with_1_only_for_denied_terms(tmp_path: Path, cli: Run) -> None:
    clean = cli("vocabulary", "audit", as_jsonl(tmp_path))
    assert clean.returncode == 0
    assert "1  wuzzles" in clean.stdout
    (tmp_path / "denied.jsonl").write_text("\n".join(json.dumps({"prompt": text}) for text in TEXTS))
    denied = cli("vocabulary", "audit", tmp_path / "denied.jsonl", "--json", "--limit", "1")
    assert denied.returncode == 1
    said = json.loads(denied.stdout)
    assert said["denied"][0]["term"] == "nike"
    assert (len(said["unapproved"]), said["unapproved terms"]) == (1, 4)
    (tmp_path / "other.jsonl").write_text('{"text": "nike"}\n')
    nothing = cli("vocabulary", "audit", tmp_path / "other.jsonl")
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert "no prompt that can be read, in 1 rows" in nothing.stderr
    refused = cli("vocabulary", "audit", tmp_path / "denied.jsonl", "--limit", "0")
    assert refused.returncode == 2
    assert refused.stderr == "promptlet: Invalid value for '--limit': 0; 1 or more is allowed\n"


def test_a_text_is_checked(cli: Run) -> None:
    result = cli("vocabulary", "check", "a Nike wuzzle")
    assert result.returncode == 1
    assert result.stdout.splitlines() == ["denied: nike (trademarks)", "not approved: wuzzle"]
    assert cli("vocabulary", "check", "a calm sea").returncode == 0
