"""The naive curation of benchmarks/ gives the reasons that the fast one gives: neither drifts unseen."""

from __future__ import annotations

import pytest

from promptlet.curation.examining import Examiner
from promptlet.vocabulary import load_policy
from tests.conftest import ROOT


def test_the_fast_checks_give_the_reasons_of_naive_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import naive
    import pairs

    table = next(pairs.tables(3000, seed=2))
    judge = naive.Naive(load_policy())
    slow = [judge.reason(row) for row in table.to_pylist()]
    fast = [reason and reason.partition(":")[0] for reason in Examiner()(table)["reason"].to_pylist()]
    assert fast == slow
    assert len(set(fast)) >= 8
