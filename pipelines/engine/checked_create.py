"""The first step of a Beam job: its elements, created once a worker's versions are found to be the launcher's."""

from __future__ import annotations

import pickle
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from berth import __version__
from berth.errors import BerthError
from pipelines.engine.beam import beam


class CheckedCreate(beam.PTransform):  # type: ignore[misc]
    """Elements distributed over all workers, as by ``beam.Create(elements, reshuffle=True)``, after a version check.

    The first worker compares its versions with the launcher's before it emits any element: all workers of a job run the
    same image, and the reshuffle makes the others wait. An image with another version of Berth therefore does no work.

    Args:
        elements: Objects of Berth's own classes that say where content is; never the content itself.
    """

    def __init__(self, elements: Iterable[Any]) -> None:
        super().__init__()
        self.pickled = [pickle.dumps(element) for element in elements]

    def expand(self, begin: Any) -> Any:
        """The elements as a PCollection."""
        return (
            begin
            | "versions" >> beam.Create([versions()])
            | "check" >> beam.FlatMap(emit_if_equal, self.pickled)
            | "distribute" >> beam.Reshuffle()
            | "element" >> beam.Map(pickle.loads)
        )


def versions() -> dict[str, str]:
    """The versions that must be equal on the launcher and on the workers."""
    return {"Berth": __version__, "Beam": beam.__version__, "Python": platform.python_version().rpartition(".")[0]}


def emit_if_equal(launcher: Mapping[str, str], pickled: Sequence[bytes]) -> Iterator[bytes]:
    """The elements, if this worker's versions equal the launcher's.

    Raises:
        BerthError: If they differ.
    """
    here = versions()
    if here != launcher:
        raise BerthError(
            "the workers' image is not of the version that started the job",
            found=", ".join(f"{name} {here[name]}" for name in here if here[name] != launcher.get(name)) + " there",
            expected=", ".join(f"{name} {launcher[name]}" for name in launcher if launcher[name] != here.get(name)),
            fix="Start the job from that image, or name the image of this version "
            "(--sdk_container_image, cluster.image).",
        )
    yield from pickled
