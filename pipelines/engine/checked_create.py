"""What a Beam job begins with: its elements, handed out once a worker's versions are known to be the launcher's."""

from __future__ import annotations

import pickle
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from berth import __version__
from berth.errors import BerthError
from pipelines.engine.beam import beam


class Elements(beam.PTransform):
    """Elements spread over all workers, as ``beam.Create(elements, reshuffle=True)`` does.

    The first worker compares its versions with the launcher's before it hands anything out: all workers of a job have
    one image, and the spreading makes the others wait. So an image of another Berth does no work, let alone wrong work.

    Args:
        elements: What the workers get; objects of Berth's own classes: places, no content.
    """

    def __init__(self, elements: Iterable[Any]) -> None:
        super().__init__()
        self.pickled = [pickle.dumps(element) for element in elements]

    def expand(self, begin: Any) -> Any:
        """The elements as a PCollection."""
        return (
            begin
            | "versions" >> beam.Create([versions()])
            | "compare" >> beam.FlatMap(hand_out, self.pickled)
            | "spread" >> beam.Reshuffle()
            | "element" >> beam.Map(pickle.loads)
        )


def versions() -> dict[str, str]:
    """What has to be the same on the launcher and on the workers."""
    return {"Berth": __version__, "Beam": beam.__version__, "Python": platform.python_version().rpartition(".")[0]}


def hand_out(launcher: Mapping[str, str], pickled: Sequence[bytes]) -> Iterator[bytes]:
    """Compare this worker's versions with the launcher's, then give the elements.

    Raises:
        BerthError: if they differ.
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
