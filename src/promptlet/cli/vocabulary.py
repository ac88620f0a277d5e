"""`promptlet vocabulary`: what a policy says about a data set or a text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from promptlet.cli.options import group, whole

if TYPE_CHECKING:
    from promptlet.vocabulary.audit import Entry

app = group("Hold data sets and texts against the vocabulary policy.")

_Policy = Annotated[Path | None, typer.Option("--policy", help="A policy file.", show_default="the packaged policy")]


@app.command()
def audit(
    dataset: Annotated[Path, typer.Argument(help="A .parquet or .jsonl file, or a folder of .parquet files.")],
    policy: _Policy = None,
    limit: Annotated[
        int | None,
        typer.Option(parser=whole(1), metavar="NUMBER", help="Entries per list, 1 or more.", show_default="all"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List every denied term and every word that is not approved, by count; exit with 1 if a term is denied.

    A word is approved if it is in the dictionary, in the policy's allowed words, or in the row's own intents.
    """
    from promptlet.errors import UsageError
    from promptlet.extras import needing

    with needing("the audit", "distill"):
        from promptlet.io.prompts import open_prompts
        from promptlet.vocabulary import load_policy
        from promptlet.vocabulary.audit import audit as audit_prompts

        found = audit_prompts(open_prompts(dataset), load_policy(policy))
    if found.unreadable == found.rows:
        raise UsageError(f"{dataset} holds no prompt that can be read, in {found.rows} rows: nothing was audited")
    if as_json:
        typer.echo(json.dumps(found.to_dict(limit), ensure_ascii=False))
    else:
        typer.echo(f"{found.rows} rows, {found.words} words; {found.unreadable} rows had no prompt that can be read")
        _print("denied terms", found.denied, limit)
        _print("words that are not approved", found.unapproved, limit)
        if found.dropped:
            typer.echo(f"too many different terms: {found.dropped} rare ones were dropped on the way")
    if found.denied:
        raise typer.Exit(1)


@app.command()
def check(
    text: Annotated[str, typer.Argument(help="Any text.")],
    policy: _Policy = None,
) -> None:
    """Print the denied terms of a text and its words that are not approved; exit with 1 if a term is denied."""
    from promptlet.extras import needing

    with needing("the check", "distill"):
        from promptlet.stemming import terms
        from promptlet.vocabulary import load_policy

        loaded = load_policy(policy)
        findings = list(loaded.findings(text))
        unapproved = [term for term in dict.fromkeys(terms(text)) if not loaded.approves(term)]
    for finding in findings:
        typer.echo(f"denied: {finding}")
    for term in unapproved:
        typer.echo(f"not approved: {term}")
    if findings:
        raise typer.Exit(1)


def _print(title: str, entries: list[Entry], limit: int | None) -> None:
    shown = entries[:limit]
    typer.echo(f"\n{len(entries)} {title}{'' if len(shown) == len(entries) else f', the first {len(shown)}'}")
    for entry in shown:
        typer.echo(f"{entry.count:>8}  {entry.term}{f' ({entry.category})' if entry.category else ''}")
        for example in entry.examples:
            typer.echo(f"{'':>10}{example}")
