"""The command `plan`: what a recipe needs, before anything runs."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from berth.app.commands import options
from berth.storage import path


def plan(
    recipe: options.RecipeName,
    workspace: Annotated[
        str,
        typer.Option(
            "--workspace", metavar="DIR", help="Workspace of `berth run --until data`, for measured sizes.", parser=path
        ),
    ] = "",
    accelerator: Annotated[
        str,
        typer.Option(
            "--accelerator",
            metavar="SHAPE",
            help="Machine shape, as `berth k8s --shapes` lists them; default: the recipe's.",
        ),
    ] = "",
    hosts: Annotated[
        int | None, typer.Option("--hosts", min=1, help="Number of machines; default: the recipe's.")
    ] = None,
    utilisation: Annotated[
        float, typer.Option("--utilisation", help="Assumed fraction of the accelerators' peak FLOP/s.")
    ] = 0.4,
    price: Annotated[
        float | None,
        typer.Option("--price", min=0.0, help="Price of one accelerator per hour; there is no list of prices."),
    ] = None,
    scale: options.Scale = "",
    as_json: Annotated[bool, typer.Option("--json", help="All figures as JSON.")] = False,
    set_: options.Set = [],  # noqa: B006  typer's way of an empty list
) -> None:
    """Print what a recipe needs (sequences, epochs, sizes, hours, cost) and warn of contradictions.

    Without a workspace, sizes are computed from the recipe's `statistics`.
    """
    from berth.planning.accelerators import Machines
    from berth.planning.description import describe
    from berth.planning.plan import plan
    from berth.recipe.file import load
    from trainer import models
    from trainer.schedules.schedule import learning_rate

    loaded = load(recipe, set_, scale)
    machines = Machines.of_recipe(loaded, accelerator, hosts, utilisation)
    figures = models.get(loaded.model.architecture).figures
    planned = plan(loaded, figures, learning_rate, workspace=workspace or None, machines=machines, price=price)
    typer.echo(json.dumps(planned, indent=2) if as_json else describe(planned))


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(plan)
