"""Speed as a part of other reports: a short measurement of students, kept for as long as they and the machine stay."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from promptlet.cores import usable_cores
from promptlet.errors import RunError
from promptlet.io.atomic import write_json
from promptlet.speed.contenders import OurEngine
from promptlet.speed.machine import machine_facts, read_bandwidth
from promptlet.speed.measuring import Measured, measure
from promptlet.student.format import load_student

NAME = "speed.json"
_ENGINE, _TOKENS, _REPEATS, _STARTS = "llamacpp", 64, 5, 2
_PASSING = "load"
"""The fact about a machine that is another one every time."""


@dataclass(frozen=True)
class Speed:
    """How fast students write on a machine."""

    facts: Mapping[str, Any]
    """What the machine is like."""
    bandwidth: float
    """Bytes that it reads per second."""
    students: Mapping[str, str]
    """Name -> digest."""
    contenders: list[Measured]


def measure_speed(students: Mapping[str, Path], folder: Path) -> Speed:
    """Return how fast some students' folders write, as ``speed.json`` in `folder` says, or as is measured and kept now.

    Raises:
        StudentError: for a folder that can't be used.
        RunError: if what was kept can't be read.
    """
    digests = {name: load_student(path).digest for name, path in students.items()}
    facts, kept = machine_facts(), read_speed(folder)
    if kept and kept.students == digests and _lasting(kept.facts) == _lasting(facts):
        return kept
    cores = usable_cores()
    contenders = [OurEngine(name, _ENGINE, path, cores) for name, path in students.items()]
    found = measure(contenders, _TOKENS, _REPEATS, _STARTS)
    speed = Speed(facts, read_bandwidth(cores), digests, found)
    write_json(folder / NAME, asdict(speed))
    return speed


def read_speed(folder: Path) -> Speed | None:
    """Return what is kept in a folder, if anything is.

    Raises:
        RunError: if it can't be read.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        return TypeAdapter(Speed).validate_python(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, ValidationError) as error:
        raise RunError(f"{path} is not what `promptlet evaluate` wrote; remove it to measure again") from error


def _lasting(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: fact for name, fact in facts.items() if name != _PASSING}
