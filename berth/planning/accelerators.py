"""The accelerators of a plan: how many there are, and how long they compute."""

from __future__ import annotations

from dataclasses import dataclass

from berth.errors import UsageError
from berth.machines import Shape
from berth.machines import shape as shape_of
from berth.recipe import Recipe

UTILISATION = 0.4  # a share of the peak that trainings of this kind reach


@dataclass(frozen=True)
class Machines:
    """The accelerators that a training run is planned for.

    Args:
        shape: One machine, or slice of machines.
        hosts: Machines of that shape; of a slice, the machines it consists of.
        utilisation: Share of the peak that training is assumed to reach, 0 to 1.
    """

    shape: Shape
    hosts: int
    utilisation: float

    @classmethod
    def of(cls, name: str, hosts: int, utilisation: float, where: str) -> Machines:
        """The machines of a shape's name.

        Raises:
            UsageError: if there is no such shape, or the utilisation is not between 0 and 1.
        """
        if not 0.0 < utilisation <= 1.0:
            raise UsageError(
                "a utilisation is a share of the peak",
                where="--utilisation",
                found=f"{utilisation:g}",
                expected="more than 0, at most 1",
            )
        shape = shape_of(name, where)
        return cls(shape, max(hosts, shape.hosts), utilisation)

    @classmethod
    def of_recipe(
        cls, recipe: Recipe, name: str = "", hosts: int | None = None, utilisation: float = UTILISATION
    ) -> Machines | None:
        """The machines that a recipe's training runs on, or the given ones; None if there is no accelerator.

        Raises:
            UsageError: as :meth:`of`.
        """
        resources = recipe.cluster.task("train")
        shape = name or resources.accelerator
        where = "--accelerator" if name else "cluster.stages.train.accelerator"
        return cls.of(shape, hosts or resources.hosts, utilisation, where) if shape else None

    @property
    def devices(self) -> int:
        """Accelerators in all machines together."""
        return self.shape.chips * self.hosts

    @property
    def replicas(self) -> int:
        """Devices in all machines together: a batch is divided among them. TPU v3 has two a chip."""
        return self.shape.devices * self.hosts

    @property
    def peak(self) -> float:
        """Dense 16-bit peak of one accelerator, FLOP/s."""
        return self.shape.chip.peak_flops

    def hours(self, operations: int) -> float:
        """Hours for a number of floating-point operations."""
        return operations / (self.devices * self.peak * self.utilisation) / 3600
