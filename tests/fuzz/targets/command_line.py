"""The command line: cheap commands with any arguments, recipe and environment end with one message and a status."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path

from berth.app import cli
from berth.errors import BerthError
from fuzz.target import STATUSES, FindingError, check_message, choice, parts, place, write

REFUSALS: tuple[type[BerthError], ...] = ()  # the command line itself catches them

# None of them starts work with files that do not exist, or needs a network.
COMMANDS = (
    ("plan", "recipe.yaml"),
    ("k8s", "recipe.yaml"),
    ("schema",),
    ("explain", "part.tfrecord", "--vocab=vocab.txt", "--index=0"),
    ("verify",),
    ("lineage",),
    ("records", "--text=missing", "--vocab=missing", "--output=out"),
    ("segment", "--articles=missing", "--output=out"),
    ("filter", "--articles=missing", "--output=out"),
    ("vocab", "--text=missing", "--output=out"),
    ("extract", "--output=out"),
    ("evalset", "--records=missing", "--output=out"),
    ("train", "recipe.yaml", "--vocab=missing", "--output=out"),
    ("finetune", "--checkpoint=missing", "--output=out"),
    ("report",),
    (),
)


def fuzz(data: bytes) -> None:
    """The command; then, separated by lines `%%`, its other arguments, one a line, a file, and TF_CONFIG."""
    number, content = choice(data)
    given, file, environment = parts(content, 3)
    for name in ("recipe.yaml", "part.tfrecord", "vocab.txt"):
        write(f"here/{name}", file)
    arguments = [os.fsdecode(each.replace(b"\0", b"")) for each in given.split(b"\n") if each]
    before, directory = os.environ.get("TF_CONFIG"), Path.cwd()
    try:
        os.environ["TF_CONFIG"] = os.fsdecode(environment.replace(b"\0", b""))
        os.chdir(place("here"))
        _call([*COMMANDS[number % len(COMMANDS)], *arguments])
    finally:
        os.chdir(directory)
        os.environ.pop("TF_CONFIG")
        if before is not None:
            os.environ["TF_CONFIG"] = before


def _call(arguments: list[str]) -> None:
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["berth", *arguments]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.main()
    except SystemExit as end:
        printed = err.getvalue()
        if "please report" in printed or "berth: unexpected" in printed:
            raise FindingError(f"{arguments}: {printed[-1000:]}") from end.__context__
        if "Traceback" in printed or (end.code or 0) not in (0, *STATUSES):
            raise FindingError(f"{arguments}: status {end.code}: {printed[-1000:]}") from end
        if end.code and "berth: " in printed:
            check_message(printed.rpartition("berth: ")[2].rstrip("\n"))
