"""Making a run's student the one that ships: what the card can't tell of leaves the shipped one as it is."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from promptlet.student.format import CARD, load_student
from tests.conftest import ROOT, SMOKE


@pytest.fixture
def ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the script, whose shipped student is a file in a folder of the test."""
    spec = importlib.util.spec_from_file_location("ship", ROOT / "scripts" / "ship.py")
    assert spec
    assert spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    shipped = tmp_path / "default"
    shipped.mkdir()
    (shipped / "model.gguf").write_text("shipped before")
    monkeypatch.setattr(script, "default_student", lambda: shipped)
    return script


def shipping(script: ModuleType, run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "argv", ["ship.py", str(run), str(SMOKE), "--trained-on", "one toaster"])
    script.main()
    shipped: Path = script.default_student()
    return shipped


def test_another_teacher_or_model_is_refused_and_the_shipped_student_stays(
    ship: ModuleType, smoke: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match="this run's teacher is fake"):
        shipping(ship, smoke["export"].parent, monkeypatch)
    with pytest.raises(SystemExit, match="GPT-2 students that were trained from scratch"):
        ship.check_claims({name: ship.Manifest.read(folder) for name, folder in smoke.items()}, {"model_type": "llama"})
    assert (tmp_path / "default" / "model.gguf").read_text() == "shipped before"


def test_what_the_card_can_tell_of_ships_with_its_card(
    ship: ModuleType, smoke: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ship, "TEACHER", "fake")
    monkeypatch.setattr(ship, "WISHES", [])  # the smoke run's student writes nothing to show
    shipped = shipping(ship, smoke["export"].parent, monkeypatch)
    assert load_student(shipped).description.name == "smoke"
    told = json.loads((smoke["train"] / "model" / "config.json").read_text())
    card = (shipped / CARD).read_text()
    assert f"GPT-2, {told['n_layer']} layers" in card
    assert "of up to\n24 draws" in card
