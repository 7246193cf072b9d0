"""Options that several commands share, and the flags after ``--`` that are passed to Beam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from berth.errors import UsageError
from berth.storage import path

if TYPE_CHECKING:
    from berth.recipe import Cluster

Output = Annotated[str, typer.Option("--output", metavar="DIR", help="Output directory, local or gs://.", parser=path)]
Articles = Annotated[
    str, typer.Option("--articles", metavar="DIR", help="Output of `berth extract` or `berth filter`.", parser=path)
]
AnyCheckpoint = Annotated[
    str,
    typer.Option(
        "--checkpoint",
        metavar="DIR|FILE",
        parser=path,
        help="Output of `berth train` (its newest checkpoint), one of its checkpoints, or any checkpoint that "
        "`initial_checkpoint` accepts.",
    ),
]
Text = Annotated[
    list[str],
    typer.Option(
        "--text",
        metavar="'GLOB'",
        parser=path,
        help="Sentence shards: one sentence per line, empty lines between documents.",
    ),
]
Vocab = Annotated[str, typer.Option("--vocab", metavar="FILE", help="Vocabulary, one entry per line.", parser=path)]
Records = Annotated[list[str], typer.Option("--records", metavar="'GLOB'", help="TFRecord files.", parser=path)]
RecipeName = Annotated[
    str, typer.Argument(metavar="RECIPE", help="A YAML file, or the name of an installed recipe.", parser=path)
]
Set = Annotated[
    list[str], typer.Option("--set", metavar="KEY.PATH=VALUE", help="Override one value of the recipe; repeatable.")
]
Scale = Annotated[
    str,
    typer.Option(
        "--scale",
        metavar="tiny",
        help="Scale the recipe down, before any `--set`: the quickstart's excerpt, two layers, some 24 steps.",
    ),
]

# Commands that run a Beam job take its flags after `--`.
BEAM = {"allow_extra_args": True, "ignore_unknown_options": False}
BEAM_HELP = "Flags after `--` are passed to Beam unchanged, e.g. `-- --runner=DataflowRunner --project=P`."


def beam_arguments(
    context: typer.Context,
    output: str,
    inputs: Sequence[str] = (),
    cluster: Cluster | None = None,
    workers: int | None = None,
) -> list[str]:
    """The flags for Beam; for Dataflow with those that follow from the recipe's cluster section.

    Args:
        context: Holds the given flags.
        output: Where the job writes.
        inputs: Files that its workers read.
        cluster: The recipe's cluster section, if there is a recipe.
        workers: Number of workers on this machine, if it is given.

    Raises:
        UsageError: for a word that is not a flag, and for a job that cannot run on Dataflow.
    """
    from pipelines.engine import dataflow

    for argument in context.args[:1]:
        if not argument.startswith("-"):
            raise UsageError(
                "unexpected argument", found=argument, fix=f"See `{context.command_path} --help`. {BEAM_HELP}"
            )
    if dataflow.is_requested(context.args):
        return dataflow.checked_flags(context.args, output, inputs, cluster)
    return [*([f"--workers={workers}"] if workers else []), *context.args]
