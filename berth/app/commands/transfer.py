"""The command `sync`."""

from __future__ import annotations

from typing import Annotated

import typer

from berth.storage import path


def sync(
    source: Annotated[
        str, typer.Argument(metavar="SRC", help="A directory, a file or a 'GLOB', local or gs://.", parser=path)
    ],
    destination: Annotated[
        str, typer.Argument(metavar="DST", help="A directory; for one file, also its new name.", parser=path)
    ],
) -> None:
    """Copy files to, from or within Cloud Storage. Existing copies are not copied again."""
    from berth.stage.transfer import sync

    result = sync(source, destination)
    for file in result.copied:
        typer.echo(file.destination)
    size = sum(file.size for file in result.copied)
    typer.echo(f"{len(result.copied)} files copied ({size:,} B), {result.skipped} existed already")


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(sync)
