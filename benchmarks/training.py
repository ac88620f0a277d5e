"""Training speed on CPUs or a GPU: this loop, transformers.Trainer, and a loop like nanoGPT's, same model and samples.

python benchmarks/training.py [--shapes 14m,104m] [--seconds 20] [--json FILE]

A *real* token is no padding. A *useful* one is also read after the whole of its own sample so far: nanoGPT's stream is
cut every `CONTEXT` tokens, and what follows a cut has lost its commands and intents. Every contender takes steps of
about the same number of computed positions until its time is over; rounds alternate, and the best round counts. On CPUs
the time is processor time of all threads, which other work on the machine disturbs least; on a GPU it is the wall's,
and all contenders compute in bfloat16 and compile the model's layers.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from facts import publish
from torch.nn.functional import cross_entropy
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainerCallback, TrainingArguments

from promptlet.student.config import LoopConfig
from promptlet.student.data import Encoded, padding_share, stream_groups
from promptlet.student.loop import Objective, add_gradients, compile_layers
from promptlet.student.optimizers import make_optimizers
from promptlet.student.processes import Processes

CONTEXT = 128
SHAPES = {"14m": (6, 6, 384, 8192), "104m": (12, 12, 768, 25_600)}


def main() -> None:
    """Print real and useful tokens per second of each contender, and how many times as fast this loop is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default="14m,104m", help=f"of {', '.join(SHAPES)}")
    parser.add_argument("--batch", type=int, default=32, help="samples per step")
    parser.add_argument("--seconds", type=float, default=20, help="per contender and round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--encoded", type=Path, help="train.parquet of a tokenize stage; synthetic samples without")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    result: dict[str, Any] = {}
    for shape in arguments.shapes.split(","):
        data = Encoded.read(arguments.encoded) if arguments.encoded else synthetic(SHAPES[shape][3])
        contenders = {"promptlet": ours, "nanoGPT-style": stream, "Trainer": trainer}
        best: dict[str, tuple[float, float]] = {}
        for _ in range(arguments.rounds):
            for name, run in contenders.items():
                clock = Clock(arguments.seconds)
                run(shape, data, arguments.batch, clock)
                best[name] = max(best.get(name, (0.0, 0.0)), clock.rates)
                print(shape, name, *map(round, clock.rates), "real and useful tokens/s", flush=True)
        for name, (real, useful) in best.items():
            result[f"{shape} {name}: real tokens/s"] = round(real)
            result[f"{shape} {name}: useful tokens/s"] = round(useful)
        for name in ("Trainer", "nanoGPT-style"):
            result[f"{shape} times {name}, real"] = round(best["promptlet"][0] / best[name][0], 2)
            result[f"{shape} times {name}, useful"] = round(best["promptlet"][1] / best[name][1], 2)
        result[f"{shape} padding, groups of {arguments.batch}"] = round(padding_share(data, arguments.batch), 4)
    publish(result, arguments.json)


def synthetic(vocabulary: int) -> Encoded:
    """Return samples as long as those of the shipped student: 42 tokens on average, 60% of them prompt."""
    chance = np.random.default_rng(1)
    lengths = chance.normal(42, 11, 10_000).clip(14, 85).astype(np.int64)
    ids = chance.integers(1, vocabulary, int(lengths.sum())).astype(np.int32)
    return Encoded(ids, np.concatenate([[0], np.cumsum(lengths)]), (0.4 * lengths).astype(np.int32))


def configuration(shape: str, **others: Any) -> GPT2Config:
    """Return a shape's configuration, without dropout."""
    layers, heads, width, vocabulary = SHAPES[shape]
    return GPT2Config(
        vocab_size=vocabulary,
        n_positions=CONTEXT,
        n_embd=width,
        n_layer=layers,
        n_head=heads,
        activation_function="gelu_pytorch_tanh",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        **others,
    )


def make(shape: str) -> GPT2LMHeadModel:
    torch.manual_seed(1)
    model = GPT2LMHeadModel(configuration(shape, use_cache=False)).to(device()).train()
    if device().type == "cuda":
        compile_layers(model)
    return model


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def now() -> float:
    return time.perf_counter() if device().type == "cuda" else time.process_time()


class Clock:
    """Counts tokens per second from the end of the first step on, which warms up, until the time is over."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.real, self.useful = seconds, 0, 0
        self.start, self.end = 0.0, 0.0

    def step(self, real: int, useful: int) -> bool:
        """Count a finished step; return whether there is time for another."""
        self.end = now()
        if not self.start:
            self.start = self.end
            return True
        self.real, self.useful = self.real + real, self.useful + useful
        return self.end - self.start < self.seconds

    @property
    def rates(self) -> tuple[float, float]:
        return self.real / (self.end - self.start), self.useful / (self.end - self.start)


def ours(shape: str, data: Encoded, batch: int, clock: Clock) -> None:
    """The steps of promptlet.student.loop."""
    model = make(shape)
    (optimizer,) = make_optimizers(model, LoopConfig())
    objective = Objective(model)
    for _, _, indices in stream_groups(data, batch, seed=1):
        add_gradients(objective, data, [indices], 0, Processes(0, 1, device()), LoopConfig())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        tokens = int(data.lengths[indices].sum())
        if not clock.step(tokens, tokens):
            return


def trainer(shape: str, data: Encoded, batch: int, clock: Clock) -> None:
    """transformers.Trainer on random batches, each padded to its longest sample."""
    sizes: list[int] = []

    def collate(indices: list[int]) -> dict[str, torch.Tensor]:
        width = max(int(data.lengths[index]) for index in indices)
        ids, labels = torch.zeros(len(indices), width, dtype=torch.long), torch.full((len(indices), width), -100)
        for row, index in enumerate(indices):
            sample = torch.from_numpy(data.sample(index).astype(np.int64))
            ids[row, : len(sample)] = sample
            labels[row, data.starts[index] : len(sample)] = sample[data.starts[index] :]
        sizes.append(int(data.lengths[indices].sum()))
        return {"input_ids": ids, "attention_mask": (ids != 0).long(), "labels": labels}

    class Stop(TrainerCallback):
        def on_step_end(self, _: Any, state: Any, control: Any, **__: Any) -> None:
            tokens = sizes[state.global_step - 1]
            control.should_training_stop = not clock.step(tokens, tokens)

    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(
            folder,
            per_device_train_batch_size=batch,
            max_steps=1_000_000,
            bf16=device().type == "cuda",
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            remove_unused_columns=False,
        )
        Trainer(make(shape), settings, collate, list(range(len(data))), callbacks=[Stop()]).train()


def stream(shape: str, data: Encoded, batch: int, clock: Clock) -> None:
    """Rows of `CONTEXT` tokens cut from all samples end to end, every position learned, as in nanoGPT's train.py."""
    model = make(shape)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)
    rows = max(1, round(batch * float(data.lengths.mean()) / CONTEXT))
    chance = np.random.default_rng(1)
    going = True
    while going:
        starts = chance.integers(0, len(data.ids) - CONTEXT - 1, rows)
        block = np.stack([data.ids[start : start + CONTEXT + 1] for start in starts]).astype(np.int64)
        ids = torch.from_numpy(block).to(device())
        with torch.autocast(device().type, torch.bfloat16, enabled=device().type == "cuda"):
            logits = model(input_ids=ids[:, :-1]).logits
            loss = cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        cut = data.offsets[np.searchsorted(data.offsets, starts)] - starts
        going = clock.step(rows * CONTEXT, rows * CONTEXT - int(np.minimum(cut, CONTEXT).sum()))


if __name__ == "__main__":
    main()
