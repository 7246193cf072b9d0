"""The command `plan`: what a recipe will need, before anything is run."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from berth.app.commands import options


def plan(
    recipe: options.RecipeName,
    workspace: Annotated[
        str,
        typer.Option(
            "--workspace", metavar="DIR", help="Where `berth run --until data` made the data: measured sizes."
        ),
    ] = "",
    accelerator: Annotated[
        str,
        typer.Option(
            "--accelerator", metavar="SHAPE", help="As `berth k8s --shapes` lists them; default: the recipe's."
        ),
    ] = "",
    hosts: Annotated[
        int | None, typer.Option("--hosts", min=1, help="Machines of that shape; default: the recipe's.")
    ] = None,
    utilisation: Annotated[
        float, typer.Option("--utilisation", help="Share of the accelerators' peak that is assumed.")
    ] = 0.4,
    price: Annotated[
        float | None,
        typer.Option("--price", min=0.0, help="Of one accelerator for an hour; there is no list of prices."),
    ] = None,
    scale: options.Scale = "",
    as_json: Annotated[bool, typer.Option("--json", help="All figures as JSON.")] = False,
    set_: options.Set = [],  # noqa: B006  typer's way of an empty list
) -> None:
    """Print what a recipe will need: sequences, epochs, sizes, hours, cost; and where it contradicts itself.

    Without a workspace, sizes follow from the recipe's `statistics`.
    """
    from berth.planning.accelerators import Machines
    from berth.planning.description import describe
    from berth.planning.plan import plan
    from berth.recipe import file as recipe_file
    from trainer import models

    loaded = recipe_file.load(recipe, set_, scale)
    resources = loaded.cluster.task("train")
    name = accelerator or resources.accelerator
    where = "--accelerator" if accelerator else "cluster.stages.train.accelerator"
    machines = Machines.of(name, hosts or resources.hosts, utilisation, where) if name else None
    figures = models.get(loaded.model.architecture).figures
    planned = plan(loaded, figures, workspace=workspace or None, machines=machines, price=price)
    typer.echo(json.dumps(planned, indent=2) if as_json else describe(planned))


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(plan)
