"""A student's folder: weights, tokenizer, and ``promptlet.json``, which says what the student can be asked for.

A folder that lacks a part, or whose files are not those that its description was written for, does not load.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from promptlet.commands import Command, make_commands
from promptlet.errors import StudentError, UsageError
from promptlet.io.atomic import file_digest, write_json
from promptlet.tasks import Task, load_task
from promptlet.tokenizer import Codec

DESCRIPTION, TOKENIZER, GGUF, CARD = "promptlet.json", "tokenizer.json", "model.gguf", "README.md"
VERSION = 1


@dataclass(frozen=True)
class Student:
    """A checked student's folder.

    `controls` are the settings of its commands and the tokens of its tasks; `longest_head` is the most tokens of
    commands and intents that it was trained on; `context` is the most tokens in all.
    """

    folder: Path
    name: str
    commands_settings: Mapping[str, Mapping[str, Any]]
    task_tokens: Mapping[str, str]
    longest_head: int
    context: int
    digests: Mapping[str, str]

    @cached_property
    def commands(self) -> dict[str, Command]:
        """The commands that the student obeys, by name, in the order of their tokens."""
        return make_commands(self.commands_settings)

    @cached_property
    def tasks(self) -> dict[str, Task]:
        """The tasks that the student knows, by name."""
        return {name: load_task(name) for name in self.task_tokens}

    @cached_property
    def codec(self) -> Codec:
        """The student's tokenizer."""
        return Codec.load(self.folder / TOKENIZER, self.commands, self.tasks)

    @property
    def digest(self) -> str:
        """What identifies the weights: the first 16 digits of their SHA-256."""
        return self.digests[GGUF][:16]

    def check_head(self, ids: list[int]) -> None:
        """Refuse intents that are longer than any that the student was trained on."""
        if len(ids) > self.longest_head:
            raise UsageError(f"the intents are {len(ids)} tokens long; this student allows {self.longest_head}")


def default_student() -> Path:
    """Return the folder of the student that the package ships."""
    return Path(str(resources.files("promptlet"))) / "models" / "default"


def load_student(folder: Path) -> Student:
    """Return the student in `folder`, every file checked against its digest.

    Raises:
        StudentError: if the folder is missing, incomplete, damaged, or of another version.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise StudentError(f"{folder} is no student's folder: it has no {DESCRIPTION}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content.pop("version")
        student = Student(folder=folder, **content)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StudentError(f"{path} can't be read: {error}") from error
    if version != VERSION:
        raise StudentError(f"{path} has version {version}; this promptlet reads version {VERSION}")
    for name, digest in student.digests.items():
        file = folder / name
        if not file.is_file():
            raise StudentError(f"{folder} has no {name}")
        if file_digest(file) != digest:
            raise StudentError(f"{file} is damaged: its digest is not the one in {DESCRIPTION}")
    for name, token in student.task_tokens.items():
        if load_task(name).token != token:
            raise StudentError(f"{path} knows the task '{name}' by another token, {token}")
    return student


def write_description(
    folder: Path, name: str, controls: Mapping[str, Any], context: int, files: tuple[str, ...]
) -> None:
    """Write ``promptlet.json`` for the files that lie in `folder`."""
    student = Student(
        folder=folder,
        name=name,
        commands_settings=controls["commands"],
        task_tokens=controls["tasks"],
        longest_head=controls["longest_head"],
        context=context,
        digests={file: file_digest(folder / file) for file in files},
    )
    content = asdict(student)
    del content["folder"]
    write_json(folder / DESCRIPTION, {"version": VERSION} | content)
