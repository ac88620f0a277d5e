"""Stage 2, tune: a small teacher learns from the exemplars what it would else be shown with every request.

A teacher of 135M parameters imitates five exemplars poorly: it copies the wish and rambles. Tuned on the hundreds that
the tasks have, it needs none of them to be shown, writes like them, and is asked in a third of the tokens. Large
teachers need no tuning; by default there is none.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

from promptlet.commands.words import count_words
from promptlet.errors import RunError, UsageError
from promptlet.extras import needing
from promptlet.io.atomic import replacing_folder
from promptlet.io.manifest import Manifest
from promptlet.pretrained import load_pretrained, locate_model, model_digest
from promptlet.prompting import chat_messages
from promptlet.stages.base import CommonConfig, Context, Stage, StageConfig, TaskNames, require_training, task_digests
from promptlet.student.config import LoopConfig, defaulting
from promptlet.student.names import BEST, MODEL
from promptlet.tasks import load_task

_HELD_OUT = 20
"""One of so many exemplars is held out: the weights that find those likeliest are taken."""
TUNED = "tuned on exemplars"
"""What the identity of a tuned teacher says."""


_LOOP: dict[str, Any] = {"steps": 300, "batch": 16, "learning_rate": 2e-4, "warmup": 20, "evaluate_every": 50}


class TuneConfig(StageConfig):
    """Which model learns, and how."""

    model: str | None = None
    """A chat model: a Hugging Face folder, a GGUF file, or `smollm2`, the packaged one. Left out: the teacher stays
    as it is."""
    tasks: TaskNames = ("t2i", "t2t")
    """Whose exemplars it learns: those of `intents.tasks`, for others it would have to be shown."""
    loop: Annotated[LoopConfig, defaulting(_LOOP)] = LoopConfig(**_LOOP)


class TuneStage(Stage):
    """Writes the tuned teacher as a Hugging Face folder, which synthesize then asks."""

    name = "tune"
    Config = TuneConfig

    def materials(self, config: TuneConfig) -> dict[str, str]:
        if config.model is None:
            return {}
        return {"model": model_digest(locate_model(config.model))} | task_digests(config.tasks)

    def require(self, config: TuneConfig, common: CommonConfig) -> None:  # noqa: ARG002
        if config.model is not None:
            require_training("tuning a teacher")

    def run(self, config: TuneConfig, context: Context) -> dict[str, Any]:
        if config.model is None:
            return {}
        with needing("tuning a teacher", "train"):
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer

            from promptlet.student.data import Encoded
            from promptlet.student.loop import train
        path = locate_model(config.model)
        tokenizer = load_pretrained(AutoTokenizer, path, UsageError)
        if not tokenizer.chat_template:
            raise UsageError(f"tune.model: {path} is no chat model: its tokenizer has no chat template")
        rows = list(_encoded(config.tasks, tokenizer))
        random.Random(context.common.seed).shuffle(rows)
        held_out = len(rows) // _HELD_OUT
        if not held_out:
            raise RunError(f"{', '.join(config.tasks)}: {len(rows)} exemplars; {_HELD_OUT} are needed to tune")
        torch.manual_seed(context.common.seed)
        model = load_pretrained(AutoModelForCausalLM, path, UsageError, dtype=torch.float32)
        validation, training = Encoded.of(rows[:held_out]), Encoded.of(rows[held_out:])
        end = tokenizer.eos_token_id
        outcome = train(model, training, validation, config.loop, end, context.common.seed, context.folder)
        with replacing_folder(context.folder / MODEL) as folder:
            shutil.copytree(context.folder / BEST, folder, dirs_exist_ok=True)
            tokenizer.save_pretrained(folder)
        return {
            "model": path.stem,
            "exemplars": len(training),
            "steps": outcome.steps,
            "best held-out loss": round(outcome.best_loss, 4),
        }


def tuned(folder: Path) -> Path | None:
    """Return the tuned teacher that a finished stage left in its folder, or None."""
    model = folder / MODEL
    return model if model.is_dir() else None


def origin(folder: Path) -> str:
    """Return what a teacher's identity begins with: the model that was tuned, or nothing."""
    manifest = Manifest.read(folder)
    model = manifest.counts.get("model") if manifest else None
    return f"{model}, {TUNED}: " if model else ""


def _encoded(tasks: Iterable[str], tokenizer: Any) -> Iterator[tuple[list[int], int]]:
    """Yield the token ids of each exemplar as an answered request without exemplars, and where its answer begins."""
    for task in map(load_task, tasks):
        for exemplar in task.exemplars:
            chat = list(chat_messages(task, (), exemplar.intents, count_words(exemplar.prompt)))
            asked = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
            head = tokenizer(asked, add_special_tokens=False)["input_ids"]
            answer = tokenizer(exemplar.prompt, add_special_tokens=False)["input_ids"]
            yield [*head, *answer, tokenizer.eos_token_id], len(head)


STAGE = TuneStage
