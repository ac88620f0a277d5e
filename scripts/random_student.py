"""Make a student of any preset with random weights, through the real export: its speed is that of a trained one.

python scripts/random_student.py FOLDER [--preset gpt2-104m] [--tokens 25600] [--quantization Q8_0]
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch

from promptlet.commands import make_commands
from promptlet.io.atomic import write_json, write_text
from promptlet.io.manifest import Manifest
from promptlet.stages.base import CommonConfig, Context
from promptlet.stages.export import STUDENT, ExportConfig, ExportStage
from promptlet.stages.tokenize import CONTROLS
from promptlet.student.config import PRESETS
from promptlet.student.format import TOKENIZER, WORDS_FILE
from promptlet.student.model import make_model
from promptlet.student.names import MODEL
from promptlet.tasks import load_task
from promptlet.tokenizer import control_tokens, train_tokenizer
from promptlet.vocabulary import dictionary_words

CONTEXT, LONGEST_HEAD = 128, 48
TASKS = ("t2i", "t2t")


def main() -> None:
    """Lay out what the stages before would have made, and export it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the student goes")
    parser.add_argument("--preset", default="gpt2-104m", choices=PRESETS)
    parser.add_argument("--tokens", type=int, default=25_600, help="size of the vocabulary; 25600 is the paper's")
    parser.add_argument("--quantization", default="Q8_0")
    arguments = parser.parse_args()
    work = arguments.folder.with_name(f".{arguments.folder.name}.work")
    commands = make_commands({"words": {"low": 5, "high": 40}})
    tasks = {name: load_task(name).token for name in TASKS}
    controls = control_tokens(commands.values(), map(load_task, TASKS))
    words = sorted(dictionary_words())
    # Every word twice, behind a space, so that the tokenizer learns from it.
    tokenizer = train_tokenizer((f"a {word} {word}" for word in words), arguments.tokens, controls)
    model = work / MODEL
    model.mkdir(parents=True)
    tokenizer.save(str(work / TOKENIZER))
    write_text(work / WORDS_FILE, "\n".join(words))
    settings = {name: command.settings() for name, command in commands.items()}
    write_json(work / CONTROLS, {"commands": settings, "tasks": tasks, "longest_head": LONGEST_HEAD})
    Manifest.planned("train", {}, {}).done({"context": CONTEXT}, 0.0).write(work)
    torch.manual_seed(1)
    make_model(arguments.preset, tokenizer.get_vocab_size(), CONTEXT, 0.1, 0).save_pretrained(model)
    inputs = dict.fromkeys(ExportStage.inputs, work)
    config = ExportConfig(name=f"random-{arguments.preset}", quantization=arguments.quantization)
    ExportStage().run(config, Context(work, inputs, work, CommonConfig(name="random")))
    (work / STUDENT).rename(arguments.folder)
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
