"""How fast the embedded teacher writes, against the engine that it stands on, and what widening its weights gives.

python benchmarks/teacher.py [--json FILE]

Three ways in turn with the same requests: the project's (runner, teacher, journal), llama.cpp called directly with the
same weights, and with the 4-bit weights as they are packaged. A round is one request for every slot; the slots hold the
exemplars before the clock starts.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

from facts import publish

from promptlet.io.journal import Journal
from promptlet.prompting import choose, messages
from promptlet.runners.base import Reply
from promptlet.runners.local import Local
from promptlet.tasks import load_task
from promptlet.teachers.base import Answer, TeacherRequest
from promptlet.teachers.embedded import Embedded, EmbeddedConfig
from promptlet.types import Intent

ROUNDS, SLOTS, WORDS, SHOTS, TOKENS = 3, 16, 16, 3, 32
TOPICS = ("lighthouse", "tea ceremony", "red fox", "bake sale", "night market", "glass bottle", "rowing boat", "choir")

seeds = count()


def main() -> None:
    """Print tokens per second of each way, and the ratios round by round."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path)
    path = parser.parse_args().json
    with Embedded.open(EmbeddedConfig(slots=SLOTS)) as teacher, tempfile.TemporaryDirectory() as name:
        ours, bare = (lambda: through_project(teacher, Path(name) / "answers.jsonl")), (lambda: directly(teacher))
        directly(teacher, tokens=1)
        pairs = []
        for number in range(ROUNDS):
            first, second = (ours, bare) if number % 2 else (bare, ours)
            one, other = rate(first), rate(second)
            pairs.append((one, other) if number % 2 else (other, one))
            print(f"round {number + 1}: {pairs[-1][0]:.0f} and {pairs[-1][1]:.0f} tokens/s", flush=True)
    with Embedded.open(EmbeddedConfig(slots=SLOTS, widen=False)) as packaged:
        directly(packaged, tokens=1)
        narrow = rate(lambda: directly(packaged))
    project, engine = zip(*pairs, strict=True)
    shares = [one / other for one, other in pairs]
    result: dict[str, Any] = {
        "slots": SLOTS,
        "project, tokens/s": [round(value) for value in project],
        "bare engine, tokens/s": [round(value) for value in engine],
        "project / bare engine": [round(share, 3) for share in shares],
        "project / bare engine, median": round(statistics.median(shares), 3),
        "bare engine with packaged 4-bit weights, tokens/s": round(narrow),
        "8 bits / 4 bits": round(statistics.median(engine) / narrow, 2),
    }
    publish(result, path)


def rate(work: Callable[[], int]) -> float:
    """Return tokens per second of work that returns how many it wrote."""
    start = time.perf_counter()
    return work() / (time.perf_counter() - start)


def request(seed: int, tokens: int) -> TeacherRequest:
    """Return a request; all have their exemplars in common."""
    task, intents = load_task("t2i"), (Intent("Topic", TOPICS[seed % len(TOPICS)]),)
    chat = messages(task, choose(task, intents, WORDS, SHOTS, "shared", 0, 0), intents, WORDS, {})
    return TeacherRequest(chat, tokens, 0.6, 1.0, seed)


def through_project(teacher: Embedded, path: Path) -> int:
    """Return how many tokens the teacher wrote for a round as the stage synthesize asks it."""
    runs = [[(str(slot), request(next(seeds), TOKENS))] for slot in range(teacher.concurrency)]
    with Journal(path) as journal:

        def keep(identity: str, reply: Reply) -> int:
            assert isinstance(reply, Answer), reply
            journal.append({"id": identity} | asdict(reply))
            return reply.completion_tokens

        return sum(Local().ask(teacher, runs, keep))


def directly(teacher: Embedded, tokens: int = TOKENS) -> int:
    """Return how many tokens the teacher's engine wrote for a round, without anything of the teacher."""
    requests = [request(next(seeds), tokens) for _ in range(teacher.concurrency)]
    bodies = [
        asdict(each) | {"top_k": 0, "min_p": 0.1, "repeat_penalty": 1.05, "cache_prompt": True, "stop": ["\n"]}
        for each in requests
    ]
    with ThreadPoolExecutor(teacher.concurrency) as pool:
        replies = list(pool.map(teacher.server.handle_chat_completions, bodies))
    return sum(int(reply["usage"]["completion_tokens"]) for reply in replies)


if __name__ == "__main__":
    main()
