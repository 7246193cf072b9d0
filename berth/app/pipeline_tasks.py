"""The tasks of a compiled pipeline: what each waits for, and the command that runs it on this machine (kfp.local)."""

from __future__ import annotations

import functools
import os
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kfp.dsl.base_component import BaseComponent


@dataclass(frozen=True)
class PipelineTask:
    """A task.

    Attributes:
        number: Its place in the pipeline's order, from 0: each task comes after all that it waits for.
        name: Its name in the pipeline, such as ``records-2``.
        title: Its name for people, such as ``records long``.
        component: The name of its component, such as ``records``.
        after: Numbers of the tasks that it waits for.
    """

    number: int
    name: str
    title: str
    component: str
    after: frozenset[int]


class PipelineTasks:
    """The tasks of a pipeline whose components are lightweight Python components, with their arguments and outputs.

    Args:
        pipeline: The pipeline.
        arguments: Its arguments by name.
        directory: An empty directory for the small files that tasks leave for each other.
    """

    def __init__(self, pipeline: BaseComponent, arguments: Mapping[str, Any], directory: str) -> None:
        from kfp.local import io, utils
        from kfp.local.orchestrator.orchestrator_utils import OrchestratorUtils

        spec = pipeline.pipeline_spec
        self._root, self._components, self._directory = spec.root, spec.components, directory
        self._name = spec.pipeline_info.name
        self._executors = {
            name: utils.struct_to_executor_spec(executor)
            for name, executor in spec.deployment_spec["executors"].items()
        }
        self._values = io.IOStore()
        given = OrchestratorUtils.join_user_inputs_and_defaults(dict(arguments), spec.root.input_definitions)
        for name, value in given.items():
            self._values.put_parent_input(name, value)
        specs = spec.root.dag.tasks
        order = _ordered({name: set(task.dependent_tasks) for name, task in specs.items()})
        self.tasks = tuple(
            PipelineTask(
                number,
                name,
                specs[name].task_info.name or name,
                re.sub(r"^comp-|-\d+$", "", specs[name].component_ref.name),
                frozenset(order.index(other) for other in specs[name].dependent_tasks),
            )
            for number, name in enumerate(order)
        )

    def command(self, task: PipelineTask) -> list[str]:
        """The command of a task whose predecessors have ended."""
        from kfp.local import executor_input_utils, placeholder_utils, subprocess_task_handler

        executor_input, component = self._executor_input(task)
        container = self._executors[component.executor_label].container
        command: list[str] = placeholder_utils.replace_placeholders(
            full_command=[*container.command, *container.args],
            executor_input_dict=executor_input_utils.executor_input_to_dict(executor_input, component),
            pipeline_resource_name=self._name,
            task_resource_name=task.name,
            pipeline_root=self._directory,
            unique_pipeline_id=self._name,
        )
        replaced: list[str] = subprocess_task_handler.replace_python_executable(
            command,
            shlex.quote(sys.executable),  # a word of a shell script
        )
        return replaced

    def finish(self, task: PipelineTask) -> None:
        """Take over the outputs of a task that has ended well, for those that wait for it."""
        from kfp.local import executor_output_utils

        executor_input, component = self._executor_input(task)
        for key, value in executor_output_utils.get_outputs_for_task(executor_input, component).items():
            self._values.put_task_output(task.name, key, value)

    @property
    def output(self) -> str:
        """The pipeline's only output, when all tasks have ended."""
        from kfp.local.orchestrator.orchestrator_utils import OrchestratorUtils

        (value,) = OrchestratorUtils.get_dag_outputs(self._root.dag.outputs, self._values).values()
        return str(value)

    def _executor_input(self, task: PipelineTask) -> tuple[Any, Any]:
        """What kfp's executor gets to read, and the task's component."""
        from kfp.local import executor_input_utils
        from kfp.local.orchestrator.orchestrator_utils import OrchestratorUtils

        spec = self._root.dag.tasks[task.name]
        component = self._components[spec.component_ref.name]
        executor_input = executor_input_utils.construct_executor_input(
            component_spec=component,
            arguments=OrchestratorUtils.make_task_arguments(spec.inputs, self._values),
            task_root=os.path.join(self._directory, task.name),
            block_input_artifact=False,
        )
        return executor_input, component


def _ordered(after: Mapping[str, set[str]]) -> list[str]:
    """Names of tasks in an order in which they can run: first those on which the longest chains of others wait.

    kfp's own order differs from process to process, because that of protobuf's maps does.
    """

    @functools.cache
    def height(name: str) -> int:
        return 1 + max((height(other) for other, names in after.items() if name in names), default=0)

    def key(name: str) -> tuple[int, str, int]:
        base, _, number = name.rpartition("-")
        return (-height(name), base, int(number)) if number.isdecimal() else (-height(name), name, 0)

    order: list[str] = []
    while len(order) < len(after):
        order.append(min((name for name in after if name not in order and after[name].issubset(order)), key=key))
    return order
