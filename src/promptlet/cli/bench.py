"""`promptlet bench`: how fast a student writes on this machine, engine by engine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from promptlet.cli.options import StudentFolder, Threads, whole


def bench(
    student: StudentFolder = None,
    tokens: Annotated[int, typer.Option(parser=whole(1), metavar="NUMBER", help="Tokens written per text.")] = 64,
    repeats: Annotated[
        int, typer.Option(parser=whole(1), metavar="NUMBER", help="How often each measure is taken.")
    ] = 10,
    threads: Threads = None,
    kept: Annotated[Path | None, typer.Option("--json", help="Where every repeat is kept.", show_default=False)] = None,
) -> None:
    """Measure tokens per second, time to the first token, suggestions, start-up and memory of every engine."""
    from promptlet import registry
    from promptlet.cores import usable_cores
    from promptlet.errors import UsageError
    from promptlet.generation.generator import check_threads
    from promptlet.io.atomic import write_json
    from promptlet.speed.contenders import OurEngine
    from promptlet.speed.machine import machine_facts, read_bandwidth
    from promptlet.speed.measuring import measure
    from promptlet.speed.report import table, values
    from promptlet.student.format import default_student, load_student

    check_threads(threads)
    folder = student or default_student()
    description = load_student(folder).description
    room = description.context - description.longest_head
    if tokens > room:
        raise UsageError(f"tokens is {tokens}; this student has room for {room}")
    if kept and not kept.parent.is_dir():
        raise UsageError(f"--json: there is no folder {kept.parent}")
    if kept and kept.is_dir():
        raise UsageError(f"--json: {kept} is a folder; a file is needed")
    facts, bandwidth = machine_facts(), read_bandwidth(threads or usable_cores())
    engines = [OurEngine(name, name, folder, threads) for name in registry.names("promptlet.engines")]
    found = measure(engines, tokens, repeats, starts=min(repeats, 5))
    if kept:
        write_json(kept, values(found, bandwidth, facts))
    typer.echo(", ".join(f"{name} {fact}" for name, fact in facts.items()))
    typer.echo(f"reads {bandwidth / 1e9:.1f} GB/s; medians, and in brackets what 95% of the repeats kept to\n")
    typer.echo(table(found, bandwidth))
