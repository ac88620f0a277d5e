"""The stage curate: what its settings let pass, and what it says when nothing is left."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from promptlet.errors import RunError
from promptlet.io.records import read_samples, read_tables
from promptlet.pipeline import load_recipe, run_recipe
from tests.runs import denying, small, write_recipe


def test_a_run_that_asks_for_nothing_says_so(tmp_path: Path) -> None:
    text = "name: x\nintents: {count: 1, tasks: [t2i]}\nsynthesize: {teacher: {name: fake}}"
    with pytest.raises(
        RunError, match=r"curate: nothing was asked for, or all of it is held out; raise intents\.count"
    ):
        run_recipe(load_recipe(write_recipe(tmp_path, text)), tmp_path / "run", "curate")


def test_a_curation_that_keeps_nothing_names_the_commonest_reason(tmp_path: Path) -> None:
    recipe = load_recipe(small(tmp_path, "accidents: 1"))
    with pytest.raises(RunError, match=r"none of \d+ prompts is kept, most often because: \w+"):
        run_recipe(recipe, tmp_path / "run", "curate")


PIE = ["Topic: apple pie"]


def curated(folder: Path, prompts: Sequence[str], intents: Sequence[str] = PIE, **recipe: Any) -> dict[str, list[str]]:
    """Return what a curation of pairs keeps, under "", and what it rejects, by its reasons."""
    file = folder / "pairs.jsonl"
    file.write_text("".join(json.dumps({"intents": intents, "task": "t2i", "prompt": each}) + "\n" for each in prompts))
    content = {"name": "x", "intents": {"count": 5}, "synthesize": {"pairs": str(file), "prompts_per_intents": 0}}
    done = run_recipe(load_recipe(write_recipe(folder, content | recipe)), folder / "run", "curate")
    found: dict[str, list[str]] = {"": [sample.prompt for sample in read_samples(done["curate"])]}
    for table in read_tables(done["curate"], "rejected"):
        for row in table.to_pylist():
            found.setdefault(row["reason"], []).append(row["prompt"])
    return found


@pytest.mark.parametrize("tolerated", [0, 1, 2])
def test_so_many_unknown_words_are_tolerated_as_the_recipe_says(tmp_path: Path, tolerated: int) -> None:
    prompts = [
        "an apple pie with a golden crust on a table",
        "one warm apple pie beside a zorblat jug in the morning",
        "slices of apple pie near a zorblat and a frindle by the window",
    ]
    found = curated(tmp_path, prompts, curate={"unknown_words": tolerated})
    assert found[""] == prompts[: tolerated + 1]
    assert found.get("unknown word: zorblat", []) == prompts[tolerated + 1 :]


@pytest.mark.parametrize(("share", "most"), [(0.03, 3), (0.05, 5), (1, 8)])
def test_no_more_prompts_begin_alike_than_the_recipe_s_share(tmp_path: Path, share: float, most: int) -> None:
    endings = [
        "a wooden table beside soft morning light",
        "an old blue plate while rain falls outside",
        "the porch of a farm under autumn leaves",
        "a marble counter dusted by white flour",
        "one checkered blanket near a quiet river",
        "some rusty stove with steam rising slowly",
        "stacked books in a sunny reading corner",
        "a market stall full of ripe fruit",
    ]
    prompts = [f"apple pie on {ending}" for ending in endings]
    found = curated(tmp_path, prompts, curate={"opener_share": share})
    assert found[""] == prompts[:most]
    assert found.get("common opening", []) == prompts[most:]


def test_the_policy_of_a_recipe_decides_what_is_denied(tmp_path: Path) -> None:
    prompts = ["an apple pie with a golden crust on a table", "one warm apple pie beside a jug in the morning"]
    assert curated(tmp_path, prompts) == {"": prompts}
    found = curated(tmp_path, prompts, policy=denying(tmp_path, "golden crust"))
    assert found == {"": prompts[1:], "denied: golden crust (ours)": prompts[:1]}
