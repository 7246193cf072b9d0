"""Commands for whole runs and recipes: run, report, verify, lineage, schema."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from berth import storage
from berth.app.commands import options
from berth.app.commands.options import BEAM, BEAM_HELP, beam_arguments
from berth.errors import BerthError, UsageError

PathArgument = Annotated[
    str, typer.Argument(metavar="PATH", help="A workspace, a stage's directory, or a file in one.", parser=storage.path)
]


def run(
    context: typer.Context,
    recipe: options.RecipeName,
    workspace: Annotated[
        str, typer.Option("--workspace", metavar="DIR", help="Directory of all outputs.", parser=storage.path)
    ] = "workspace",
    until: Annotated[
        str, typer.Option("--until", metavar="data|report", help="`data` stops before training.")
    ] = "report",
    scale: options.Scale = "",
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N>=1", min=1, help="The same as --set execution.workers=N.")
    ] = None,
    set_: options.Set = [],  # noqa: B006  typer's way of an empty list
) -> None:
    """Run a recipe from raw text to the report. Finished stages are not run again."""
    from berth.planning.accelerators import Machines
    from berth.recipe.file import load
    from berth.stage.inputs import Inputs

    loaded = load(recipe, [*set_, *([f"execution.workers={workers}"] if workers else [])], scale)
    Machines.of_recipe(loaded)  # the report plans for these: an unknown shape is an error now, not after training
    # kfp puts it into a JSON text as it is, and takes "{{$" for a placeholder of its own.
    if found := [text for text in ('"', "\\", "{{$") if text in workspace]:
        raise UsageError(
            "the path of a workspace cannot contain double quotes, backslashes or {{$",
            where=f"--workspace {workspace}",
            found=found[0],
            fix="Choose another name.",
        )
    if until not in ("data", "report"):
        raise UsageError("invalid value", where="--until", found=repr(until), expected="'data' or 'report'")
    flags = beam_arguments(context, workspace, loaded.corpus.patterns, loaded.cluster)
    for pattern in filter(None, [*loaded.corpus.patterns, loaded.vocabulary.path]):
        Inputs.find(pattern)
    if not storage.is_cloud(workspace):
        workspace = str(storage.local_path(workspace).resolve())
        storage.make_directory(workspace)

    from berth.app import kernels, local_run, run_summary
    from berth_dags.pretrain import pretrain_pipeline

    pipeline = pretrain_pipeline(loaded, until=until)
    if not any(flag.startswith("--runner") for flag in flags):  # the stages' workers are on this machine
        kernels.compile_for(loaded)
    report = local_run.execute(
        pipeline, workspace, name=loaded.name, workers=loaded.execution.workers, beam_arguments=flags
    )
    for line in run_summary.lines(report, workspace):
        typer.echo(line)


def schema(
    as_json: Annotated[bool, typer.Option("--json", help="JSON Schema, for editors.")] = False,
) -> None:
    """Print every key of a recipe: type, default, meaning."""
    from berth.recipe import Recipe
    from berth.recipe.help import describe

    typer.echo(json.dumps(Recipe.model_json_schema(), indent=2) if as_json else describe())


def verify(
    path: PathArgument,
    ancestors: Annotated[
        bool, typer.Option("--ancestors", help="Also verify the stages that PATH was made from.")
    ] = False,
) -> None:
    """Re-read and re-hash every file of finished stages."""
    from berth.stage.verification import verify

    problems = verify(path, ancestors=ancestors)
    if problems:
        raise BerthError(
            f"{len(problems)} problems: " + "; ".join(map(str, problems)),
            where=path,
            fix="Delete these directories and run again.",
        )
    typer.echo(f"{path}: complete and unchanged")


def report(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            parser=storage.path,
            help="Workspaces, or directories of reports in them (WORKSPACE/report/DIGEST).",
        ),
    ],
    output: Annotated[
        str, typer.Option("--output", metavar="FILE", help="The HTML file to write.", parser=storage.path)
    ] = "comparison.html",
) -> None:
    """Compare several runs on one page: scores by hours of pre-training, figures, differing keys."""
    from berth.report.compare import compare

    for each in compare(runs, output):
        typer.echo(each.name)
    typer.echo(output)


def lineage(path: PathArgument) -> None:
    """Print what a result was made from, back to the source files."""
    from berth.stage.lineage import describe

    typer.echo(describe(path))


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(context_settings=BEAM, epilog=BEAM_HELP)(run)
    for command in (report, verify, lineage, schema):
        app.command()(command)
