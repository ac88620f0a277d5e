"""Distil on one GPU: ask a chat model for prompts in large batches until the time is over; examine them meanwhile.

python scripts/gpu/distil.py runs/gpt2-104m/intents-0123abcd --model runs/default/tune-0123abcd/model --output pairs

What curation has nothing against is written with its scores, pairs-00000.parquet and so on, a file per block of
requests; `synthesize.pairs` takes the folder, and `judge: given` the scores. Started again, it goes on with the blocks
that are missing. This is the stage `synthesize` for a rented hour: the GPU only decodes; processes beside it put the
requests into tokens and examine the answers.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from transformers import AutoTokenizer

from promptlet.batch_decoding.sampling import TokenSampling
from promptlet.curation.examining import Examiner
from promptlet.errors import TeacherError
from promptlet.intents.splits import HELD_OUT
from promptlet.io.atomic import replacing, write_text
from promptlet.io.records import SAMPLE_SCHEMA, read_samples, to_row
from promptlet.pretrained import load_pretrained
from promptlet.prompting import chat_messages
from promptlet.stages.synthesize import room_for
from promptlet.tasks import load_task
from promptlet.teachers.transformers import Transformers, TransformersConfig
from promptlet.types import LIKELIHOOD, Sample, intents_key

BLOCK = 49_152
"""Requests whose answers are written together."""
PART = 4096
"""Requests that a process works on at a time."""
MOST_TOKENS = 80
"""Of an answer."""


@dataclass(frozen=True)
class Request:
    """A wish for a prompt of about so many words."""

    sample: Sample
    words: int
    seed: int

    @property
    def limit(self) -> int:
        """Most tokens of the answer."""
        return room_for(self.words, MOST_TOKENS)


@dataclass(frozen=True)
class Replied:
    """What the model wrote: token ids, whether it ended by itself, and their mean log-probability."""

    tokens: list[int]
    ended: bool
    likelihood: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("intents", type=Path, help="the folder of a run's stage intents")
    parser.add_argument("--model", required=True, help="a chat model's folder, tuned on the exemplars")
    parser.add_argument("--output", type=Path, required=True, help="where the pairs go")
    parser.add_argument("--seconds", type=float, default=240, help="no block begins that would end later")
    parser.add_argument("--prompts", type=int, default=3, help="requests per combination of intents")
    parser.add_argument("--batch", type=int, default=8192, help="requests decoded together")
    parser.add_argument("--temperature", type=float, default=0.75)
    parser.add_argument("--judge", default="embedding", help="who scores the pairs")
    parser.add_argument("--processes", type=int, default=12, help="beside the one that decodes")
    parser.add_argument("--block", type=int, default=BLOCK, help="requests per file")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    # A forked process would inherit the GPU's context, which does not survive it.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.processes, mp_context=context) as pool:
        distil(arguments, pool, start)


def distil(arguments: argparse.Namespace, pool: ProcessPoolExecutor, start: float) -> None:
    """Work on block after block; one is put into tokens, and others are examined, while the GPU decodes."""
    todo = (
        (number, requests)
        for number, requests in enumerate(_blocks(arguments.intents, arguments.prompts, arguments.block))
        if not _shard(arguments.output, number).exists()
    )
    ahead = _encoding(next(todo, None), arguments.model, pool)
    config = TransformersConfig(model=arguments.model, batch=arguments.batch, repeat_penalty=1.05)
    teacher = Transformers.open(config)
    print(f"ready after {time.monotonic() - start:.0f} s", flush=True)
    waiting: dict[int, list[Future[tuple[pa.Table, Counter[str]]]]] = {}
    longest, answers, decoding = 0.0, 0, 0.0
    while ahead and time.monotonic() - start + longest < arguments.seconds:
        number, requests, parts = ahead
        ahead = _encoding(next(todo, None), arguments.model, pool)
        prompts = [ids for part in parts for ids in part.result()]
        began = time.monotonic()
        replies = _decode(teacher, config, requests, prompts, arguments.temperature)
        longest, decoding = max(longest, time.monotonic() - began), decoding + time.monotonic() - began
        answers += len(requests)
        waiting[number] = [
            pool.submit(examine, requests[at : at + PART], replies[at : at + PART], arguments.model, arguments.judge)
            for at in range(0, len(requests), PART)
        ]
        tokens = sum(len(reply.tokens) for reply in replies)
        print(
            f"block {number}: {len(requests) / (time.monotonic() - began):.0f} answers/s, "
            f"{tokens / (time.monotonic() - began):.0f} tokens/s, {time.monotonic() - start:.0f} s",
            flush=True,
        )
        for done in [number for number, examined in waiting.items() if all(part.done() for part in examined)]:
            _write(arguments.output, done, waiting.pop(done))
    for number, examined in waiting.items():
        _write(arguments.output, number, examined)
    rate = answers / max(decoding, 1e-9)
    print(
        f"{answers} answers, {rate:.0f} answers/s while decoding, {time.monotonic() - start:.0f} s in all", flush=True
    )


def _blocks(folder: Path, prompts: int, size: int) -> Iterator[list[Request]]:
    """Yield requests, those of one length together: rows of a batch then end at about the same time."""
    wishes = [sample for sample in read_samples(folder) if sample.split not in HELD_OUT]
    # Wherever time ends the work, it is a fair sample of all.
    random.Random(len(wishes)).shuffle(wishes)
    rest = iter(wishes)
    while block := list(islice(rest, max(1, size // prompts))):
        requests = []
        for sample in block:
            rng = random.Random(f"{sample.task}:{intents_key(sample.intents)}")
            requests += [Request(sample, rng.randint(5, 44), rng.getrandbits(31)) for _ in range(prompts)]
        yield sorted(requests, key=lambda request: (request.words, request.sample.task))


def _encoding(
    block: tuple[int, list[Request]] | None, model: str, pool: ProcessPoolExecutor
) -> tuple[int, list[Request], list[Future[list[list[int]]]]] | None:
    if block is None:
        return None
    number, requests = block
    return (
        number,
        requests,
        [pool.submit(encode, requests[at : at + PART], model) for at in range(0, len(requests), PART)],
    )


def _decode(
    teacher: Transformers,
    config: TransformersConfig,
    requests: Sequence[Request],
    prompts: Sequence[list[int]],
    temperature: float,
) -> list[Replied]:
    sampling = TokenSampling(config.repeat_penalty, config.no_repeat, 64, config.min_p, temperature)
    replies: dict[int, Replied] = {}
    for at in range(0, len(requests), config.batch):
        part = requests[at : at + config.batch]
        limits, seeds = [request.limit for request in part], [request.seed for request in part]
        for row in teacher.decoder.write(prompts[at : at + config.batch], limits, seeds, sampling):
            replies[at + row.row] = Replied(row.tokens, row.ended, round(row.likelihood, 4))
    return [replies[place] for place in range(len(requests))]


def encode(requests: Sequence[Request], model: str) -> list[list[int]]:
    """Return the token ids that ask for each (in another process)."""
    tokenizer = _tokenizer(model)
    texts = []
    for request in requests:
        chat = chat_messages(load_task(request.sample.task), (), request.sample.intents, request.words)
        texts.append(tokenizer.apply_chat_template(list(chat), tokenize=False, add_generation_prompt=True))
    ids: list[list[int]] = tokenizer(texts, add_special_tokens=False)["input_ids"]
    return ids


def examine(
    requests: Sequence[Request], replies: Sequence[Replied], model: str, judge: str
) -> tuple[pa.Table, Counter[str]]:
    """Return the pairs that are fit to learn from, and how many are not, by reason (in another process)."""
    texts = _tokenizer(model).batch_decode([reply.tokens for reply in replies], skip_special_tokens=True)
    reasons = Counter({"cut off": sum(not reply.ended for reply in replies)})
    samples = [
        replace(request.sample, prompt=text, source="teacher", scores={LIKELIHOOD: reply.likelihood})
        for request, reply, text in zip(requests, replies, texts, strict=True)
        if reply.ended
    ]
    examined = Examiner(judge=judge)(pa.Table.from_pylist(list(map(to_row, samples)), SAMPLE_SCHEMA))
    reasons.update(reason.partition(":")[0] for reason in examined["reason"].to_pylist() if reason)
    return examined.filter(examined["reason"].is_null()).select(SAMPLE_SCHEMA.names), reasons


@cache
def _tokenizer(model: str) -> Any:
    return load_pretrained(AutoTokenizer, Path(model), TeacherError)


def _shard(folder: Path, number: int) -> Path:
    return folder / f"pairs-{number:05d}.parquet"


def _write(folder: Path, number: int, parts: Sequence[Future[tuple[pa.Table, Counter[str]]]]) -> None:
    """Write the pairs of a block, and beside them what was rejected."""
    results = [part.result() for part in parts]
    reasons = sum((counts for _, counts in results), Counter())
    write_text(folder / f"rejected-{number:05d}.json", json.dumps(dict(reasons.most_common())) + "\n")
    with replacing(_shard(folder, number)) as path:
        pq.write_table(
            pa.concat_tables([table for table, _ in results]), path, compression="zstd", compression_level=19
        )


if __name__ == "__main__":
    main()
