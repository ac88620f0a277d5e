"""How fast the embedded teacher writes, against the engine that it stands on, and what widening its weights gives.

python benchmarks/teacher.py [--threads 1] [--json FILE]

Three ways in turn with the same requests: the project's (runner, teacher, journal), llama.cpp called directly with the
same weights, and with the 4-bit weights as they are packaged. A round is one request for every slot; the slots hold the
exemplars before the clock starts. On a machine that does other work too, threads of one engine wait for each other:
take one.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from facts import publish

from promptlet.io.journal import Journal
from promptlet.prompting import chat_messages, choose_exemplars
from promptlet.runners.base import Reply
from promptlet.runners.local import Local
from promptlet.tasks import load_task
from promptlet.teachers.base import Answer, TeacherRequest
from promptlet.teachers.embedded import Embedded, EmbeddedConfig
from promptlet.types import Intent

ROUNDS, SLOTS, WORDS, SHOTS, TOKENS = 4, 16, 16, 3, 32
TOPICS = ("lighthouse", "tea ceremony", "red fox", "bake sale", "night market", "glass bottle", "rowing boat", "choir")


def main() -> None:
    """Print tokens per second of each way, and the ratios round by round."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--threads", type=int, help="threads that compute; one per core unless said")
    arguments = parser.parse_args()
    config = EmbeddedConfig(slots=SLOTS, threads=arguments.threads)
    with Embedded.open(config) as teacher, tempfile.TemporaryDirectory() as name:
        directly(teacher, range(SLOTS), tokens=1)
        pairs = []
        for number in range(ROUNDS):
            seeds = range(number * SLOTS, (number + 1) * SLOTS)
            ways = [
                partial(through_project, teacher, seeds, Path(name) / "answers.jsonl"),
                partial(directly, teacher, seeds),
            ]
            # Both write the same; which is first changes.
            order = (0, 1) if number % 2 else (1, 0)
            rates = {way: rate(ways[way]) for way in order}
            pairs.append((rates[0], rates[1]))
            print(f"round {number + 1}: project {rates[0]}, bare engine {rates[1]}", flush=True)
    with Embedded.open(config.model_copy(update={"widen": False})) as packaged:
        directly(packaged, range(SLOTS), tokens=1)
        narrow = rate(partial(directly, packaged, range(SLOTS)))
    project, engine = zip(*pairs, strict=True)
    result: dict[str, Any] = {"slots": SLOTS, "rounds": ROUNDS}
    for kind, name in ((0, "tokens/s"), (1, "tokens per second of processor time")):
        wide = statistics.median(each[kind] for each in engine)
        shares = sorted(one[kind] / other[kind] for one, other in pairs)
        result |= {
            f"project, {name}": round(statistics.median(each[kind] for each in project), 1),
            f"bare engine, {name}": round(wide, 1),
            f"project / bare engine, {name}": f"{statistics.median(shares):.3f} ({shares[0]:.3f} to {shares[-1]:.3f})",
            f"8 bits / 4 bits as packaged, {name}": round(wide / narrow[kind], 2),
        }
    publish(result, arguments.json)


class Rate(NamedTuple):
    """Tokens per second of wall clock, and of processor time, which counts on a machine that does other work too."""

    wall: float
    processor: float

    def __str__(self) -> str:
        return f"{self.wall:.1f} tokens/s ({self.processor:.1f} of processor time)"


def rate(work: Callable[[], int]) -> Rate:
    """Return the rates of work that returns how many tokens it wrote."""
    start, before = time.perf_counter(), time.process_time()
    tokens = work()
    return Rate(tokens / (time.perf_counter() - start), tokens / (time.process_time() - before))


def request(seed: int, tokens: int) -> TeacherRequest:
    """Return a request; all have their exemplars in common."""
    task, intents = load_task("t2i"), (Intent("Topic", TOPICS[seed % len(TOPICS)]),)
    chat = chat_messages(task, choose_exemplars(task, intents, WORDS, SHOTS), intents, WORDS, {})
    return TeacherRequest(chat, tokens, 0.6, 1.0, seed)


def through_project(teacher: Embedded, seeds: range, path: Path) -> int:
    """Return how many tokens the teacher wrote for a round as the stage synthesize asks it."""
    runs = [[(str(seed), request(seed, TOKENS))] for seed in seeds]
    with Journal(path) as journal:

        def keep(identity: str, reply: Reply) -> int:
            assert isinstance(reply, Answer), reply
            journal.append({"id": identity} | asdict(reply))
            return reply.completion_tokens

        return sum(Local().ask(teacher, runs, keep))


def directly(teacher: Embedded, seeds: range, tokens: int = TOKENS) -> int:
    """Return how many tokens the teacher's engine wrote for a round, without anything of the teacher."""
    bodies = [
        asdict(each) | {"top_k": 0, "min_p": 0.1, "repeat_penalty": 1.05, "cache_prompt": True, "stop": ["\n"]}
        for each in (request(seed, tokens) for seed in seeds)
    ]
    with ThreadPoolExecutor(teacher.concurrency) as pool:
        replies = list(pool.map(teacher.server.handle_chat_completions, bodies))
    return sum(int(reply["usage"]["completion_tokens"]) for reply in replies)


if __name__ == "__main__":
    main()
