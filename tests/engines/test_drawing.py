"""Drawing from scores, against the chances that the rules leave."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptlet.engines._drawing import draw
from promptlet.engines.base import Sampling

CHANCES = np.array([0.05, 0.4, 0.0, 0.1, 0.3, 0.15])
with np.errstate(divide="ignore"):
    SCORES = np.log(CHANCES).astype(np.float32)


@pytest.mark.parametrize(
    ("sampling", "kept"),
    [
        (Sampling(temperature=1, min_p=0), {0, 1, 3, 4, 5}),
        (Sampling(temperature=1, min_p=0.3), {1, 4, 5}),
        (Sampling(temperature=1, min_p=0, top_k=2), {1, 4}),
        (Sampling(temperature=1, min_p=0, top_p=0.72), {1, 4, 5}),
        (Sampling(temperature=1, min_p=0, top_p=0.5, top_k=4), {1, 4}),
        (Sampling(temperature=1, min_p=0.5, top_k=5, top_p=0.9), {1, 4}),
        (Sampling(temperature=0), {1}),
    ],
)
def test_tokens_come_as_often_as_their_chances_say(sampling: Sampling, kept: set[int]) -> None:
    count = 20_000
    drawn = np.bincount([draw(SCORES, sampling, (place + 0.5) / count) for place in range(count)], minlength=6)
    left = np.where(np.isin(np.arange(6), list(kept)), CHANCES, 0)
    assert drawn / count == pytest.approx(left / left.sum(), abs=1e-3)


def test_temperature_sharpens() -> None:
    count = 20_000
    cold = Sampling(temperature=0.5, min_p=0)
    drawn = np.bincount([draw(SCORES, cold, (place + 0.5) / count) for place in range(count)], minlength=6)
    assert drawn / count == pytest.approx(CHANCES**2 / (CHANCES**2).sum(), abs=1e-3)


@given(
    st.lists(st.floats(-50, 0, width=32), min_size=1, max_size=40),
    st.floats(0.01, 2),
    st.floats(0, 1),
    st.floats(0, 1, exclude_max=True),
)
def test_what_is_barred_is_never_drawn(scores: list[float], temperature: float, min_p: float, uniform: float) -> None:
    barred = np.array([*scores, -np.inf, *scores], dtype=np.float32)
    assert draw(barred, Sampling(temperature=temperature, min_p=min_p), uniform) != len(scores)
