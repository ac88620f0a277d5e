"""The `promptlet` command: gathers the verbs and turns errors into one line and an exit status."""

from __future__ import annotations

import sys

import typer

from promptlet.cli import generate, run
from promptlet.errors import PromptletError

app = typer.Typer(
    name="promptlet",
    help="Distil any large language model into a small one that writes prompts to order.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("generate")(generate.generate)
app.command("run")(run.run)


def _version(wanted: bool) -> None:
    if wanted:
        from promptlet import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version.", callback=_version, is_eager=True),
) -> None:
    """Take the options that belong to no verb."""


def main() -> None:
    """Run the command line; user errors exit with 2, failures with 1."""
    try:
        app()
    except PromptletError as error:
        print(f"promptlet: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(error.exit_status) from error
