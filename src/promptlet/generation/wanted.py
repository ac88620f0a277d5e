"""What a request asks of a student's commands, and how much of a wish it can be asked for."""

from __future__ import annotations

from dataclasses import replace

from promptlet import registry
from promptlet.commands.words import Words
from promptlet.errors import UsageError, about
from promptlet.generation.request import Request
from promptlet.student.format import Student
from promptlet.types import Intents

DEFAULT_WORDS = 20


def wanted_values(request: Request, student: Student) -> dict[str, range]:
    """Return, by command of a student, the values that satisfy a request.

    Raises:
        UsageError: for a command that the student lacks, or a value that it can't be asked for.
    """
    for name in request.commands:
        if name in student.commands:
            continue
        if name in registry.names("promptlet.commands"):
            raise UsageError(f"this student does not obey '{name}'; it obeys: {', '.join(student.commands)}", name)
        raise UsageError(registry.unknown("setting", name, [*Request.model_fields, *student.commands]), name)
    wanted = {}
    for name, command in student.commands.items():
        values = command.values()
        usual = min(max(DEFAULT_WORDS, values[0]), values[-1]) if name == Words.name else command.default()
        asked = request.commands.get(name, usual)
        if asked is None:
            raise UsageError(f"this student must be asked for '{name}'; {values[0]} to {values[-1]} are allowed", name)
        with about(name):
            wanted[name] = command.parse(asked)
    if request.keep and Words.name not in wanted:
        raise UsageError("this student does not obey 'words', which terms are kept by", "keep")
    return wanted


def fitting(intents: Intents, task: str, student: Student) -> Intents:
    """Return the first intents, as many as the student was ever asked for together, or the first words of one."""
    longest = student.description.longest_head
    values = {name: command.values()[0] for name, command in student.commands.items()}
    while len(student.codec.head(intents, task, values)) > longest:
        *others, last = intents
        words = last.value.split()
        if not others and len(words) == 1:
            break
        intents = tuple(others) if others else (replace(last, value=" ".join(words[:-1])),)
    return intents


def with_room(wanted: range, kept: int) -> range:
    """Return the counts that leave the student a word beside so many kept ones.

    Raises:
        UsageError: if there is none.
    """
    if wanted[-1] <= kept:
        message = f"the kept terms have {kept} words, which leaves no room in {wanted[-1]}; more are allowed"
        raise UsageError(message, "words")
    return range(kept + 1, wanted[-1] + 1)
