"""Drawing from scores, against the chances that the rules leave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptlet.engines._constraint import Constraints, bar, take
from promptlet.engines._drawing import draw
from promptlet.engines.base import Sampling
from promptlet.student.format import load_student

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


def allowed_by_all_means(scores: np.ndarray, matcher: object) -> np.ndarray:
    """Ask for every token, one by one."""
    allowed = [bool(matcher.validate_tokens([token])) for token in range(len(scores))]  # type: ignore[attr-defined]
    return np.where(allowed, scores, np.float32(-np.inf))


RULES = (
    Sampling(),
    Sampling(min_p=0.5),
    Sampling(min_p=1),
    Sampling(min_p=0),
    Sampling(temperature=0),
    Sampling(top_p=0.9),
    Sampling(top_k=3),
    Sampling(temperature=2, min_p=1e-6),
)


def peaked(rng: np.random.Generator, size: int) -> Iterator[np.ndarray]:
    """Yield scores as a student has them: few tokens likely, or one, or many; and such as bar most."""
    for spread in (1, 4, 12):
        yield rng.normal(0, spread, size).astype(np.float32)
    barred = rng.normal(0, 4, size).astype(np.float32)
    barred[rng.random(size) < 0.9] = -np.inf
    yield barred


def test_what_the_grammar_leaves_is_drawn_as_if_every_token_had_been_asked_for(student_folder: Path) -> None:
    """Though only the likeliest are."""
    student, rng = load_student(student_folder), np.random.default_rng(1)
    matcher = Constraints(student.codec).matcher(student.commands["words"].grammar(6))
    for _ in range(6):
        for scores in peaked(rng, len(student.codec)):
            for sampling in RULES:
                expected = allowed_by_all_means(scores, matcher)
                found = scores.copy()
                bar(found, matcher, sampling)
                for uniform in (0.0, 0.3, 0.7, 0.999):
                    assert draw(found, sampling, uniform) == draw(expected, sampling, uniform), sampling
        written = int(expected.argmax())
        if written == student.codec.end_id:
            break
        take(matcher, written)
