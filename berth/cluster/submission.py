"""Upload a compiled pipeline to Kubeflow Pipelines, start a run, and follow it.

Each attempt to create a pipeline, version or run looks for it by name first, so that a request whose response was lost
is repeated without creating a duplicate.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from berth.cluster.endpoint import Endpoint
from berth.cluster.package import pipeline_name
from berth.errors import BerthError

if TYPE_CHECKING:
    import kfp

log = logging.getLogger("berth.submit")

POLL_SECONDS = 10.0
FINAL_STATES = {"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED"}
PAGE_SIZE = 100


@dataclass(frozen=True)
class Run:
    """A started run.

    Args:
        id: Id at the endpoint.
        name: Name in the user interface.
        link: URL of its page in the user interface.
        version: Name of the pipeline version, which contains the package's digest.
        is_new_version: Whether this submission uploaded the version.
    """

    id: str
    name: str
    link: str
    version: str
    is_new_version: bool


def submit(
    endpoint: Endpoint,
    package: bytes,
    *,
    name: str,
    description: str,
    experiment: str,
    service_account: str,
    arguments: Mapping[str, Any],
) -> Run:
    """Upload a pipeline, unless the same version exists, and start a run of it.

    Args:
        endpoint: From :func:`berth.cluster.endpoint.connect`.
        package: The compiled pipeline.
        name: The recipe's name.
        description: The recipe's description.
        experiment: Name of the experiment; created if it does not exist.
        service_account: Kubernetes service account of the tasks.
        arguments: The pipeline's parameters.

    Raises:
        UsageError: if the endpoint refuses the request.
        BerthError: if the endpoint fails or cannot be reached.
    """
    pipeline = pipeline_name(name)
    version = f"{pipeline}-{hashlib.sha256(package).hexdigest()[:12]}"
    client = endpoint.client
    namespace = client.get_user_namespace() or None
    pipeline_id = endpoint.find_or_create(
        lambda: _find_pipeline(client, pipeline, namespace),
        lambda: _create_pipeline(client, pipeline, description, namespace),
    )
    found = endpoint.call(lambda: _find_version(client, pipeline_id, version))
    with tempfile.TemporaryDirectory(prefix="berth-submit-") as directory:
        path = os.path.join(directory, "pipeline.yaml")
        with open(path, "wb") as file:
            file.write(package)
        version_id = found or endpoint.find_or_create(
            lambda: _find_version(client, pipeline_id, version),
            lambda: client.upload_pipeline_version(path, version, pipeline_id=pipeline_id).pipeline_version_id,
        )
    experiment_id = endpoint.required(
        endpoint.call(lambda: client.create_experiment(experiment, namespace=namespace).experiment_id)
    )
    run_name = f"{version} {uuid.uuid4().hex[:8]}"
    run_id = endpoint.find_or_create(
        lambda: _find_run(client, run_name, experiment_id),
        lambda: (
            client.run_pipeline(
                experiment_id,
                run_name,
                params=dict(arguments),
                pipeline_id=pipeline_id,
                version_id=version_id,
                service_account=service_account,
            ).run_id
        ),
    )
    link = f"{endpoint.url.rstrip('/')}/#/runs/details/{run_id}"
    return Run(run_id, run_name, link, version, is_new_version=found is None)


def follow(endpoint: Endpoint, run: Run, poll_seconds: float = POLL_SECONDS) -> None:
    """Log each change of a task's state until the run ends.

    Raises:
        BerthError: if the run did not succeed, naming the tasks that failed.
    """
    states: dict[str, str] = {}
    while True:
        answer = endpoint.call(lambda: endpoint.client.get_run(run.id))
        tasks = (answer.run_details.task_details or []) if answer.run_details else []
        for task in tasks:
            if task.state and states.get(task.task_id) != task.state:
                states[task.task_id] = task.state
                log.info("%s: %s", task.display_name, task.state.lower())
        endpoint.required(answer.run_id)
        if answer.state in FINAL_STATES:
            break
        time.sleep(poll_seconds)
    if answer.state != "SUCCEEDED":
        failed = [f"{task.display_name}{_reason(task.error)}" for task in tasks if task.state == "FAILED"]
        raise BerthError(
            f"the run ended as {answer.state.lower()}",
            where=run.link,
            found=", ".join(failed) or _reason(answer.error).strip(" ()"),
            fix="The page shows the log of each task. Submit again to continue; finished stages do not run again.",
        )


def _create_pipeline(client: kfp.Client, name: str, description: str, namespace: str | None) -> str:
    import kfp_server_api  # type: ignore[import-untyped]

    body = kfp_server_api.V2beta1Pipeline(
        display_name=name, name=name, description=description or None, namespace=namespace
    )
    created: str = client.pipelines.pipeline_service_create_pipeline(pipeline=body).pipeline_id
    return created


def _find_pipeline(client: kfp.Client, name: str, namespace: str | None) -> str | None:
    answer = client.list_pipelines(page_size=PAGE_SIZE, namespace=namespace, filter=_name_filter(name))
    return next((found.pipeline_id for found in answer.pipelines or [] if found.display_name == name), None)


def _find_version(client: kfp.Client, pipeline_id: str, name: str) -> str | None:
    answer = client.list_pipeline_versions(pipeline_id, page_size=PAGE_SIZE, filter=_name_filter(name))
    versions = answer.pipeline_versions or []
    return next((version.pipeline_version_id for version in versions if version.display_name == name), None)


def _find_run(client: kfp.Client, name: str, experiment_id: str) -> str | None:
    answer = client.list_runs(page_size=PAGE_SIZE, experiment_id=experiment_id, filter=_name_filter(name))
    return next((run.run_id for run in answer.runs or [] if run.display_name == name), None)


def _name_filter(name: str) -> str:
    return json.dumps({"predicates": [{"operation": "EQUALS", "key": "display_name", "stringValue": name}]})


def _reason(error: Any) -> str:
    return f" ({error.message})" if error is not None and error.message else ""
