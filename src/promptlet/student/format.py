"""A student's folder: weights, tokenizer, the words it was taught, and ``promptlet.json``: what it can be asked for.

A folder that lacks a part, or whose files are not those that its description was written for, does not load. The
weights lie there more than once, for different engines: each file of them is checked when it is opened.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from promptlet.commands import Command, make_commands
from promptlet.errors import StudentError, UsageError
from promptlet.io.atomic import file_digest, write_json, write_text
from promptlet.stemming import stem, terms, without_accents
from promptlet.tasks import Task, load_task
from promptlet.tokenizer import END, Codec
from promptlet.validation import explain
from promptlet.vocabulary import Policy, load_policy
from promptlet.vocabulary.spelling import Spelling

DESCRIPTION, TOKENIZER, GGUF, CARD = "promptlet.json", "tokenizer.json", "model.gguf", "README.md"
WORDS_FILE = "words.txt"
CONFIG = "config.json"
"""The model's shape, for transformers; folders that only llama.cpp runs have none."""
WEIGHTS = "model.safetensors"
"""The weights for transformers; those for llama.cpp are `GGUF`."""
QUANTIZATIONS = ("F16", "Q8_0", "Q4_0")
"""How exactly the weights for llama.cpp are stored."""
POLICY = "policy.yaml"
"""The vocabulary policy of the recipe, if it named one."""


class Description(BaseModel):
    """The content of ``promptlet.json``."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    version: Literal[1] = 1
    name: str
    commands: dict[str, dict[str, Any]]
    """The settings of the commands that the student obeys, in the order of their tokens."""
    tasks: dict[str, str]
    """The tasks that it knows, each with its token."""
    longest_head: int = Field(ge=1)
    """Most tokens of commands and intents that it was trained on."""
    context: int = Field(ge=1)
    """Most tokens in all."""
    quantization: str | None = None
    """The precision of the weights for llama.cpp."""
    digests: dict[str, str]
    """SHA-256 of the files that lie beside the description."""


@dataclass(frozen=True)
class Student:
    """A checked student's folder."""

    folder: Path
    description: Description

    @cached_property
    def commands(self) -> dict[str, Command]:
        """The commands that the student obeys, by name, in the order of their tokens."""
        return make_commands(self.description.commands)

    @cached_property
    def tasks(self) -> dict[str, Task]:
        """The tasks that the student knows, by name."""
        return {name: load_task(name) for name in self.description.tasks}

    @cached_property
    def codec(self) -> Codec:
        """The student's tokenizer.

        Raises:
            StudentError: if it is damaged, or has tokens that the model lacks.
        """
        codec = Codec.load(self.folder / TOKENIZER, self.commands, self.tasks)
        if CONFIG in self.description.digests:
            known = json.loads(self.file(CONFIG).read_bytes())["vocab_size"]
            if known < len(codec):
                raise StudentError(f"{self.folder}: {TOKENIZER} has {len(codec)} tokens, and the model knows {known}")
        return codec

    @cached_property
    def words(self) -> frozenset[str]:
        """The words of the prompts that it was taught, as `terms` gives them; another is likely made up from pieces."""
        return frozenset(without_accents((self.folder / WORDS_FILE).read_text(encoding="utf-8")).splitlines())

    def knows(self, text: str) -> bool:
        """Return whether it was taught the words of a text, in some form; numbers need not be taught."""
        return all(term.isdigit() or term in self.words or self._knows_form(term) for term in terms(text))

    def untaught(self, texts: Iterable[str]) -> list[str]:
        """Return the words of some texts that it does not know, each once; emoji are none of its words."""
        words = dict.fromkeys(word for text in texts for word in text.split())
        asked = Spelling.of(words, self.knows).asked
        return [
            word
            for word in words
            if not (self.knows(word) or self.knows(asked(word)) if terms(word) else word.isascii())
        ]

    def writes(self, text: str) -> bool:
        """Return whether it was taught to write the words of a text in just this form."""
        return all(term.isdigit() or term in self.words for term in terms(text))

    def _knows_form(self, term: str) -> bool:
        wanted = stem(term)
        return any(stem(word) == wanted for word in self._words_by_beginning.get(term[:2], ()))

    @cached_property
    def _words_by_beginning(self) -> dict[str, list[str]]:
        """The words by their first two letters, in which all forms of a word are alike; stems of all are slow."""
        found: dict[str, list[str]] = {}
        for word in self.words:
            found.setdefault(word[:2], []).append(word)
        return found

    @cached_property
    def policy(self) -> Policy:
        """The policy that the student was made under; the package's, unless its recipe named another."""
        return load_policy(self.folder / POLICY if POLICY in self.description.digests else None)

    def file(self, name: str) -> Path:
        """Return the path of a file that is what the description was written for.

        Raises:
            StudentError: if it is missing or damaged.
        """
        path = self.folder / name
        if not path.is_file():
            raise StudentError(f"{self.folder} has no {name}")
        if file_digest(path) != self.description.digests[name]:
            raise StudentError(f"{path} is damaged: its digest is not the one in {DESCRIPTION}")
        return path

    @property
    def digest(self) -> str:
        """What identifies the weights: the first 16 digits of their SHA-256."""
        return self.description.digests[GGUF][:16]

    def check_head(self, ids: list[int]) -> None:
        """Refuse intents that are longer than any that the student was trained on."""
        if len(ids) > self.description.longest_head:
            most = self.description.longest_head
            raise UsageError(f"the intents are {len(ids)} tokens long; this student allows {most}", "intents")


def default_student() -> Path:
    """Return the folder of the student that the package ships."""
    return Path(str(resources.files("promptlet"))) / "models" / "default"


def load_student(folder: Path) -> Student:
    """Return the student in `folder`, every file checked against its digest but the weights (see `Student.file`).

    Raises:
        StudentError: if the folder is missing, incomplete, damaged, or of another version.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise StudentError(f"{folder} is no student's folder: it has no {DESCRIPTION}")
    try:
        description = Description.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise StudentError(f"{path} can't be used: {explain(error, Description)}") from error
    for name in {TOKENIZER, GGUF, WORDS_FILE} - description.digests.keys():
        raise StudentError(f"{path} names no digest of {name}")
    student = Student(folder, description)
    for name in description.digests.keys() - {GGUF, WEIGHTS}:
        student.file(name)
    for name, token in description.tasks.items():
        if load_task(name).token != token:
            raise StudentError(f"{path} knows the task '{name}' by another token, {token}")
    return student


def check_commands(folder: Path, commands: Mapping[str, Command]) -> None:
    """Refuse to go on from a student that is damaged or obeys other commands; other models obey none and are fine.

    Raises:
        UsageError: naming what the student obeys, and what is asked for.
        StudentError: for a damaged student.
    """
    if (folder / DESCRIPTION).exists():
        student = load_student(folder)
        theirs = student.description.commands
        ours = {name: command.settings() for name, command in commands.items()}
        if list(theirs.items()) != list(ours.items()):
            raise UsageError(f"tokenize.commands is {ours}; the student {folder} was trained with {theirs}")
        if WEIGHTS in student.description.digests:
            student.file(WEIGHTS)


def write_description(folder: Path, description: Description, files: Iterable[str]) -> None:
    """Write ``promptlet.json`` into `folder`, with the digests of the named files there."""
    digests = {name: file_digest(folder / name) for name in files}
    whole = description.model_copy(update={"digests": digests})
    write_text(folder / DESCRIPTION, whole.model_dump_json(indent=2) + "\n")


def write_tokenizer_config(folder: Path, context: int) -> None:
    """Write what transformers reads beside the tokenizer, of a student whose texts have so many tokens at most."""
    tokens = {"bos_token": END, "eos_token": END, "pad_token": END}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": context}
    write_json(folder / "tokenizer_config.json", settings | tokens)


def copy_parts(student: Student, folder: Path) -> list[str]:
    """Copy all that llama.cpp and the codec take of a student into `folder`, and return the names of these files."""
    files = [name for name in (GGUF, TOKENIZER, WORDS_FILE, POLICY) if name in student.description.digests]
    for name in files:
        shutil.copy(student.folder / name, folder / name)
    return files
