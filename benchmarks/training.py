"""Training speed on CPUs or a GPU: this loop, transformers.Trainer, and a loop like nanoGPT's, same model and samples.

python benchmarks/training.py [--shapes 14m,104m] [--seconds 20] [--json FILE]

A *real* token is no padding. A *useful* one is also read after the whole of its own sample so far: nanoGPT's stream is
cut every `CONTEXT` tokens, and what follows a cut has lost its commands and intents. Every contender takes steps of
about the same number of computed positions until its time is over; rounds alternate, and the best round counts. On CPUs
the time is processor time of all threads, which other work on the machine disturbs least; on a GPU it is the wall's,
and all contenders compute in bfloat16 and compile the model's layers, the first two also the loss. The first two read
losses as their originals do: this loop each, when the next step is on its way; nanoGPT's every tenth.
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
from promptlet.student.objective import Objective, add_gradients, compile_layers
from promptlet.student.optimizers import make_optimizers
from promptlet.student.processes import Processes

CONTEXT = 128
WARM = {"cpu": 1, "cuda": 16}
"""Steps that don't count: they compile and warm up."""
LOOK = 10
"""Steps after which nanoGPT's train.py reads the loss."""
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
    rng = np.random.default_rng(1)
    lengths = rng.normal(42, 11, 10_000).clip(14, 85).astype(np.int64)
    ids = rng.integers(1, vocabulary, int(lengths.sum())).astype(np.int32)
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
    return GPT2LMHeadModel(configuration(shape, use_cache=False)).to(device()).train()


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def now() -> float:
    return time.perf_counter() if device().type == "cuda" else time.process_time()


class Clock:
    """Counts tokens per second, once warm, until the time is over and the device has done all."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.real, self.useful = seconds, 0, 0
        self.start, self.end, self.steps = 0.0, 0.0, 0

    def step(self, real: int, useful: int) -> bool:
        """Count a step; return whether there is time for another."""
        self.steps += 1
        if self.steps <= WARM[device().type]:
            synchronize()
            self.start = now()
            return True
        self.real, self.useful = self.real + real, self.useful + useful
        if now() - self.start < self.seconds:
            return True
        synchronize()
        self.end = now()
        return False

    @property
    def rates(self) -> tuple[float, float]:
        return self.real / (self.end - self.start), self.useful / (self.end - self.start)


def ours(shape: str, data: Encoded, batch: int, clock: Clock) -> None:
    """The steps of promptlet.student.loop."""
    model = make(shape)
    (optimizer,) = make_optimizers(model, LoopConfig())
    objective, last = Objective(model), tuple[torch.Tensor, ...]()
    if device().type == "cuda":
        objective.compile_parts()
    for _, _, indices in stream_groups(data, batch, seed=1):
        loss = add_gradients(objective, data, [indices], 0, Processes(0, 1, device()), LoopConfig())
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for value in last:
            value.item()
        last = loss, norm
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

    class Stop(TrainerCallback):  # type: ignore[misc]
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
        model = make(shape)
        if device().type == "cuda":
            compile_layers(model)
        Trainer(model, settings, collate, list(range(len(data))), callbacks=[Stop()]).train()


def stream(shape: str, data: Encoded, batch: int, clock: Clock) -> None:
    """Rows of `CONTEXT` tokens cut from all samples end to end, every position learned, as in nanoGPT's train.py."""
    model, gpu, loss_of = make(shape), device().type == "cuda", cross_entropy
    if gpu:
        compile_layers(model, dynamic=False)
        loss_of = torch.compile(cross_entropy)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=gpu)
    rows = max(1, round(batch * float(data.lengths.mean()) / CONTEXT))
    rng = np.random.default_rng(1)

    def fetch() -> tuple[np.ndarray, torch.Tensor]:
        starts = rng.integers(0, len(data.ids) - CONTEXT - 1, rows)
        block = torch.from_numpy(np.stack([data.ids[at : at + CONTEXT + 1] for at in starts]).astype(np.int64))
        return starts, block.pin_memory().to(device(), non_blocking=True) if gpu else block

    starts, ids = fetch()
    going = True
    while going:
        with torch.autocast(device().type, torch.bfloat16, enabled=gpu):
            loss = loss_of(model(input_ids=ids[:, :-1]).logits.flatten(0, 1), ids[:, 1:].flatten())
        cut = data.offsets[np.searchsorted(data.offsets, starts)] - starts
        starts, ids = fetch()  # while the device computes
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if clock.steps % LOOK == 0:
            loss.item()
        going = clock.step(rows * CONTEXT, rows * CONTEXT - int(np.minimum(cut, CONTEXT).sum()))


if __name__ == "__main__":
    main()
