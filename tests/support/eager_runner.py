"""A runner for Beam jobs that does each step at once, in this process: a tiny job takes a millisecond.

`--runner=support.eager_runner.EagerRunner`. It knows what Berth's stages use: Impulse, ParDo with side inputs and tags,
GroupByKey, Flatten, and what these make up. A reshuffle changes nothing. The DoFns are the stages' own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import apache_beam as beam
from apache_beam.internal import util
from apache_beam.pipeline import AppliedPTransform
from apache_beam.runners.runner import PipelineResult, PipelineRunner, PipelineState
from apache_beam.transforms.core import DoFn


class EagerResult(PipelineResult):  # type: ignore[misc]
    """The result of a job that is over."""

    def __init__(self) -> None:
        super().__init__(PipelineState.DONE)

    def wait_until_finish(self, duration: float | None = None) -> str:
        """Return at once."""
        return str(self.state)


class EagerRunner(PipelineRunner):  # type: ignore[misc]
    """Does each step at once."""

    def is_fnapi_compatible(self) -> bool:
        """Yes: else Beam would serialize the job and read it again, which takes longer than to run it."""
        return True

    def run_pipeline(self, pipeline: beam.Pipeline, options: Any) -> EagerResult:
        """Run a job to its end; errors of steps are raised as they are."""
        values: dict[Any, list[Any]] = {}
        self._run(pipeline._root_transform(), values)
        return EagerResult()

    def process(self, do: DoFn, elements: list[Any], args: list[Any], kwargs: dict[str, Any]) -> Iterable[Any]:
        """The outputs of a step."""
        for element in elements:
            yield from do.process(element, *args, **kwargs) or ()

    def _run(self, node: AppliedPTransform, values: dict[Any, list[Any]]) -> None:
        given = [values[each] for each in node.inputs if each in values]
        if isinstance(node.transform, beam.Reshuffle):
            (output,) = node.outputs.values()
            values[output] = given[0]
        elif node.parts:
            for part in node.parts:
                self._run(part, values)
        elif isinstance(node.transform, beam.ParDo):
            self._run_step(node, given[0], values)
        elif any(output not in values for output in node.outputs.values()):  # else it returns what it is given
            (output,) = node.outputs.values()
            values[output] = _primitive(node.transform, given)

    def _run_step(self, node: AppliedPTransform, elements: list[Any], values: dict[Any, list[Any]]) -> None:
        transform = node.transform
        side = [values[each.pvalue] for each in node.side_inputs]
        args, kwargs = util.insert_values_in_args(transform.args, transform.kwargs, side)
        for output in node.outputs.values():
            values[output] = []
        for result in self.process(transform.fn, elements, args, kwargs):
            tag, value = (result.tag, result.value) if isinstance(result, beam.pvalue.TaggedOutput) else (None, result)
            if tag in node.outputs:
                values[node.outputs[tag]].append(value)


def _primitive(transform: beam.PTransform, given: list[list[Any]]) -> list[Any]:
    if isinstance(transform, beam.Impulse):
        return [b""]
    if isinstance(transform, beam.GroupByKey):
        groups: dict[Any, list[Any]] = {}
        for key, value in given[0]:
            groups.setdefault(key, []).append(value)
        return list(groups.items())
    if isinstance(transform, beam.Flatten):
        return [value for values in given for value in values]
    raise NotImplementedError(type(transform))
