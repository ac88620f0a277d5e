"""`promptlet generate`: prompts to order, on standard output, or a file of requests into a file of prompts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptlet.cli.options import EngineName, Threads, number, whole

if TYPE_CHECKING:
    from promptlet.generation import Generator, Request


def generate(  # noqa: PLR0913, PLR0917 (one per option)
    text: Annotated[
        str | None, typer.Argument(help="What the prompt is about, in free words.", show_default=False)
    ] = None,
    intent: Annotated[
        list[str] | None,
        typer.Option(
            "--intent", "-i", help='One wish, as in "Scene object: balloon"; may be repeated.', show_default=False
        ),
    ] = None,
    task: Annotated[
        str, typer.Option(help="Kind of prompt: t2i (image), t2t (template), or another that the student knows.")
    ] = "t2i",
    words: Annotated[
        str | None, typer.Option(help="Number of words, or a range such as 10-20.", show_default="20")
    ] = None,
    relevance: Annotated[
        str | None,
        typer.Option(help="How relevant, 0 to 4, for a student that obeys it.", show_default="the best"),
    ] = None,
    n: Annotated[int, typer.Option("-n", parser=whole(), metavar="NUMBER", help="How many prompts, 1 to 64.")] = 1,
    seed: Annotated[
        int | None,
        typer.Option(
            parser=whole(),
            metavar="NUMBER",
            help="The same seed gives the same prompts.",
            show_default="a new one each time; 0 with --input",
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            help="A term that must stand in every prompt as it is, such as (golden hour:1.2); may be repeated.",
            show_default=False,
        ),
    ] = None,
    ban: Annotated[
        list[str] | None,
        typer.Option(
            help="A word or phrase that no prompt may say, however inflected, or category:NAME; may be repeated.",
            show_default=False,
        ),
    ] = None,
    free: Annotated[bool, typer.Option("--free", help="Leave the word count to the model.")] = False,
    candidates: Annotated[
        int | None,
        typer.Option(
            parser=whole(),
            metavar="NUMBER",
            help="Texts drawn per prompt, of which the best is taken, 1 to 64.",
            show_default="24",
        ),
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            parser=number(),
            metavar="NUMBER",
            help="0, as all below 0.01, takes the likeliest token.",
            show_default="0.8",
        ),
    ] = None,
    top_p: Annotated[
        float | None, typer.Option(parser=number(), metavar="NUMBER", help="Above 0, up to 1.", show_default="1")
    ] = None,
    top_k: Annotated[
        int | None, typer.Option(parser=whole(), metavar="NUMBER", help="0 is all tokens.", show_default="0")
    ] = None,
    min_p: Annotated[
        float | None, typer.Option(parser=number(), metavar="NUMBER", help="0 to 1.", show_default="0.1")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per prompt.")] = False,
    source: Annotated[
        Path | None,
        typer.Option("--input", help="A .jsonl file of requests; the options are their defaults.", show_default=False),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option(
            "--output", help="Where the prompts of --input go; an interrupted run goes on.", show_default=False
        ),
    ] = None,
    student: Annotated[
        Path | None, typer.Option(help="A student's folder.", show_default="the shipped student")
    ] = None,
    engine: EngineName = "llamacpp",
    threads: Threads = None,
) -> None:
    """Write prompts that hold the given intents in exactly the number of words asked for."""
    from promptlet.errors import UsageError
    from promptlet.generation import Generator, Request

    if (source is None) != (target is None):
        raise UsageError("--input and --output go together")
    if (text is not None) + bool(intent) + (source is not None) != 1:
        raise UsageError('give either free text, or at least one --intent "Kind: value", or --input')
    given = {
        "task": task,
        "words": words,
        "relevance": relevance,
        "n": n,
        "seed": seed,
        "exact": not free,
        "candidates": candidates,
        "keep": keep,
        "ban": ban,
        "temperature": temperature,
        "top_p": top_p,
        "top_k": top_k,
        "min_p": min_p,
    }
    values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    # The options of a file of requests are checked at once, with an intent that no option can be at odds with.
    request = Request.of({"intents": ["Topic: *"] if source else intent or text} | values)
    generator = Generator.load(student, engine, threads)
    if source is not None and target is not None:
        _write_file(generator, source, target, values, request)
        return
    found = 0
    for prompt in generator.stream(request):
        found += 1
        typer.echo(json.dumps(prompt.to_dict(), ensure_ascii=False) if as_json else prompt.prompt)
        if left_out := [intent for intent, share in prompt.coverage.items() if not share]:
            typer.echo(f"promptlet: prompt {found} leaves out: {', '.join(left_out)}", err=True)
    if found < request.n:
        typer.echo(f"promptlet: {found} of {request.n}: the student has no more that differ from these", err=True)
    if prompt.untaught and set(prompt.untaught).issuperset(" ".join(each.value for each in request.intents).split()):
        typer.echo("promptlet: this student was taught plain English, and no word of what was asked for", err=True)


def _write_file(generator: Generator, source: Path, target: Path, values: dict[str, Any], request: Request) -> None:
    from promptlet.generation.batch import generate_file
    from promptlet.generation.plan import Plan

    Plan.of(request, generator.student)  # options that fit no row end it here
    done = generate_file(generator, source, target, values)
    typer.echo(f"{done.rows} requests, {done.failed} without a prompt, {done.short} with fewer than asked", err=True)
    if done.first_error:
        typer.echo(f"promptlet: the first error: {done.first_error}", err=True)
    if done.failed:
        raise typer.Exit(1)
