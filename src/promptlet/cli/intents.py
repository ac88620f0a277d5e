"""`promptlet intents`: look at the creative graph, check it, draw from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from promptlet.cli.options import GraphFolder, Seed, group, number, whole

app = group("Look at the creative graph, check it, draw from it.")


@app.command()
def check(graph: GraphFolder = None) -> None:
    """Print one line per problem: dangling edges, duplicates, aliases that clash, denied words; then the sizes."""
    from promptlet.errors import GraphError
    from promptlet.intents.checking import check_graph
    from promptlet.intents.graph import load_graph
    from promptlet.types import KINDS

    problems = check_graph(graph)
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise GraphError(f"problems found: {len(problems)}")
    loaded = load_graph(graph)
    sizes = ", ".join(f"{kind} {len(loaded.nodes(kind))}" for kind in KINDS)
    typer.echo(f"{len(loaded.nodes())} nodes ({sizes}), {loaded.edges()} edges, no problems")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help='A node or alias, as in birthday or "Style: art deco".')],
    graph: GraphFolder = None,
) -> None:
    """Print the nodes of that name with their aliases and neighbours: its own, the most typical first, then others'."""
    from promptlet.intents.graph import load_graph

    loaded = load_graph(graph)
    for node in loaded.search(name):
        typer.echo(node)
        if loaded.aliases[node]:
            typer.echo(f"  aliases: {', '.join(loaded.aliases[node])}")
        for kind, ends in loaded.ranked(node).items():
            typer.echo(f"  {kind}: {', '.join(end.value for end in ends)}")


@app.command()
def sample(
    n: Annotated[int, typer.Option("-n", parser=whole(1), metavar="NUMBER", help="How many combinations.")] = 10,
    task: Annotated[str, typer.Option(help="Kind of prompt: t2i (image), t2t (template) or tags.")] = "t2i",
    seed: Seed = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per combination.")] = False,
    graph: GraphFolder = None,
) -> None:
    """Draw combinations of 2 to 5 intents that go together."""
    from promptlet.intents.graph import load_graph
    from promptlet.intents.sampling import Sampler
    from promptlet.intents.splits import split_of
    from promptlet.tasks import load_task
    from promptlet.types import render_intents

    loaded, drawn = load_graph(graph), 0
    for intents in Sampler(loaded, load_task(task)).stream(n, seed):
        drawn += 1
        if as_json:
            row = {"intents": [*map(str, intents)], "task": task, "split": split_of(loaded, intents)}
            typer.echo(json.dumps(row, ensure_ascii=False))
        else:
            typer.echo(render_intents(intents))
    if drawn < n:
        typer.echo(f"only {drawn} of {n} combinations: the graph has no more", err=True)


@app.command("import")
def import_metadata(
    file: Annotated[Path, typer.Argument(help="Metadata: .csv, .tsv, .jsonl, .json or .parquet.")],
    output: Annotated[Path | None, typer.Option(help="Folder for the intents.", show_default="FILE-intents")] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", help="FIELD=COLUMN where a column has an unusual name.", show_default="guessed"),
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="Kind of prompt.", show_default="t2t with a design type, else t2i")
    ] = None,
    threshold: Annotated[
        float,
        typer.Option(
            parser=number(0, 1), metavar="NUMBER", help="Likeness, 0 to 1, from which a keyword means a node."
        ),
    ] = 0.75,
    embeddings: Annotated[bool, typer.Option(help="Whether keywords are also linked by meaning.")] = True,
    encoding: Annotated[str, typer.Option(help="Encoding of text files.")] = "utf-8-sig",
    graph: GraphFolder = None,
) -> None:
    """Turn metadata of images or templates into intents, and propose nodes for what the graph does not know."""
    from promptlet.errors import UsageError
    from promptlet.extras import needing
    from promptlet.intents.graph import load_graph
    from promptlet.intents.metadata import Metadata
    from promptlet.tasks import load_task

    with needing("the import", "distill"):
        from promptlet.embedding import load_embedder
        from promptlet.intents.importing import Import
        from promptlet.intents.linking import Linker

    told: dict[str, str] = {}
    for item in mapping or []:
        name, equals, column = item.partition("=")
        if not equals:
            raise UsageError(f"--map is '{item}'; FIELD=COLUMN is allowed, as in --map keywords=tags")
        if name in told:
            raise UsageError(f"--map names the field '{name}' twice")
        told[name] = column
    if task is not None:
        load_task(task)  # a wrong one is told before the embeddings are opened
    folder = output or file.with_name(f"{file.stem}-intents")
    metadata, known = Metadata.open(file, told, encoding), load_graph(graph)
    linker = Linker(known, load_embedder() if embeddings else None, threshold)
    for key, value in Import(metadata, known, linker, task).run(folder).items():
        typer.echo(f"{key}: {json.dumps(value, ensure_ascii=False)}", err=True)
    typer.echo(folder)


@app.command("test-sets")
def test_sets(
    folder: Annotated[Path, typer.Argument(help="Where unseen_combinations.jsonl and unseen_nodes.jsonl go.")],
) -> None:
    """Make the frozen test sets again, byte for byte, and print the digest of each."""
    from promptlet.intents.test_sets import write_test_sets

    for name, digest in write_test_sets(folder).items():
        typer.echo(f"{digest}  {name}.jsonl")
