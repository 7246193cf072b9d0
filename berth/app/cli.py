"""The command `berth`: sets up logging, runs a subcommand, and turns errors into one message and an exit status."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from typing import Annotated

import typer

from berth import __version__, log, storage
from berth.app.commands import cluster, data, finetune, model, plan, run, transfer
from berth.errors import BerthError
from berth.storage.local_errors import of_system

app = typer.Typer(
    name="berth",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="From raw text to evaluated BERT models, reproducibly.",
    epilog="Exit status: 0 success, 1 failure, 2 wrong usage, 75 a failure that may pass (network, file system), "
    "130 or 143 stopped by Ctrl-C or SIGTERM (the message says what is saved).",
)
run.add_to(app)
data.add_to(app)
model.add_to(app)
finetune.add_to(app)
plan.add_to(app)
cluster.add_to(app)
transfer.add_to(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"berth {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error, and log more.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    log.setup(verbose=debug)


def main() -> None:
    """Entry point of the console script."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # what the locale cannot show is escaped, as on standard error
        sys.stdout.reconfigure(errors="backslashreplace")
    arguments = sys.argv[1:]
    end = arguments.index("--") if "--" in arguments else len(arguments)
    debug = "--debug" in arguments[:end]
    # `--debug` is accepted anywhere before `--`: people append it to the command that failed.
    arguments = [*(["--debug"] if debug else []), *(a for a in arguments[:end] if a != "--debug"), *arguments[end:]]
    try:
        for argument in arguments:
            storage.check_text(argument, "an argument")
        with contextlib.suppress(FileNotFoundError):  # of a directory that was deleted meanwhile
            storage.check_text(os.getcwd(), "the name of the current directory")
        app(arguments)
    except BerthError as error:
        _end(str(error), error.exit_status, debug)
    except OSError as error:
        explained = of_system(error)
        _end(str(explained or _unexpected(error)), explained.exit_status if explained else 1, debug)
    except KeyboardInterrupt:
        _end("interrupted; run the same command again to continue", 130, debug=False)
    except Exception as error:
        _end(_unexpected(error), 1, debug)


def _unexpected(error: Exception) -> str:
    return f"unexpected {type(error).__name__}: {error} (--debug shows where; please report it)"


def _end(message: str, status: int, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    typer.echo(f"berth: {message}", err=True)
    sys.exit(status)
