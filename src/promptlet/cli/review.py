"""`promptlet review`: people rate what systems wrote, blindly, on a page of their own; then a report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from promptlet.cli.options import Port, Seed, group, number, whole

app = group("Let people rate prompts blindly, and report what they say.")

_Review = Annotated[Path, typer.Argument(help="The review's file.")]


@app.command()
def create(
    review: Annotated[Path, typer.Argument(help="The file to make, such as review.db.")],
    systems: Annotated[
        list[str],
        typer.Argument(help="Files of prompts as `promptlet generate --output` writes them.", metavar="NAME=FILE..."),
    ],
    reviewer: Annotated[list[str], typer.Option(help="A reviewer's name; may be repeated.", show_default=False)],
    prompts: Annotated[
        int, typer.Option(parser=whole(1), metavar="NUMBER", help="Prompts of each system, at most.")
    ] = 50,
    per_item: Annotated[
        int | None,
        typer.Option(
            parser=whole(1),
            metavar="NUMBER",
            help="Reviewers who rate the same prompt.",
            show_default="3, or all of fewer",
        ),
    ] = None,
    checks: Annotated[
        int, typer.Option(parser=whole(0), metavar="NUMBER", help="Attention checks that every reviewer gets.")
    ] = 6,
    seed: Seed = 1,
    title: Annotated[str, typer.Option(help="What stands above the page.")] = "Prompts to order",
) -> None:
    """Make a review and print each reviewer's access code, which is kept nowhere else."""
    from promptlet.extras import needing

    with needing("a review", "review"):
        from promptlet.review.creating import ReviewSettings, create_review, parse_systems

        plan = ReviewSettings(
            parse_systems(systems),
            prompts,
            min(3, len(reviewer)) if per_item is None else per_item,
            checks,
            seed,
            title,
        )
        store, tokens = create_review(review, plan, reviewer)
    for name, token in tokens.items():
        typer.echo(f"{name}\t{token}")
    loads = sorted(set(store.reviewers().values()))
    rated = [item for item in store.items().values() if item.check is None]
    typer.echo(
        f"{len(rated)} prompts and {len(store.items()) - len(rated)} checks; "
        f"each reviewer gets {loads[0] if len(loads) == 1 else f'{loads[0]} to {loads[-1]}'}",
        err=True,
    )


@app.command()
def invite(
    review: _Review,
    names: Annotated[list[str], typer.Argument(help="Reviewers' names.", metavar="NAME...")],
) -> None:
    """Add reviewers, and deal what is not rated yet anew; a reviewer who is known gets a new access code."""
    from promptlet.review.store import Store

    tokens = Store(review).invite(names)
    for name, token in tokens.items():
        typer.echo(f"{name}\t{token}")


@app.command()
def remove(
    review: _Review,
    item: Annotated[
        int, typer.Argument(parser=whole(1, 2**63 - 1), metavar="ITEM", help="Its number, as an export has it.")
    ],
) -> None:
    """Take a prompt out of the review; what was said of it is exported, and counts no more."""
    from promptlet.review.store import Store

    Store(review).remove(item)


@app.command()
def serve(
    review: _Review,
    host: Annotated[str, typer.Option(help="Where to listen; 0.0.0.0 is every network.")] = "127.0.0.1",
    port: Port = 8710,
) -> None:
    """Serve the page until Ctrl-C. A reviewer's link is its address, # and the access code."""
    from promptlet.extras import needing

    with needing("the page", "serve"):
        from promptlet.listening import is_loopback
        from promptlet.review.serving import serve
        from promptlet.review.store import Store
    if not is_loopback(host):
        typer.echo("promptlet: access codes travel unencrypted; put a proxy with TLS in front", err=True)
    serve(Store(review), host, port, lambda address: typer.echo(f"{address}#CODE"))


@app.command()
def report(
    review: _Review,
    output: Annotated[Path | None, typer.Option(help="Where the files go.", show_default="REVIEW-report")] = None,
    least_passed: Annotated[
        float,
        typer.Option(
            parser=number(0, 1),
            metavar="NUMBER",
            help="Leave out reviewers who passed a smaller share, 0 to 1, of their checks.",
        ),
    ] = 0,
) -> None:
    """Write one HTML page and Markdown: shares, means, agreement, per task and system, judges beside people."""
    from promptlet.extras import needing

    with needing("the report", "review"):
        from promptlet.reports.review import report_review
        from promptlet.review.store import Store

        page = report_review(Store(review), output or review.with_name(f"{review.stem}-report"), least_passed)
    typer.echo(page)


@app.command()
def export(
    review: _Review,
    output: Annotated[Path, typer.Argument(help="A .csv, .jsonl or .parquet file.")],
) -> None:
    """Write every rating as a row, also of checks and of prompts that were taken out."""
    from promptlet.extras import needing

    with needing("the export", "review"):
        from promptlet.review.export import export_ratings
        from promptlet.review.store import Store

        rows = export_ratings(Store(review), output)
    typer.echo(f"{rows} ratings", err=True)
