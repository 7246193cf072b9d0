"""Do all references of a compiled pipeline resolve? Kubeflow's own loader does not look."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from berth.errors import BerthError

# A constant may take in inputs of its task: {{$.inputs.parameters['NAME']}}.
PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.(parameters|artifacts)\['([^']+)'\]")
KINDS = ("parameters", "artifacts")


def check(pipeline: Mapping[str, Any], platforms: Mapping[str, Any] | None = None, where: str = "pipeline") -> None:
    """Check a compiled pipeline.

    Args:
        pipeline: The first document of the compiled file (the pipeline spec).
        platforms: The second one (the platform spec), if there is one.
        where: The file, for the error.

    Raises:
        BerthError: if a task, component, executor, input or output is named that does not exist, or a task lacks an
            input that it needs.
    """
    problems = list(_problems(pipeline, platforms or {}))
    if problems:
        raise BerthError(
            f"the compiled pipeline has {len(problems)} references to nothing",
            where=where,
            found="; ".join(problems),
            fix="This is a fault of the pipeline's source, not of the recipe: please report it.",
        )


def _problems(pipeline: Mapping[str, Any], platforms: Mapping[str, Any]) -> Iterator[str]:
    components = pipeline.get("components", {})
    executors = pipeline.get("deploymentSpec", {}).get("executors", {})
    for name, component in {"root": pipeline.get("root", {}), **components}.items():
        label = component.get("executorLabel")
        if "dag" in component:
            yield from _dag_problems(name, component, components)
        elif label is None:
            yield f"{name} has neither an executor nor tasks"
        elif label not in executors:
            yield f"{name} names the executor {label}"
    for platform, content in platforms.get("platforms", {}).items():
        for label in content.get("deploymentSpec", {}).get("executors", {}):
            if label not in executors:
                yield f"platform {platform} configures the executor {label}"


def _dag_problems(name: str, component: Mapping[str, Any], components: Mapping[str, Any]) -> Iterator[str]:
    dag = component["dag"]
    tasks = dag.get("tasks", {})
    for task_name, task in tasks.items():
        place = f"{name}/{task_name}"
        for needed in task.get("dependentTasks", []):
            if needed not in tasks:
                yield f"{place} waits for the task {needed}"
        reference = task.get("componentRef", {}).get("name")
        if reference not in components:
            yield f"{place} names the component {reference}"
            continue
        for kind in KINDS:
            given = task.get("inputs", {}).get(kind, {})
            declared = components[reference].get("inputDefinitions", {}).get(kind, {})
            for key in set(given) - set(declared):
                # Constants refer to further inputs of the task, which the component itself does not know.
                if not key.startswith("pipelinechannel--"):
                    yield f"{place} gives the input {key}, which {reference} does not have"
            for key, definition in declared.items():
                if key not in given and not definition.get("isOptional") and "defaultValue" not in definition:
                    yield f"{place} lacks the input {key}"
            for key, source in given.items():
                yield from _source_problems(f"{place}.{key}", kind, source, task, component, tasks, components)
    for kind in KINDS:
        for output, source in dag.get("outputs", {}).get(kind, {}).items():
            yield from _output_problems(f"{name} output {output}", kind, source, tasks, components)


def _source_problems(
    place: str,
    kind: str,
    source: Mapping[str, Any],
    task: Mapping[str, Any],
    component: Mapping[str, Any],
    tasks: Mapping[str, Any],
    components: Mapping[str, Any],
) -> Iterator[str]:
    """Where one input of a task comes from."""
    produced = source.get("taskOutputParameter") or source.get("taskOutputArtifact")
    outer = source.get("componentInputParameter") or source.get("componentInputArtifact")
    if produced:
        key = produced.get("outputParameterKey") or produced.get("outputArtifactKey")
        yield from _produced_problems(place, kind, produced.get("producerTask"), key, tasks, components)
        if produced.get("producerTask") not in task.get("dependentTasks", []):
            yield f"{place} takes from {produced.get('producerTask')}, which its task does not wait for"
    elif outer:
        if outer not in component.get("inputDefinitions", {}).get(kind, {}):
            yield f"{place} takes the input {outer} of its pipeline"
    elif "runtimeValue" in source:
        for placeholder_kind, key in PLACEHOLDER.findall(str(source["runtimeValue"].get("constant", ""))):
            if key not in task.get("inputs", {}).get(placeholder_kind, {}):
                yield f"{place} fills in {key}, which its task is not given"
    else:
        yield f"{place} comes from nowhere"


def _output_problems(
    place: str, kind: str, source: Mapping[str, Any], tasks: Mapping[str, Any], components: Mapping[str, Any]
) -> Iterator[str]:
    """Where an output of a pipeline comes from."""
    single = source.get("valueFromParameter")
    selectors = [single] if single else source.get("artifactSelectors", [])
    if not selectors:
        yield f"{place} comes from nowhere"
    for selector in selectors:
        key = selector.get("outputParameterKey") or selector.get("outputArtifactKey")
        yield from _produced_problems(place, kind, selector.get("producerSubtask"), key, tasks, components)


def _produced_problems(
    place: str, kind: str, producer: str | None, key: str, tasks: Mapping[str, Any], components: Mapping[str, Any]
) -> Iterator[str]:
    if producer is None or producer not in tasks:
        yield f"{place} takes from the task {producer}"
        return
    reference = tasks[producer].get("componentRef", {}).get("name")
    if key not in components.get(reference, {}).get("outputDefinitions", {}).get(kind, {}):
        yield f"{place} takes the output {key} of {producer}"
