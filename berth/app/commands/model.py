"""Commands for models: train, evaluate, export."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from berth import storage
from berth.app.commands import options
from berth.app.section_options import SectionCommand, from_recipe
from berth.errors import UsageError


def train(
    recipe: options.RecipeName,
    records: Annotated[
        list[str],
        typer.Option("--records", metavar="NAME=DIR", help="Directory of each record set of the recipe; repeatable."),
    ],
    output: options.Output,
    vocab: Annotated[
        str,
        typer.Option("--vocab", metavar="FILE", help="Vocabulary; default: that of the records.", parser=storage.path),
    ] = "",
    evaluation: Annotated[
        str,
        typer.Option(
            "--evaluation",
            metavar="DIR",
            parser=storage.path,
            help="Output of `berth evalset`, if the recipe evaluates during training.",
        ),
    ] = "",
    scale: options.Scale = "",
    set_: options.Set = [],  # noqa: B006  typer's way of an empty list
) -> None:
    """Train a recipe's model on its record sets; an interrupted run continues."""
    from berth.formats.records import PATTERN
    from berth.recipe.file import load
    from berth.stage import Directory
    from berth.stage.inputs import Inputs
    from berth.stage.lineage import inputs_of
    from trainer.loop.train import train

    loaded = load(recipe, set_, scale)
    sets = {}
    for argument in records:
        name, separator, directory = argument.partition("=")
        if not separator:
            raise UsageError(
                "this record set has no name", where=f"--records {argument}", expected="--records NAME=DIR"
            )
        sets[name] = Inputs.of(storage.Pattern(storage.path(directory), PATTERN))
    vocabulary = Inputs.at(vocab) if vocab else inputs_of(next(iter(sets.values())).uri, "vocabulary")
    held_out = Inputs.of(storage.Pattern(evaluation, PATTERN)) if evaluation else None
    result = train(
        recipe=loaded, records=sets, vocabulary=vocabulary, evaluation=held_out, destination=Directory(output)
    )
    typer.echo(result.uri)


@from_recipe(engine="training.engine", batch_size="evaluation.batch_size")
def evaluate(
    *,
    checkpoint: options.AnyCheckpoint,
    records: Annotated[
        str, typer.Option("--records", metavar="DIR", help="Output of `berth evalset`.", parser=storage.path)
    ],
    training_records: Annotated[
        str,
        typer.Option(
            "--training-records",
            metavar="DIR",
            help="Output of `berth records` for training text: compare the model with a table of its bigrams too.",
            parser=storage.path,
        ),
    ] = "",
    output: Annotated[
        str,
        typer.Option(
            "--output",
            metavar="DIR",
            help="Output directory; default: next to that of the checkpoint.",
            parser=storage.path,
        ),
    ] = "",
    every: Annotated[
        bool, typer.Option("--all", help="Evaluate every checkpoint of the directory and print a table.")
    ] = False,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", help="Evaluate each checkpoint of a running training run as it is written, until the run ends."
        ),
    ] = False,
    engine: str,
    batch_size: int,
) -> None:
    """Evaluate a trained model on held-out records, compared with simple guesses."""
    from berth.formats.records import PATTERN
    from berth.formats.results import EVALUATIONS, read_evaluation, read_lines
    from berth.stage import Directory
    from berth.stage.inputs import Inputs
    from trainer.checkpoints import checkpoint as checkpoints
    from trainer.evaluation import evaluate, history
    from trainer.evaluation import follow as following

    if every and follow:
        raise UsageError("give only one of --all and --follow", where="berth evaluate")
    directory = checkpoint.rstrip("/")
    step = checkpoints.step_of(directory)
    if step is not None and (every or follow):
        raise UsageError(
            "--all and --follow need the directory of a training run",
            where=f"--checkpoint {checkpoint}",
            found="a single checkpoint",
        )
    held_out = Inputs.of(storage.Pattern(records, PATTERN))
    text = Inputs.of(storage.Pattern(training_records, PATTERN)) if training_records else None
    if follow:
        lines = following.follow(
            directory=directory,
            records=held_out,
            training_records=text,
            batch_size=batch_size,
            engine=engine,
            output=output or f"{directory}-followed",
        )
        typer.echo(history.table(lines))
        return
    default = f"{directory}-evaluations" if every else f"{directory}-evaluation"
    if step is not None:
        default = f"{storage.parent(directory) or '.'}-evaluation-{step:08d}"
    target = Directory(output or default)
    if step is not None or every or checkpoints.list_steps(directory):
        result = evaluate.evaluate(
            model=checkpoints.of_training(directory, every),
            records=held_out,
            training_records=text,
            batch_size=batch_size,
            engine=engine,
            checkpoints="all" if every else "newest",
            destination=target,
        )
    else:
        result = evaluate.evaluate_other(
            uri=directory,
            records=held_out,
            training_records=text,
            batch_size=batch_size,
            engine=engine,
            destination=target,
        )
    if every:
        typer.echo(history.table(read_lines(storage.join(result.uri, EVALUATIONS))))
        return
    figures = read_evaluation(result.uri)
    typer.echo(json.dumps(figures, indent=2, ensure_ascii=False))


@from_recipe(format_="export.formats.0")
def export(checkpoint: options.AnyCheckpoint, output: options.Output, format_: str) -> None:
    """Write a trained model for other libraries; with `tf1` and `tf2`, any checkpoint."""
    from berth.stage import Directory
    from trainer.checkpoints import checkpoint as checkpoints
    from trainer.serving.export import export, export_other

    directory, target = checkpoint.rstrip("/"), Directory(output)
    if checkpoints.step_of(directory) is not None or checkpoints.list_steps(directory):
        result = export(model=checkpoints.of_training(directory), format=format_, destination=target)
    else:
        result = export_other(uri=directory, format=format_, destination=target)
    typer.echo(result.uri)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(train)
    for command in (evaluate, export):
        app.command(cls=SectionCommand)(command)
