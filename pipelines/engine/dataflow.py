"""Beam jobs on Dataflow: what must hold before one starts, its options completed, and the waiting for its end."""

from __future__ import annotations

import json
import logging
import math
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from berth import __version__, storage
from berth.errors import BerthError, UsageError
from berth.recipe.cluster import Cluster, Dataflow
from berth.stage import STARTED
from berth.stage.output import TEMPORARY, Output

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.runner import PipelineResult

log = logging.getLogger("berth.dataflow")

DEFAULTS = Dataflow()
IMAGE_VARIABLE = "BERTH_IMAGE"  # as for the components of a pipeline
# What a job lacks, by Beam's name of the option: where it can be given.
REQUIRED = {"project": "cluster.dataflow.project", "region": "cluster.dataflow.region"}
# "n2-standard-8", "n2-custom-8-16384": the first number between dashes counts the cores.
_CORES = re.compile(r"-(\d+)(?=-|$)")
# Of a Python traceback the lines that are not indented: the error itself.
_LAST_LINE = re.compile(r"^\S.*$", re.MULTILINE)


def is_asked_for(arguments: Sequence[str]) -> bool:
    """Whether Beam's flags name Dataflow as the runner."""
    words = " ".join(arguments).replace("=", " ").split()
    runners = [words[place + 1] for place, word in enumerate(words[:-1]) if word == "--runner"]
    return bool(runners) and runners[-1].lower() in ("dataflow", "dataflowrunner")


def prepared(
    arguments: Sequence[str], output: str, inputs: Sequence[str] = (), cluster: Cluster | None = None
) -> list[str]:
    """Beam's flags with what the recipe adds, checked before anything is read or written.

    Args:
        arguments: The flags that were given; they win.
        output: Where the stages write.
        inputs: What the workers read.
        cluster: The recipe's section, where there is a recipe.

    Raises:
        UsageError: if project, region or image are missing, or workers could not reach a place.
    """
    complete = [*arguments, *_from_recipe(arguments, cluster)] if cluster else list(arguments)
    _check(_options(complete), output, inputs)
    return complete


def complete(options: PipelineOptions, output: Output | None, parts: int) -> None:
    """Complete a job's options where they do not say otherwise.

    The name is ``berth-STAGE-DIGEST12``: Dataflow refuses a second active job of one name, so two processes cannot
    work on one stage. As many machines as the parts keep busy start at once; Dataflow releases those that become idle.

    Args:
        options: Beam's options.
        output: The output of the stage.
        parts: How many workers could work side by side.

    Raises:
        UsageError: as for :func:`prepared`.
    """
    from apache_beam.options import pipeline_options as beam_options

    if output is None:
        raise UsageError("a job on Dataflow needs a stage's output")
    _check(options, output.uri, [])
    cloud = options.view_as(beam_options.GoogleCloudOptions)
    stage = json.loads(storage.read_bytes(output.path(STARTED)))
    cloud.job_name = cloud.job_name or f"berth-{stage['stage']}-{stage['digest'][:12]}"
    if cloud.temp_location is None:
        cloud.temp_location = storage.join(output.uri, TEMPORARY)
    labels = {"berth-stage": stage["stage"], "berth-version": re.sub(r"[^a-z0-9_-]", "-", __version__)}
    given = {label.partition("=")[0] for label in cloud.labels or ()}
    cloud.labels = [*(cloud.labels or ()), *(f"{key}={value}" for key, value in labels.items() if key not in given)]

    setup = options.view_as(beam_options.SetupOptions)
    setup.save_main_session = False  # everything workers run is imported by its name
    if setup.sdk_location == "default":
        setup.sdk_location = "container"

    worker = options.view_as(beam_options.WorkerOptions)
    worker.sdk_container_image = worker.sdk_container_image or os.environ.get(IMAGE_VARIABLE)
    worker.machine_type = worker.machine_type or DEFAULTS.machine_type
    worker.disk_size_gb = worker.disk_size_gb or DEFAULTS.disk_gb
    needed = math.ceil(parts / cores(worker.machine_type))
    limit = max(worker.num_workers or 0, min(needed, worker.max_num_workers or DEFAULTS.max_workers), 1)
    worker.num_workers, worker.max_num_workers = worker.num_workers or limit, limit

    debug = options.view_as(beam_options.DebugOptions)
    if debug.number_of_worker_harness_threads is None:
        # Dataflow starts a process for each core; that process then works at one part, in the memory of one.
        debug.number_of_worker_harness_threads = 1


def cores(machine_type: str) -> int:
    """The number of cores of a machine type, by its name; 1 if that does not tell."""
    found = _CORES.search(machine_type)
    return int(found[1]) if found else 1


def follow(result: PipelineResult, options: PipelineOptions) -> None:
    """Say where a job that was submitted can be watched, and wait for its end.

    Raises:
        BerthError: if it was not submitted, because a template of it was asked for.
    """
    from apache_beam.options.pipeline_options import GoogleCloudOptions

    cloud = options.view_as(GoogleCloudOptions)
    if not result.has_job:
        raise BerthError(
            "the job was written as a template and not run",
            where=str(cloud.template_location),
            fix="Leave out --template_location: a stage needs what its jobs write.",
        )
    log.info("%s runs on Dataflow: %s", cloud.job_name, _page(cloud.region, result.job_id(), cloud.project))
    try:
        result.wait_until_finish()
    except KeyboardInterrupt:
        stop = f"gcloud dataflow jobs cancel {result.job_id()} --project {cloud.project} --region {cloud.region}"
        log.warning("the job goes on without this command, and costs; to stop it: %s", stop)
        raise


def explained(error: Exception, options: PipelineOptions) -> BerthError | None:
    """What Dataflow's refusal or a job's failure means; None for other errors."""
    from apache_beam.options.pipeline_options import GoogleCloudOptions
    from apache_beam.runners.dataflow.dataflow_runner import DataflowRuntimeException
    from apache_beam.runners.dataflow.internal.apiclient import DataflowJobAlreadyExistsError
    from google.api_core.exceptions import Conflict, GoogleAPICallError

    if isinstance(error, DataflowJobAlreadyExistsError | Conflict):
        return BerthError(
            "a job of this name is active on Dataflow: this stage is being worked on",
            found=str(error),
            fix="Wait for its end, or cancel it; then run the same command again: what is complete is kept.",
        )
    if isinstance(error, GoogleAPICallError):
        return BerthError(
            "Dataflow refuses the job",
            found=f"{error.code} {error.message}",
            fix="Check project, region, whether the API is enabled, and the roles of your account and of the workers'.",
        )
    if isinstance(error, DataflowRuntimeException):
        cloud = options.view_as(GoogleCloudOptions)
        lines = _LAST_LINE.findall(str(error).partition("Error:\n")[2]) or [str(error)]
        causes = [line for line in lines if not line.startswith(("Traceback", "passed through", "==>"))]
        is_other_image = any("No module named" in line or "Can't get attribute" in line for line in causes)
        image = "The image does not hold this version of Berth: name another one (--sdk_container_image). "
        return BerthError(
            "the job on Dataflow did not end well",
            found=causes[-1] if causes else str(error),
            fix=f"{image if is_other_image else ''}Look at the job's page and its workers' logs; what is complete is "
            f"kept. {_page(cloud.region, error.result.job_id(), cloud.project)}",
        )
    return None


def _options(arguments: Sequence[str]) -> PipelineOptions:
    from pipelines.engine.beam import PipelineOptions

    return PipelineOptions(list(arguments))


def _from_recipe(arguments: Sequence[str], cluster: Cluster) -> list[str]:
    """The flags that the recipe adds to those given."""
    section = cluster.dataflow
    values = {
        "project": section.project,
        "region": section.region,
        "sdk_container_image": cluster.image,
        "machine_type": section.machine_type,
        "disk_size_gb": section.disk_gb,
        "max_num_workers": section.max_workers,
        "service_account_email": section.service_account,
    }
    given = _options(arguments).get_all_options(drop_default=True)
    flags = [f"--{name}={value}" for name, value in values.items() if value is not None and name not in given]
    of_user = {label.partition("=")[0] for label in given.get("labels") or ()}
    return flags + [f"--labels={key}={value}" for key, value in section.labels.items() if key not in of_user]


def _check(options: PipelineOptions, output: str, inputs: Sequence[str]) -> None:
    given = options.get_all_options()
    for name, key in REQUIRED.items():
        if not given.get(name):
            raise UsageError(
                f"Dataflow is not told the {name}", expected=f"--{name} after `--`, or {key} in the recipe"
            )
    if not (given["sdk_container_image"] or given["setup_file"] or os.environ.get(IMAGE_VARIABLE)):
        raise UsageError(
            "Dataflow's workers have no image with Berth",
            expected=f"--sdk_container_image after `--`, cluster.image in the recipe, or {IMAGE_VARIABLE}",
        )
    for place in (output, *inputs):
        is_packaged = place != output and place.startswith(storage.PACKAGE_SCHEME)
        if not storage.is_cloud(place) and not is_packaged:
            raise UsageError(
                "workers on Dataflow cannot see this machine's files",
                where=place,
                expected="gs://BUCKET/PATH",
                fix="Copy it with `berth sync`." if place != output else "",
            )


def _page(region: str, job: str, project: str) -> str:
    return f"https://console.cloud.google.com/dataflow/jobs/{region}/{job}?project={project}"
