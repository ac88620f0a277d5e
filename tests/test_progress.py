"""Progress: what is said is said as it stands."""

from __future__ import annotations

import pytest

from promptlet.progress import metering


def test_a_note_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    with metering("prompts", "prompts", 2) as meter:
        meter.advance(2, note="fox [v2] [/] [red]")
    assert "fox [v2] [/] [red]" in capsys.readouterr().err
