"""Commands: what can be measured on a prompt and asked for by a token. One file each, found by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from promptlet import registry
from promptlet.commands.base import Command
from promptlet.types import Sample

__all__ = ["Command", "label", "make_commands", "with_defaults"]


def make_commands(settings: Mapping[str, Mapping[str, Any]] | Iterable[str]) -> dict[str, Command]:
    """Return the commands of these names, in order, each with its settings (those of a recipe or a student)."""
    table = settings if isinstance(settings, Mapping) else {key: {} for key in settings}
    return {name: registry.load(__name__, name).COMMAND.make(table[name]) for name in table}


def with_defaults(commands: Mapping[str, Command], values: Mapping[str, int]) -> dict[str, int]:
    """Return the values to ask for: those given, and the best of the commands that have one."""
    best = {name: value for name, command in commands.items() if (value := command.default()) is not None}
    return best | dict(values)


def label(commands: Mapping[str, Command], sample: Sample) -> Sample | None:
    """Return the sample labelled with what its prompt achieves, or None if that can't be asked for."""
    achieved = {name: command.measure(sample) for name, command in commands.items()}
    askable = all(value in commands[name].values() for name, value in achieved.items())
    return replace(sample, commands=achieved) if askable else None
