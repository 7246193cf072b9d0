"""Check that all references in a compiled pipeline resolve; Kubeflow's own loader does not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from berth.errors import BerthError

# A constant may contain inputs of its task: {{$.inputs.parameters['NAME']}}.
PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.(parameters|artifacts)\['([^']+)'\]")
KINDS = ("parameters", "artifacts")


def check(pipeline: Mapping[str, Any], platforms: Mapping[str, Any] | None = None, where: str = "pipeline") -> None:
    """Check a compiled pipeline.

    Args:
        pipeline: The first document of the compiled file (the pipeline spec).
        platforms: The second document (the platform spec), if any.
        where: Name of the pipeline or file, for the error.

    Raises:
        BerthError: if a reference to a task, component, executor, input or output does not resolve, or a required input
            of a task is missing.
    """
    problems = list(_problems(pipeline, platforms or {}))
    if problems:
        raise BerthError(
            "the compiled pipeline has unresolved references",
            where=where,
            found="; ".join(problems),
            fix="This is a bug in the pipeline's source, not an error in the recipe: please report it.",
        )


def _problems(pipeline: Mapping[str, Any], platforms: Mapping[str, Any]) -> Iterator[str]:
    components = pipeline.get("components", {})
    executors = pipeline.get("deploymentSpec", {}).get("executors", {})
    for name, component in {"root": pipeline.get("root", {}), **components}.items():
        label = component.get("executorLabel")
        if "dag" in component:
            yield from _dag_problems(name, component, components)
        elif label is None:
            yield f"component {name} has neither an executor nor tasks"
        elif label not in executors:
            yield f"component {name} refers to executor {label}, which does not exist"
    for platform, content in platforms.get("platforms", {}).items():
        for label in content.get("deploymentSpec", {}).get("executors", {}):
            if label not in executors:
                yield f"platform {platform} configures executor {label}, which does not exist"


def _dag_problems(name: str, component: Mapping[str, Any], components: Mapping[str, Any]) -> Iterator[str]:
    dag = component["dag"]
    tasks = dag.get("tasks", {})
    for task_name, task in tasks.items():
        task_path = f"{name}/{task_name}"
        for needed in task.get("dependentTasks", []):
            if needed not in tasks:
                yield f"{task_path} depends on task {needed}, which does not exist"
        reference = task.get("componentRef", {}).get("name")
        if reference not in components:
            yield f"{task_path} refers to component {reference}, which does not exist"
            continue
        for kind in KINDS:
            given = task.get("inputs", {}).get(kind, {})
            declared = components[reference].get("inputDefinitions", {}).get(kind, {})
            for key in set(given) - set(declared):
                # Inputs of the task that only its constants use; the component does not declare them.
                if not key.startswith("pipelinechannel--"):
                    yield f"{task_path} sets input {key}, which {reference} does not have"
            for key, definition in declared.items():
                if key not in given and not definition.get("isOptional") and "defaultValue" not in definition:
                    yield f"{task_path} lacks the required input {key}"
            for key, source in given.items():
                yield from _source_problems(f"{task_path}.{key}", kind, source, task, component, tasks, components)
    for kind in KINDS:
        for output, source in dag.get("outputs", {}).get(kind, {}).items():
            yield from _output_problems(f"{name} output {output}", kind, source, tasks, components)


def _source_problems(
    path: str,
    kind: str,
    source: Mapping[str, Any],
    task: Mapping[str, Any],
    component: Mapping[str, Any],
    tasks: Mapping[str, Any],
    components: Mapping[str, Any],
) -> Iterator[str]:
    """Problems with the source of a task's input."""
    produced = source.get("taskOutputParameter") or source.get("taskOutputArtifact")
    outer = source.get("componentInputParameter") or source.get("componentInputArtifact")
    if produced:
        key = produced.get("outputParameterKey") or produced.get("outputArtifactKey")
        yield from _produced_problems(path, kind, produced.get("producerTask"), key, tasks, components)
        if produced.get("producerTask") not in task.get("dependentTasks", []):
            yield f"{path} uses an output of {produced.get('producerTask')}, on which its task does not depend"
    elif outer:
        if outer not in component.get("inputDefinitions", {}).get(kind, {}):
            yield f"{path} uses input {outer} of its pipeline, which does not exist"
    elif "runtimeValue" in source:
        for placeholder_kind, key in PLACEHOLDER.findall(str(source["runtimeValue"].get("constant", ""))):
            if key not in task.get("inputs", {}).get(placeholder_kind, {}):
                yield f"{path} uses {key}, which is not an input of its task"
    else:
        yield f"{path} has no source"


def _output_problems(
    path: str, kind: str, source: Mapping[str, Any], tasks: Mapping[str, Any], components: Mapping[str, Any]
) -> Iterator[str]:
    """Problems with the source of a pipeline's output."""
    single = source.get("valueFromParameter")
    selectors = [single] if single else source.get("artifactSelectors", [])
    if not selectors:
        yield f"{path} has no source"
    for selector in selectors:
        key = selector.get("outputParameterKey") or selector.get("outputArtifactKey")
        yield from _produced_problems(path, kind, selector.get("producerSubtask"), key, tasks, components)


def _produced_problems(
    path: str, kind: str, producer: str | None, key: str, tasks: Mapping[str, Any], components: Mapping[str, Any]
) -> Iterator[str]:
    if producer is None or producer not in tasks:
        yield f"{path} uses an output of task {producer}, which does not exist"
        return
    reference = tasks[producer].get("componentRef", {}).get("name")
    if key not in components.get(reference, {}).get("outputDefinitions", {}).get(kind, {}):
        yield f"{path} uses output {key} of {producer}, which does not exist"
