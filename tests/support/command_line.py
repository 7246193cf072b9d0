"""Commands of `berth` in this process: quicker than the console script, through the same options."""

import typer

from berth.app.cli import app


def call(command: str, *arguments: str, **options: str | float | bool) -> None:
    """Run a command with its arguments, and ``name=value`` as ``--name value``, and ``name=True`` as ``--name``.

    Raises:
        BerthError: as the command does.
    """
    words = [command, *arguments]
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        words += [flag] if value is True else [flag, str(value)]
    typer.main.get_command(app).main(words, standalone_mode=False)
