"""The `promptlet` command: gathers the verbs and turns errors into one line and an exit status."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from promptlet.cli import bench, evaluate, generate, improve, intents, plot, report, review, run, serve, vocabulary
from promptlet.cores import sleep_sooner
from promptlet.errors import PromptletError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

app = typer.Typer(
    name="promptlet",
    help="Distil any large language model into a small one that writes prompts to order.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("bench", short_help="Measure how fast every engine writes.")(bench.bench)
app.command("generate", short_help="Write prompts of an exact number of words.")(generate.generate)
app.command("improve", short_help="Let a student learn from what it writes itself.")(improve.improve)
app.command("plot", short_help="Draw the curves of a run's trainings.")(plot.plot)
app.command("run")(run.run)
app.command("serve")(serve.serve)
app.command("evaluate", short_help="Measure students, teachers and endpoints.")(evaluate.evaluate)
app.add_typer(intents.app, name="intents")
app.add_typer(report.app, name="report")
app.add_typer(review.app, name="review")
app.add_typer(vocabulary.app, name="vocabulary")


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version."),
) -> None:
    """Take the options that belong to no verb."""
    if version:
        from promptlet import __version__

        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command line; user errors exit with 2, failures with 1, each after one line. All text is UTF-8."""
    # Of a closed stream Python makes None, to which nothing is printed, and the next file gets its number.
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (as long as the process)
    if sys.stdout is None:
        _complain("standard output is closed; > /dev/null is how to throw away what is printed", 1)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # with Windows' encoding, or another, a kept name could not be printed
            # An argument in Latin-1 holds what is no UTF-8; an error that names it says \udce9.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    sleep_sooner()
    try:
        status = app(standalone_mode=False)
    except PromptletError as error:
        _complain(str(error), error.exit_status)
    except OSError as error:
        if error.errno not in _FULL and error.filename is None:
            raise
        _complain(f"{error.strerror}: {error.filename or 'no file could be written'}", 1)
    except TyperException as error:
        _complain(error.format_message(), error.exit_code)
    raise SystemExit(status or 0)


def _complain(message: str, status: int) -> NoReturn:
    line = " ".join(message.split())
    print(f"promptlet: {line}", file=sys.stderr)  # noqa: T201
    raise SystemExit(status)
