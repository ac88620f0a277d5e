"""The student's tokenizer: byte-level BPE from scratch (library `tokenizers`) with one atomic token per control.

A training text (paper, Table 1) is ``<|19|><|intent|> Topic: birthday<|IP|> whimsical ...<|endoftext|>``. There is
no space before a control token: it would be a token of its own that says nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import chain
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from promptlet.commands import Command
from promptlet.errors import StudentError, UsageError
from promptlet.tasks import Task
from promptlet.types import Intents, Sample, render_intents

END = "<|endoftext|>"
INTENT = "<|intent|>"
DEFAULT_SIZE = 25_600
"""Tokens in the paper's vocabulary (section 3.3.2)."""

_REMEMBERED = 2**18
"""Words whose ids are kept."""


def control_tokens(commands: Iterable[Command], tasks: Iterable[Task]) -> list[str]:
    """Return all special tokens, end of text first."""
    return [END, INTENT, *(task.token for task in tasks), *(t for command in commands for t in command.tokens())]


def train_tokenizer(
    texts: Iterable[str], size: int, controls: list[str], denied: Callable[[str], bool] = lambda _: False
) -> Tokenizer:
    """Return a byte-level BPE of at most `size` tokens, controls included, trained on `texts`.

    No token is a text for which `denied` holds, even as a piece of longer words; those are written in other pieces.
    """
    if size < len(controls) + 256:
        raise UsageError(f"a vocabulary of {size} tokens is too small; at least {len(controls) + 256} are needed")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in controls],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _without(tokenizer, denied)


def extend_tokenizer(tokenizer: Tokenizer, controls: list[str]) -> Tokenizer:
    """Return another model's tokenizer with the controls among its special tokens; those it lacks come last."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in controls])
    return tokenizer


def _without(tokenizer: Tokenizer, denied: Callable[[str], bool]) -> Tokenizer:
    """Return the tokenizer without the tokens that are denied, and without those that only they make up."""
    content = json.loads(tokenizer.to_str())
    vocabulary, decoder = content["model"]["vocab"], decoders.ByteLevel()
    made = {left + right for left, right in content["model"]["merges"]}
    gone = {token for token in made if denied(decoder.decode([token]).strip())}
    if not gone:
        return tokenizer
    there = vocabulary.keys() - made
    merges = []
    for left, right in content["model"]["merges"]:
        if left in there and right in there and left + right not in gone:
            there.add(left + right)
            merges.append([left, right])
    kept = sorted(there, key=vocabulary.__getitem__)
    content["model"] |= {"vocab": {token: index for index, token in enumerate(kept)}, "merges": merges}
    # Controls come first, so their numbers stay.
    return Tokenizer.from_str(json.dumps(content))


class Codec:
    """Turns intents, task and commands into token ids and token ids into text: the one place that knows the format."""

    def __init__(self, tokenizer: Tokenizer, commands: Mapping[str, Command], tasks: Mapping[str, Task]) -> None:
        self.tokenizer, self.commands, self.tasks = tokenizer, dict(commands), dict(tasks)
        # Text is never read as a control: "<|19|>" in a user's words is six characters.
        self.tokenizer.encode_special_tokens = True
        self.control_ids = [self._id(token) for token in control_tokens(commands.values(), tasks.values())]
        self.end_id = self._id(END)
        self.unwritable_ids = [index for index in self.control_ids if index != self.end_id]
        """Controls that stand in heads only: a text that is written holds none but its end."""
        self._cuts_at_spaces = isinstance(tokenizer.pre_tokenizer, pre_tokenizers.ByteLevel)
        self._word = lru_cache(_REMEMBERED)(lambda text: tokenizer.encode(" " + text, add_special_tokens=False).ids)

    @classmethod
    def load(cls, path: Path, commands: Mapping[str, Command], tasks: Mapping[str, Task]) -> Codec:
        """Return the codec of a ``tokenizer.json``.

        Raises:
            StudentError: if the file is missing, damaged or lacks a control token.
        """
        if not path.is_file():
            raise StudentError(f"{path.parent} has no {path.name}")
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception for a damaged file
            raise StudentError(f"{path} is not a tokenizer: {error}") from error
        return cls(tokenizer, commands, tasks)

    def __len__(self) -> int:
        return self.tokenizer.get_vocab_size()

    def head(self, intents: Intents, task: str, values: Mapping[str, int]) -> list[int]:
        """Return the ids that ask for a prompt: commands, intents, task."""
        commands = [self._id(command.encode(values[name])) for name, command in self.commands.items()]
        return [*commands, self._id(INTENT), *self.ids(render_intents(intents)), self._id(self.tasks[task].token)]

    def commanded(self, head: list[int]) -> dict[str, int]:
        """Return the values that a head asks for: what `head` was given."""
        return {
            name: next(value for value in command.values() if self._id(command.encode(value)) == token)
            for (name, command), token in zip(self.commands.items(), head, strict=False)
        }

    def can_ask(self, wish: Sample, longest_head: int) -> bool:
        """Return whether a wish is of a task that the student knows, and no longer than what it was trained on."""
        first = {name: command.values()[0] for name, command in self.commands.items()}
        return wish.task in self.tasks and len(self.head(wish.intents, wish.task, first)) <= longest_head

    def encode(self, sample: Sample) -> tuple[list[int], int]:
        """Return the ids of a whole training text and the index at which the prompt starts."""
        head = self.head(sample.intents, sample.task, sample.commands)
        return [*head, *self.ids(sample.prompt), self.end_id], len(head)

    def decode(self, ids: list[int]) -> str:
        """Return the text of ids, controls left out, without surrounding space."""
        return self.tokenizer.decode(ids, skip_special_tokens=True).strip()

    def ids(self, text: str) -> list[int]:
        """Return the ids of a text and the space before it.

        A byte-level tokenizer cuts before each single space and joins nothing across a cut, so a word's ids are always
        the same: they are looked up, which is many times as fast.
        """
        if self._cuts_at_spaces and " ".join(text.split()) == text:
            return list(chain.from_iterable(map(self._word, text.split(" "))))
        return list(self._word(text))

    def _id(self, token: str) -> int:
        index = self.tokenizer.token_to_id(token)
        if index is None:
            raise StudentError(f"the tokenizer has no token '{token}'")
        return index
