"""Train a recipe's student on one GPU for as long as it is rented: measure the speed, then choose the steps.

python scripts/gpu/train.py recipes/gpt2-104m.yaml --folder runs/gpt2-104m --seconds 300

The run's folder holds what `promptlet run recipes/gpt2-104m.yaml --until tokenize` made. The learning rate has to
reach its end when the time does, so the number of steps comes first: it is printed, and belongs into the recipe.
Killed, run again with the recipe's steps: `promptlet run recipes/gpt2-104m.yaml --until train` goes on from the last
checkpoint.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import median

import torch

from promptlet.pipeline import load_recipe, run_recipe
from promptlet.stages.tokenize import read_codec
from promptlet.stages.train import TrainConfig, make_student
from promptlet.student.data import Encoded, stream_groups
from promptlet.student.objective import Objective, add_gradients
from promptlet.student.optimizers import make_optimizers
from promptlet.student.processes import Processes

WARM, TIMED = 16, 32
"""Steps that compile and warm up, and steps that are timed."""
SPARE = 0.95
"""Share of the time that is planned for; evaluations and checkpoints take the rest."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--folder", type=Path, required=True, help="the run's folder")
    parser.add_argument("--seconds", type=float, required=True, help="for everything")
    arguments = parser.parse_args()
    start = time.monotonic()
    recipe = load_recipe(arguments.recipe)
    folder = run_recipe(recipe, arguments.folder, "tokenize", print)["tokenize"]
    config = recipe.stages["train"]
    assert isinstance(config, TrainConfig)
    rate = measure(config, folder)
    left = arguments.seconds - (time.monotonic() - start)
    steps = int(left * SPARE * rate)
    print(f"{rate:.2f} steps/s, {left:.0f} s left: train.loop.steps is {steps}", flush=True)
    loop = config.loop.model_copy(update={"steps": steps})
    stages = {**recipe.stages, "train": config.model_copy(update={"loop": loop})}
    run_recipe(replace(recipe, stages=stages), arguments.folder, "train", print)
    print(f"{time.monotonic() - start:.0f} s in all", flush=True)


def measure(config: TrainConfig, folder: Path) -> float:
    """Return steps per second of the loop's own steps."""
    codec, data = read_codec(folder), Encoded.read(folder / "train.parquet")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = make_student(config, codec).to(device).train()
    objective, optimizers = Objective(model), make_optimizers(model, config.loop)
    if config.loop.compile and device.type == "cuda":
        objective.compile_parts()
    stream = stream_groups(data, config.loop.group, seed=0)
    start, rates, last = time.monotonic(), [], torch.zeros(())
    for step in range(WARM + TIMED):
        if step == WARM:
            print(f"{WARM} steps to warm up: {time.monotonic() - start:.0f} s", flush=True)
        began = time.monotonic()
        groups = [indices for _, _, indices in islice(stream, config.loop.accumulate)]
        add_gradients(objective, data, groups, codec.end_id, Processes(0, 1, device), config.loop)
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), config.loop.clip)
        last.item()  # as the loop does, a step late
        last = norm
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        rates.append(sum(int(data.lengths[indices].sum()) for indices in groups) / (time.monotonic() - began))
    # The median: a width that asks for another graph may stop a step for seconds, once.
    rate = median(rates[WARM:])
    print(f"{rate:.0f} tokens/s", flush=True)
    # Steps differ in width: those of all samples take as long as their tokens say.
    per_step = float(data.lengths.mean()) * config.loop.batch
    return rate / per_step


if __name__ == "__main__":
    main()
