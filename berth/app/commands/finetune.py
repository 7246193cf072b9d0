"""The command `finetune`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from berth.app.commands.options import AnyCheckpoint, Output
from berth.app.section_options import SectionCommand, from_recipe

if TYPE_CHECKING:
    from berth.recipe import FineTuning


@from_recipe(options="fine_tuning", seed="seed")
def finetune(
    *,
    checkpoint: AnyCheckpoint,
    output: Output,
    options: FineTuning,
    lower_case: Annotated[
        bool | None,
        typer.Option(
            "--lower-case/--cased", help="Case of the model's vocabulary, where no file beside the checkpoint says it."
        ),
    ] = None,
    seed: int,
) -> None:
    """Fine-tune a trained model on a task, measure it, and export it with its tokenizer for serving."""
    from berth.formats.results import read_finetuning
    from berth.stage import Directory
    from trainer.finetuning.finetune import finetune

    result = finetune(
        options=options, model=checkpoint.rstrip("/"), seed=seed, lower_case=lower_case, destination=Directory(output)
    )
    figures = read_finetuning(result.uri)
    typer.echo(json.dumps({name: figures[name] for name in ("metrics", "baseline")}, indent=2))


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(cls=SectionCommand)(finetune)
