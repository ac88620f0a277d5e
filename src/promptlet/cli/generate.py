"""`promptlet generate`: prompts to order, on standard output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def generate(  # noqa: PLR0913, PLR0917 (one per option)
    text: Annotated[
        str | None, typer.Argument(help="What the prompt is about, in free words (a Topic).", show_default=False)
    ] = None,
    intent: Annotated[
        list[str] | None,
        typer.Option(
            "--intent", "-i", help='One wish, as in "Scene object: balloon"; may be repeated.', show_default=False
        ),
    ] = None,
    task: Annotated[str, typer.Option(help="Kind of prompt: t2i (image) or t2t (template).")] = "t2i",
    words: Annotated[str, typer.Option(help="Number of words, or a range such as 10-20.")] = "20",
    n: Annotated[str, typer.Option("-n", metavar="NUMBER", help="How many prompts, 1 to 64.")] = "1",
    seed: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER", help="The same seed gives the same prompts.", show_default="a new one each time"
        ),
    ] = None,
    free: Annotated[bool, typer.Option("--free", help="Leave the word count to the model.")] = False,
    draws: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="Draws of which the best is taken, 1 to 64.", show_default="24")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per prompt.")] = False,
    student: Annotated[
        Path | None, typer.Option(help="A student's folder.", show_default="the shipped student")
    ] = None,
    threads: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER", help="Threads that compute.", show_default="one for a small student, else one per core"
        ),
    ] = None,
) -> None:
    """Write prompts that hold the given intents in exactly the number of words asked for."""
    from promptlet.cli.numbers import whole
    from promptlet.errors import UsageError
    from promptlet.generator import DEFAULT_DRAWS, Generator
    from promptlet.types import parse_intents

    if (text is None) == (not intent):
        raise UsageError('give either free text or at least one --intent "Kind: value"')
    intents = parse_intents(text if text is not None else intent or [])
    count = whole("n", n)
    attempts = DEFAULT_DRAWS if draws is None else whole("draws", draws)
    chosen = None if seed is None else whole("seed", seed)
    generator = Generator.load(student, threads=None if threads is None else whole("threads", threads))
    for prompt in generator.generate(intents, task, words, count, chosen, exact=not free, draws=attempts):
        typer.echo(json.dumps(prompt.to_dict(), ensure_ascii=False) if as_json else prompt.prompt)
