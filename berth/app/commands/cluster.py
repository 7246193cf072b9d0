"""Commands for Kubeflow Pipelines and Kubernetes: compile, submit, k8s."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from berth import storage
from berth.app.commands import options
from berth.app.commands.options import BEAM, BEAM_HELP, beam_arguments
from berth.errors import UsageError

if TYPE_CHECKING:
    from berth.recipe import Recipe

Image = Annotated[
    str,
    typer.Option(
        "--image",
        metavar="IMAGE",
        help="Container image, by digest; default: the recipe's, or that of the variable BERTH_IMAGE.",
    ),
]
OptionalRecipe = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="A YAML file, or the name of an installed recipe.",
        show_default=False,
        parser=storage.path,
    ),
]
WorkspaceUri = Annotated[
    str,
    typer.Option(
        "--workspace",
        metavar="URI",
        help="Workspace, where everything is written; default: the recipe's.",
        parser=storage.path,
    ),
]

Until = Annotated[
    str, typer.Option("--until", metavar="data|report", help="`data`: a pipeline that stops before training.")
]


def compile_(
    recipe: OptionalRecipe = "",
    output: Annotated[
        str,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Write the pipeline to this file, as YAML.", parser=storage.path
        ),
    ] = "",
    components: Annotated[
        str,
        typer.Option(
            "--components",
            metavar="DIR",
            help="Write each component to a YAML file in this directory.",
            parser=storage.path,
        ),
    ] = "",
    until: Until = "report",
    image: Image = "",
    scale: options.Scale = "",
    set_: options.Set = [],  # noqa: B006  typer's way of an empty list
) -> None:
    """Compile a recipe's pipeline, or each component, for Kubeflow Pipelines."""
    from berth.cluster.package import compiled

    if components:
        if recipe or output or image:
            raise UsageError(
                "--components takes neither a recipe nor --output nor --image: components are the same for every "
                "recipe, and have the image of the variable BERTH_IMAGE"
            )
        from components import load
        from components.image import required

        required()

        for name, component in load().items():
            path = storage.join(components, f"{name}.yaml")
            with storage.atomic_write(path) as file:
                file.write(compiled(component))
            typer.echo(path)
        return
    if not recipe or not output:
        raise UsageError("nothing to compile is given", expected="RECIPE -o FILE, or --components DIR")
    content = _compiled(_load(recipe, set_, until, scale, image), until)
    with storage.atomic_write(output) as file:
        file.write(content)
    typer.echo(output)


def submit(
    context: typer.Context,
    recipe: options.RecipeName,
    endpoint: Annotated[
        str, typer.Option("--endpoint", metavar="URL", help="Address of Kubeflow Pipelines, https://…")
    ],
    workspace: WorkspaceUri = "",
    experiment: Annotated[str, typer.Option("--experiment", metavar="NAME", help="Experiment of the run.")] = "berth",
    namespace: Annotated[
        str, typer.Option("--namespace", metavar="NAME", help="Profile, if Kubeflow has several users.")
    ] = "",
    token_file: Annotated[
        str,
        typer.Option(
            "--token-file",
            metavar="FILE",
            parser=storage.path,
            help="File with a bearer token; default: the variable BERTH_KFP_TOKEN.",
        ),
    ] = "",
    until: Until = "report",
    image: Image = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the run ends.")] = False,
    scale: options.Scale = "",
    set_: options.Set = [],  # noqa: B006  typer's way of an empty list
) -> None:
    """Upload a recipe's pipeline and start a run. An unchanged pipeline is not uploaded again."""
    from berth.cluster import submission
    from berth.cluster.endpoint import connect, read_token
    from berth.recipe import SHARED_DIRECTORY

    loaded = _load(recipe, set_, until, scale, image)
    uri = workspace or loaded.cluster.workspace
    if not uri:
        raise UsageError("the run has no workspace", expected="--workspace gs://…, or cluster.workspace in the recipe")
    if not storage.is_cloud(uri) or not SHARED_DIRECTORY.fullmatch(uri):
        raise UsageError("a cluster's tasks cannot share this workspace", where=uri, expected="gs://BUCKET/PATH")
    content = _compiled(loaded, until)
    flags = beam_arguments(context, uri, loaded.corpus.patterns, loaded.cluster)
    kubeflow = connect(endpoint, read_token(token_file, os.environ), namespace)
    run = submission.submit(
        kubeflow,
        content,
        name=loaded.name,
        description=loaded.description,
        experiment=experiment,
        service_account=loaded.cluster.service_account,
        arguments={"workspace": uri, "beam_arguments": flags},
    )
    typer.echo(f"version {run.version}{'' if run.is_new_version else ' (existed already)'}")
    typer.echo(run.link)
    if wait:
        submission.follow(kubeflow, run)
        typer.echo("succeeded")


def k8s(
    recipe: OptionalRecipe = "",
    job: Annotated[
        str, typer.Option("--job", metavar="base|data-prep|train|evaluate|finetune", help="Job to render.")
    ] = "train",
    accelerator: Annotated[
        str,
        typer.Option("--accelerator", metavar="SHAPE", help="Machine shape, e.g. v5litepod-16; default: the recipe's."),
    ] = "",
    hosts: Annotated[int, typer.Option("--hosts", min=0, help="GPU machines; default: the recipe's.")] = 0,
    workspace: WorkspaceUri = "",
    image: Annotated[
        str, typer.Option("--image", metavar="IMAGE", help="Container image, by digest; default: the recipe's.")
    ] = "",
    shapes: Annotated[bool, typer.Option("--shapes", help="List the machine shapes.")] = False,
    scale: options.Scale = "",
    set_: options.Set = [],  # noqa: B006  typer's way of an empty list
) -> None:
    """Print a recipe's Kubernetes manifests, for `kubectl apply -f -`."""
    from berth import machines
    from berth.cluster import manifests
    from berth.cluster.manifest_text import text

    if shapes:
        typer.echo(machines.table())
        return
    if not recipe:
        raise UsageError("the recipe is missing", expected="berth k8s RECIPE, or berth k8s --shapes")
    from berth.recipe.file import load

    loaded = load(recipe, set_, scale)
    if job == manifests.BASE:
        typer.echo(text(manifests.base(loaded)), nl=False)
        return
    if job not in manifests.SOURCES:
        raise UsageError("no such job", where=f"--job {job}", expected=f"base, {', '.join(manifests.SOURCES)}")
    resources = loaded.cluster.task(manifests.SOURCES[job][1])
    name = accelerator or resources.accelerator
    machine = machines.shape(name, "--accelerator" if accelerator else "cluster.stages") if name else None
    given = {"image": image or loaded.cluster.image, "workspace": workspace or loaded.cluster.workspace}
    for option, value in given.items():
        if not value:
            raise UsageError(f"the {option} is missing", expected=f"--{option}, or cluster.{option} in the recipe")
    manifests.require_shared(str(given["workspace"]))
    default = machine.hosts if machine is not None and machine.is_tpu else resources.hosts
    placement = manifests.Placement(str(given["image"]), str(given["workspace"]), machine, hosts or default)
    typer.echo(text(manifests.job(loaded, job, placement)), nl=False)


def _load(recipe: str, overrides: list[str], until: str, scale: str, image: str) -> Recipe:
    """The recipe of a pipeline, with the given image instead of its own."""
    from berth.recipe.file import load

    if until not in ("data", "report"):
        raise UsageError("invalid value", where="--until", found=repr(until), expected="'data' or 'report'")
    given = [f"cluster.image={image}"] if image else []
    return load(recipe, [*overrides, *given], scale)


def _compiled(recipe: Recipe, until: str) -> bytes:
    """The compiled pipeline of a recipe."""
    from berth.cluster.package import compiled
    from berth_dags.pretrain import pretrain_pipeline
    from components import load as load_components

    known = load_components()
    unknown = sorted(set(recipe.cluster.stages) - set(known))
    if unknown:
        raise UsageError(
            "no such stage",
            where=f"cluster.stages.{unknown[0]}",
            expected=", ".join(known),
        )
    return compiled(pretrain_pipeline(recipe, for_cluster=True, until=until))


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("compile")(compile_)
    app.command(context_settings=BEAM, epilog=BEAM_HELP)(submit)
    app.command()(k8s)
