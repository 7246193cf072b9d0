"""The command `finetune`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from berth.app.commands import options
from berth.stage import Directory


def finetune(
    task: Annotated[
        str,
        typer.Option(
            "--task",
            metavar="mnli|qqp|qnli|sst2|cola|stsb|mrpc|rte|classification",
            help="A task of GLUE, or any classification of texts or pairs of texts.",
        ),
    ],
    checkpoint: options.AnyCheckpoint,
    data: Annotated[
        str,
        typer.Option(
            "--data",
            metavar="DIR",
            help="The task's files, as GLUE names them; for classification train and dev, .tsv, .csv or .jsonl.",
        ),
    ],
    output: options.Output,
    epochs: Annotated[int, typer.Option("--epochs", help="How often each example is seen.")] = 3,
    batch_size: Annotated[int, typer.Option("--batch-size", help="Examples in one update.")] = 32,
    learning_rate: Annotated[float, typer.Option("--learning-rate", help="Its peak, after warm-up.")] = 2e-5,
    warmup_proportion: Annotated[
        float, typer.Option("--warmup-proportion", help="Share of the updates that are warm-up.")
    ] = 0.1,
    max_seq_length: Annotated[
        int, typer.Option("--max-seq-length", help="Tokens of a text or pair; longer ones are cut.")
    ] = 128,
    fields: Annotated[
        str, typer.Option("--fields", metavar="A[,B]", help="classification: column of the text, or of both of a pair.")
    ] = "text",
    label_field: Annotated[
        str, typer.Option("--label-field", metavar="NAME", help="classification: column of the label.")
    ] = "label",
    lower_case: Annotated[
        bool | None,
        typer.Option("--lower-case/--cased", help="The model's kind, where no file beside the checkpoint tells it."),
    ] = None,
    seed: options.Seed = 12345,
) -> None:
    """Fine-tune a trained model on a task, measure it, and export it with its tokenizer for serving."""
    from berth.formats.results import read_finetuning
    from berth.recipe import FineTuning
    from trainer.finetuning.finetune import finetune

    section = options.checked(
        FineTuning,
        task=task,
        data=data,
        fields=fields.split(","),
        label_field=label_field,
        max_seq_length=max_seq_length,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        warmup_proportion=warmup_proportion,
    )
    result = finetune(
        options=section, model=checkpoint.rstrip("/"), seed=seed, lower_case=lower_case, destination=Directory(output)
    )
    figures = read_finetuning(result.uri)
    typer.echo(json.dumps({name: figures[name] for name in ("metrics", "baseline")}, indent=2))


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(finetune)
