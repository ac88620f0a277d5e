"""What is evaluated: a student, free and exact; a teacher or any endpoint, zero-shot and few-shot (Table 2).

Each system answers the same wishes. An answer goes to the journal before anything else happens to it, under a digest
of all that it depends on, so nothing is written twice.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from promptlet import registry
from promptlet.curation.checks import clean
from promptlet.errors import PromptletError, UsageError
from promptlet.evaluation.endpoints import FORMS, names_endpoint, open_endpoint, read_endpoint
from promptlet.evaluation.suites import Wish
from promptlet.generation import Generator
from promptlet.io.atomic import value_digest
from promptlet.io.journal import Journal
from promptlet.naming import split_name
from promptlet.progress import metering
from promptlet.prompting import chat_messages, choose_exemplars
from promptlet.runners.base import ask_all
from promptlet.runners.local import Local
from promptlet.student.format import default_student, load_student
from promptlet.tasks import load_task
from promptlet.teachers.base import Teacher, TeacherRequest, teacher_class

DEFAULT = "default"
"""The name of the student that comes with Promptlet."""
EMBEDDED = "embedded"
"""The name of the teacher that needs no endpoint."""
_SHOTS = 5
_MAX_TOKENS, _TEMPERATURE = 200, 0.6

Ask = tuple[str, Wish]
"""A wish with the digest of what its answer depends on."""
Entry = Mapping[str, Any]
"""What the journal holds of an answer: its `text`, or an `error`."""


@dataclass(frozen=True, slots=True)
class SystemOutput:
    """One prompt of a system, or why there is none."""

    wish: Wish
    text: str | None
    error: str = ""
    seconds: float | None = None
    """How long it took, where prompts are written one after another."""


class System(ABC):
    """Something that writes prompts to order."""

    name: str
    """What reports call it."""
    identity: str
    """Names the model, its version and how it is used."""

    def depends_on(self, wish: Wish) -> object:
        """Return, as JSON, what its answer to a wish depends on beside its identity."""
        return [wish.task, wish.target, wish.seed, *map(str, wish.intents)]

    @abstractmethod
    def check(self, wishes: Sequence[Wish]) -> None:
        """Refuse wishes that this system knows no task or target for.

        Raises:
            UsageError: naming it and what is allowed.
        """

    @abstractmethod
    def answer(self, asks: Sequence[Ask], journal: Journal) -> Iterator[Entry]:
        """Yield the journal's entry of each answer, once it was written there."""

    def close(self) -> None:  # noqa: B027 (students hold nothing between answers)
        """Let go of what it holds; it may be told so twice."""


class _Student(System):
    """A student's folder: left alone with the command, or as it is used, with the count enforced and the best drawn."""

    def __init__(self, folder: Path, name: str | None, exact: bool) -> None:
        self._student, self._exact = load_student(folder), exact
        self._folder = folder
        self.name = f"{name or self._student.description.name}, {'exact' if exact else 'free'}"
        digest = value_digest(self._student.description.digests)
        self.identity = f"student:{digest}:{'exact' if exact else 'free'}"

    def check(self, wishes: Sequence[Wish]) -> None:
        for task in {wish.task for wish in wishes}:
            if task not in self._student.tasks:
                message = registry.unknown("task", task, self._student.tasks)
                raise UsageError(f"the student {self._folder}: {message}; --task evaluates one task alone")
        words = self._student.commands.get("words")
        if words is None:
            raise UsageError(f"the student {self._folder} does not obey 'words', by which systems are compared")
        for target in {wish.target for wish in wishes}:
            words.parse(target)

    def answer(self, asks: Sequence[Ask], journal: Journal) -> Iterator[Entry]:
        generator = Generator.load(self._folder)
        how: dict[str, Any] = {"exact": True} if self._exact else {"exact": False, "candidates": 1}
        for identity, wish in asks:
            start = time.perf_counter()
            try:
                prompt = generator.generate(wish.intents, wish.task, wish.target, seed=wish.seed, **how)[0]
                result = {"text": prompt.prompt}
            except PromptletError as error:
                result = {"error": str(error)}
            entry = {"id": identity, **result, "seconds": round(time.perf_counter() - start, 6)}
            journal.append(entry)
            yield entry


class _Teacher(System):
    """A teacher, asked as for distillation, with exemplars or without."""

    def __init__(self, name: str, where: str, teacher: Teacher, shots: int) -> None:
        self._teacher, self._shots = teacher, shots
        self.name = f"{name}, {'few-shot' if shots else 'zero-shot'}"
        # Servers like to call whatever they serve by one name.
        place = value_digest(where)[:8] if where else ""
        self.identity = ":".join(filter(None, (teacher.identity, place, f"{shots} shots")))

    def depends_on(self, wish: Wish) -> object:
        return asdict(self._request(wish))

    def check(self, wishes: Sequence[Wish]) -> None:
        """Refuse nothing: a teacher is asked in words."""

    def answer(self, asks: Sequence[Ask], journal: Journal) -> Iterator[Entry]:
        runs = ([(identity, self._request(wish))] for identity, wish in asks)
        yield from ask_all(Local(), self._teacher, runs, journal)

    def close(self) -> None:
        self._teacher.close()

    def _request(self, wish: Wish) -> TeacherRequest:
        task = load_task(wish.task)
        shown = choose_exemplars(task, wish.intents, wish.target, self._shots)
        chat = chat_messages(task, shown, wish.intents, wish.target)
        return TeacherRequest(chat, max_tokens=_MAX_TOKENS, temperature=_TEMPERATURE, top_p=1.0, seed=wish.seed)


def open_systems(arguments: Sequence[str]) -> list[System]:
    """Return the systems that the command line names, two for each argument.

    Raises:
        UsageError: for an argument that names none, or two that name the same.
        StudentError: for a student's folder that can't be used.
        TeacherError: for an endpoint that can't be reached.
    """
    systems = [system for argument in arguments for system in _open(argument)]
    for name, count in Counter(system.name for system in systems).items():
        if count > 1:
            raise UsageError(f"{count} systems are called '{name}'; give each one of its own, as in mine=FOLDER")
    return systems


def students(arguments: Sequence[str]) -> dict[str, Path]:
    """Return the students' folders among what the command line names, by the students' names."""
    named = map(split_name, arguments)
    folders = [(name, folder) for name, argument in named if (folder := _student_folder(argument))]
    return {name or load_student(folder).description.name: folder for name, folder in folders}


def write_prompts(systems: Sequence[System], wishes: Sequence[Wish], journal: Journal) -> dict[str, list[SystemOutput]]:
    """Return what each system wrote for each wish, in order; only what the journal lacks or has as failed is asked for.

    Raises:
        TeacherError: if an endpoint does not answer any more.
    """
    for system in systems:
        system.check(wishes)
    kept: dict[str, Entry] = {**journal.latest()}
    asks = {system.name: [(_identity(system, wish), wish) for wish in wishes] for system in systems}
    due = {name: [ask for ask in each if "text" not in kept.get(ask[0], ())] for name, each in asks.items()}
    missing = sum(map(len, due.values()))
    with metering("prompts", "prompts", len(systems) * len(wishes), len(systems) * len(wishes) - missing) as meter:
        for system in systems:
            for entry in system.answer(due[system.name], journal):
                kept[entry["id"]] = entry
                meter.advance(note=system.name)
    return {name: [_output(wish, kept[identity]) for identity, wish in each] for name, each in asks.items()}


def _open(argument: str) -> tuple[System, System]:
    named, argument = split_name(argument)
    if argument == EMBEDDED:
        kind = teacher_class(EMBEDDED)
        teacher, name, where = kind.open(kind.Config()), "SmolLM2-135M-Instruct", ""
    elif names_endpoint(argument):
        config = read_endpoint(argument)
        teacher, name, where = open_endpoint(config), config.model, config.address
    elif folder := _student_folder(argument):
        return _Student(folder, named, exact=False), _Student(folder, named, exact=True)
    else:
        raise UsageError(
            f"'{argument}' is no student's folder, not '{DEFAULT}' or '{EMBEDDED}', and no endpoint: {FORMS}"
        )
    return _Teacher(named or name, where, teacher, 0), _Teacher(named or name, where, teacher, _SHOTS)


def _student_folder(argument: str) -> Path | None:
    if argument == DEFAULT:
        return default_student()
    if argument == EMBEDDED or names_endpoint(argument):
        return None
    return Path(argument) if Path(argument).is_dir() else None


def _identity(system: System, wish: Wish) -> str:
    return value_digest([system.identity, wish.test_set, wish.index, system.depends_on(wish)])[:32]


def _output(wish: Wish, entry: Entry) -> SystemOutput:
    if "error" in entry:
        return SystemOutput(wish, None, entry["error"])
    return SystemOutput(wish, " ".join(clean(entry["text"]).split()), seconds=entry.get("seconds"))
