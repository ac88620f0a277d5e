"""What HTTP costs and what a server stands, in one run: makes docs/results/serving.md.

python benchmarks/serving.py [--engine llamacpp] [--seconds 20] [--rounds 3] [--markdown docs/results/serving.md]

Every client asks for one prompt after the other: 20 words, seeds of its own, at most so many draws. The bare engine is
as many threads that ask the same things of a `Generator`, in a process of their own. Bare and served take turns.
Overload: ten times as many clients as the server has places, which together ask ten times as often as it can answer.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from promptlet.cores import usable_cores
from promptlet.errors import NoPromptError
from promptlet.generation import Generator
from promptlet.io.atomic import write_text
from promptlet.serve.errors import NoPromptFoundError
from promptlet.speed.machine import machine_facts

INTENTS = ["Topic: birthday", "Scene object: balloon", "Mood: festive"]
PLACES, WAITING = 4, 16
"""Of the server that is overloaded."""


@dataclass
class Load:
    """What clients found: seconds and tokens of each answer, seconds of each refusal."""

    seconds: float = 0.0
    answers: list[tuple[float, int]] = field(default_factory=list)
    refusals: list[float] = field(default_factory=list)

    @property
    def tokens_per_second(self) -> float:
        return sum(tokens for _, tokens in self.answers) / self.seconds

    def latency(self, share: float) -> float:
        return quantile([seconds for seconds, _ in self.answers], share)


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def order(client: int, number: int, candidates: int) -> dict[str, Any]:
    return {"intents": INTENTS, "words": 20, "seed": 1000 * client + number, "candidates": candidates}


def drive(
    clients: int,
    seconds: float,
    ask: Callable[[int], Callable[[dict[str, Any]], int | None]],
    draws: int,
    pace: float = 0.0,
) -> Load:
    """Let clients ask for so long, each one thing after the other; `ask` gives each its way: to tokens, or None.

    No client asks again before so many seconds (`pace`) are over.
    """
    load, start = Load(), threading.Barrier(clients + 1)
    ends: list[float] = []

    def client(index: int) -> None:
        one, number = ask(index), 0
        one(order(index, 999, draws))  # servers start, connections open
        start.wait()
        time.sleep(pace * index / clients)  # they do not come in one crowd
        until = time.perf_counter() + seconds
        while (now := time.perf_counter()) < until:
            tokens = one(order(index, number, draws))
            taken = time.perf_counter() - now
            if tokens is None:
                load.refusals.append(taken)
            else:
                load.answers.append((taken, tokens))
            number += 1
            time.sleep(max(0.0, pace - taken))
        ends.append(time.perf_counter())

    with ThreadPoolExecutor(clients) as threads:
        working = [threads.submit(client, index) for index in range(clients)]
        for each in working:
            each.add_done_callback(lambda done: start.abort() if done.exception() else None)
        start.wait()
        began = time.perf_counter()
        for each in working:
            each.result()
    load.seconds = max(ends) - began
    return load


def _bare(clients: int, seconds: float, draws: int, engine: str, threads: int, told: Any) -> None:
    generator = Generator.load(engine=engine, threads=threads)

    def ask(_: int) -> Callable[[dict[str, Any]], int | None]:
        def one(wanted: dict[str, Any]) -> int:
            try:
                return generator.generate(**wanted)[-1].tokens
            except NoPromptError:  # a lone draw may say what is denied
                return 0

        return one

    told.put(outcome(lambda: drive(clients, seconds, ask, draws)))


def outcome(work: Callable[[], Load]) -> Load | str:
    """Return what was measured, or why it was not: who waits in another process must know."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 (whatever it is)
        return f"{type(error).__name__}: {error}"


def bare(clients: int, seconds: float, draws: int, engine: str, threads: int) -> Load:
    """Measure the engine without HTTP, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    process = context.Process(target=_bare, args=(clients, seconds, draws, engine, threads, told))
    process.start()
    load = told.get()
    process.join()
    assert isinstance(load, Load), load
    return load


@contextmanager
def server(*options: object) -> Iterator[tuple[str, psutil.Process, float]]:
    """Run a server; yield its address, its process and the seconds until it was ready."""
    command = [sys.executable, "-m", "promptlet", "serve", "--port", "0", *map(str, options)]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout
            told = re.search(r"http://\S+/", process.stdout.readline())
            assert told
            while not ready(told[0]):
                time.sleep(0.05)
            yield told[0], psutil.Process(process.pid), time.perf_counter() - began
        finally:
            process.terminate()


def connected(address: str, timeout: float) -> HTTPConnection:
    """Return a connection to a server by the address that it told."""
    return HTTPConnection(address.removeprefix("http://").strip("/"), timeout=timeout)


def ready(address: str) -> bool:
    """Return whether a server that listens takes requests."""
    connection = connected(address, 60)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    finally:
        connection.close()


def served(address: str, clients: int, seconds: float, draws: int, pace: float = 0.0) -> Load:
    """Measure the same over HTTP, from a process of its own, as clients are elsewhere."""
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    process = context.Process(target=_clients, args=(address, clients, seconds, draws, pace, told))
    process.start()
    load = told.get()
    process.join()
    assert isinstance(load, Load), load
    return load


def _clients(address: str, clients: int, seconds: float, draws: int, pace: float, told: Any) -> None:
    def ask(_: int) -> Callable[[dict[str, Any]], int | None]:
        # The clients share the cores with the server, so they are the lightest there are.
        connection = connected(address, 120)

        def one(wanted: dict[str, Any]) -> int | None:
            try:
                connection.request("POST", "/v1/prompts", json.dumps(wanted), {"Content-Type": "application/json"})
                answer = connection.getresponse()
            except (ConnectionError, RemoteDisconnected):  # it was idle for too long
                connection.close()
                return one(wanted)
            body = json.loads(answer.read())
            if answer.status == 503 and answer.headers["Retry-After"]:
                return None
            if answer.status == NoPromptFoundError.status_code:
                return 0
            assert answer.status == 200, body
            return int(body["prompts"][-1]["tokens"])

        return one

    told.put(outcome(lambda: drive(clients, seconds, ask, draws, pace)))


def megabytes(process: psutil.Process) -> float:
    return process.memory_info().rss / 1e6


def costs(seconds: float, rounds: int, engine: str, threads: int) -> tuple[list[str], dict[str, Any]]:
    """Return rows of a table of bare and served rates, in turns, and what is claimed of them."""
    rates: dict[tuple[str, int, int], list[float]] = {}
    with server("--engine", engine, "--threads", threads) as (address, process, start):
        for _ in range(rounds):
            for draws, clients in ((1, 1), (1, 8), (24, 1), (24, 8)):
                for who in ("bare", "served"):
                    load = (
                        bare(clients, seconds, draws, engine, threads)
                        if who == "bare"
                        else served(address, clients, seconds, draws)
                    )
                    rates.setdefault((who, draws, clients), []).append(load.tokens_per_second)
        memory = megabytes(process)
    middle = {key: median(values) for key, values in rates.items()}
    rows = [
        f"| {draws} | {clients} | {middle['bare', draws, clients]:.0f} | {middle['served', draws, clients]:.0f} | "
        f"{1 - middle['served', draws, clients] / middle['bare', draws, clients]:.1%} |"
        for draws, clients in ((1, 1), (1, 8), (24, 1), (24, 8))
    ]
    facts = {
        "overhead": 1 - middle["served", 24, 8] / middle["bare", 24, 8],
        "batching": middle["served", 1, 8] / middle["served", 1, 1],
        "start": start,
        "memory": memory,
    }
    return rows, facts


def overload(seconds: float, engine: str, threads: int) -> dict[str, float]:
    """Return what a server with few places says to ten times as many clients, and whether its memory stays."""
    options = ("--engine", engine, "--threads", threads, "--running", PLACES, "--queue", WAITING)
    with server(*options) as (address, process, _):
        fit = served(address, PLACES, seconds, 24)
        before, crowd = megabytes(process), 10 * (PLACES + WAITING)
        pace = crowd / (10 * len(fit.answers) / fit.seconds)
        load = served(address, crowd, seconds, 24, pace)
        after = megabytes(process)
        again = served(address, crowd, seconds, 24, pace)
        return {
            "refused": len(load.refusals) + len(again.refusals),
            "answered": len(load.answers) + len(again.answers),
            "median": median(load.refusals + again.refusals),
            "p99": quantile(load.refusals + again.refusals, 0.99),
            "rate": (len(load.refusals) + len(again.refusals)) / (load.seconds + again.seconds),
            "before": before,
            "after": after,
            "later": megabytes(process),
        }


def main() -> None:
    """Print the page, and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="llamacpp")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    told = ", ".join(f"{name} {fact}" for name, fact in machine_facts().items())
    rows, facts = costs(arguments.seconds, arguments.rounds, arguments.engine, arguments.threads)
    full = overload(arguments.seconds, arguments.engine, arguments.threads)
    goals = [
        (f"{facts['overhead']:.1%} overhead at 8 clients (goal: under 5%)", facts["overhead"] < 0.05),
        (f"{facts['batching']:.2f} times the tokens/s of one client at 8 (goal: 1.5)", facts["batching"] >= 1.5),
        (f"{facts['start']:.1f} s to start (goal: under 3)", facts["start"] < 3),
        (f"{full['median'] * 1000:.0f} ms to refuse (goal: under 50)", full["median"] < 0.05),
        (
            f"{full['later'] - full['after']:.1f} MB grown in the second half (goal: under 10)",
            full["later"] - full["after"] < 10,
        ),
    ]
    page = "\n\n".join(
        [
            "# What HTTP costs, and what a server stands",
            "Written by `benchmarks/serving.py`; what is measured stands at its head. Clients run on the same cores.",
            f"{told}; engine {arguments.engine}, {arguments.threads} threads, {arguments.seconds:g} s a load, "
            f"{arguments.rounds} rounds; medians.",
            "| draws | clients | bare tok/s | served tok/s | overhead |\n| --- | --- | --- | --- | --- |\n"
            + "\n".join(rows),
            f"Memory after that: {facts['memory']:.0f} MB.",
            f"Overload, {10 * (PLACES + WAITING)} clients at {PLACES} places and {WAITING} in line: "
            f"{full['answered']:.0f} answered, {full['refused']:.0f} refused ({full['rate']:.0f} per second), in "
            f"{full['median'] * 1000:.0f} ms (99%: {full['p99'] * 1000:.0f} ms) as clients see it; memory "
            f"{full['before']:.0f} MB before, {full['after']:.0f} MB after, {full['later']:.0f} MB after another time.",
            "\n".join(f"- {what}: {'reached' if reached else '**missed**'}" for what, reached in goals),
        ]
    )
    print(page)
    if arguments.markdown:
        write_text(arguments.markdown, page + "\n")
    if arguments.json:
        write_text(arguments.json, json.dumps(facts | full, indent=1) + "\n")


if __name__ == "__main__":
    main()
