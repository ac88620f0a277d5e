"""Numbers about texts: intervals, lengths, variety, copies, and what anchors are."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptlet.embedding import load_embedder
from promptlet.evaluation.adherence import PAPER, measure_adherence
from promptlet.evaluation.anchors import DAMAGES, GOOD, MISSING_INTENTS, WORD_SALAD, WRONG_TOPIC, auc, make_anchors
from promptlet.evaluation.bootstrap import interval
from promptlet.evaluation.diversity import measure_diversity, spread
from promptlet.evaluation.novelty import measure_novelty
from promptlet.evaluation.suites import SUITES, TABLE_3
from promptlet.io.prompts import open_prompts
from promptlet.stemming import stems
from promptlet.tasks import load_task
from promptlet.types import Intent, Sample


def test_an_interval_holds_the_mean_of_new_samples_nineteen_times_of_twenty() -> None:
    rng = np.random.default_rng(1)
    found = [interval(rng.exponential(2.0, 80)) for _ in range(200)]
    held = np.mean([each.low <= 2.0 <= each.high for each in found])
    assert 0.88 <= held <= 0.99
    assert all(each.low < each.value < each.high for each in found)


def test_ten_thousand_resamples_of_a_table_take_less_than_two_seconds() -> None:
    counts = np.random.default_rng(1).integers(18, 23, 500).tolist()
    start = time.process_time()
    rows = [measure_adherence(20, counts, seed) for seed in (7, 7)]
    assert (time.process_time() - start) / len(rows) < 2
    assert rows[0] == rows[1] != measure_adherence(20, counts, 8)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=30), st.integers(5, 40))
def test_errors_are_consistent_with_each_other(counts: list[int], target: int) -> None:
    row = measure_adherence(target, counts)
    assert row.mean.value == pytest.approx(np.mean(counts), abs=1e-4)
    assert row.mse.value >= row.bias.value**2 - 1e-4
    assert row.rmse.value >= row.mae.value - 1e-4
    assert row.exact.value <= row.within_2.value
    assert row.within_2.value == pytest.approx(np.mean([abs(count - target) <= 2 for count in counts]), abs=1e-4)


def test_the_papers_square_error_can_only_be_an_absolute_one() -> None:
    row = PAPER[35]
    assert row["mae"] < (row["mean"] + 0.05 - 35) ** 2


def test_spread_is_the_mean_distance_of_two_texts() -> None:
    vectors = load_embedder().embed(["a red fox", "a tax form", "a red fox", "a cake"])
    pairs = [1 - float(vectors[i] @ vectors[j]) for i in range(4) for j in range(4) if i != j]
    assert spread(vectors) == pytest.approx(np.mean(pairs), abs=1e-5)
    assert spread(vectors[:1]) is None


def test_vectors_are_kept_for_the_next_process_and_made_again_if_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    embedder, texts = load_embedder(), ["a red fox", "a tax form"]
    found = embedder.embed_once(texts)
    (kept,) = tmp_path.rglob("*.npy")
    monkeypatch.setattr(embedder, "embed", lambda _: pytest.fail("they were kept"))
    assert np.array_equal(embedder.embed_once(texts), found)
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept.write_bytes(kept.read_bytes()[:100])
    assert np.array_equal(embedder.embed_once(texts), found)
    assert np.array_equal(np.load(kept), found)


def test_the_same_opening_and_the_same_text_show() -> None:
    def samples(*prompts: str) -> list[Sample]:
        return [Sample((Intent("Topic", "fox"),), "t2i", prompt) for prompt in prompts]

    same = measure_diversity(samples(*["a red fox in snow"] * 4))
    mixed = measure_diversity(samples("a red fox in snow", "A red fox runs", "foxes by the sea", "one den at night"))
    assert (same.opener, same.opener_share, mixed.opener_share) == ("a red fox", 1.0, 0.5)
    assert same.spread_per_intents == pytest.approx(0, abs=1e-6)
    assert mixed.spread_per_intents == mixed.spread
    assert mixed.self_bleu < same.self_bleu
    assert mixed.distinct > same.distinct


def test_copies_of_training_data_are_counted(tmp_path: Path) -> None:
    learned = "a small red fox sleeps under the old oak tree in autumn"
    (tmp_path / "data.jsonl").write_text(json.dumps({"prompt": learned}) + "\nno json\n" + json.dumps({"text": 1}))
    outputs = {
        "one": ["too short to count", f"Look: {learned.upper()}", "A small red fox sleeps under the old!", "x " * 9],
        "other": ["a quiet lake with seven tall birches and one boat"],
    }
    found = measure_novelty(outputs, open_prompts(tmp_path / "data.jsonl"))
    assert (found["one"].prompts, found["one"].touching, found["one"].copied) == (3, 2, 1)
    assert found["other"].touching == 0


def test_every_damage_spoils_what_it_says() -> None:
    anchors = make_anchors(("t2i", "t2t"), 9, 1)
    kinds = [kind for kind, _ in anchors]
    assert all(kinds.count(kind) == 9 for kind in (GOOD, *DAMAGES))
    assert anchors == make_anchors(("t2i", "t2t"), 9, 1) != make_anchors(("t2i", "t2t"), 9, 2)
    for place in range(0, len(anchors), 4):
        found = dict(anchors[place : place + 4])
        good = found[GOOD]
        assert good.prompt in [each.prompt for each in load_task(good.task).exemplars]
        wanted = {stem for intent in good.intents for stem in stems(intent.value)}
        assert wanted.isdisjoint(stems(found[WRONG_TOPIC].prompt))
        assert sorted(found[WORD_SALAD].prompt.split()) == sorted(good.prompt.split())
        assert found[WORD_SALAD].prompt != good.prompt
        added = set(found[MISSING_INTENTS].intents) - set(good.intents)
        assert added
        assert all(set(stems(intent.value)).isdisjoint(stems(good.prompt)) for intent in added)


def test_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    assert auc([3, 4], [1, 2]) == 1
    assert auc([1, 2], [3, 4]) == 0
    assert auc([8, 8], [8, 8, 8]) == 0.5
    assert auc([2, 4], [3]) == 0.5
    assert auc([], [1]) is auc([1], []) is None


def test_every_system_is_asked_for_the_same_in_the_same_order() -> None:
    wishes = SUITES["paper"].wishes(("t2i", "t2t"), 1)
    assert wishes == SUITES["paper"].wishes(("t2i", "t2t"), 1)
    asked = Counter((wish.test_set, wish.target) for wish in wishes)
    assert asked == {("unseen_nodes", 20): 500} | {("unseen_combinations", target): 500 for target in TABLE_3}
    assert len(set(wishes)) == len(wishes)
    assert {wish.task for wish in SUITES["quick"].wishes(("t2t",), 1)} == {"t2t"}
