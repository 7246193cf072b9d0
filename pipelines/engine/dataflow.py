"""Beam jobs on Dataflow: checks before one starts, default options, waiting for its end, and its errors explained."""

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
# Options that a job needs, by Beam's name: the recipe key that sets them.
REQUIRED = {"project": "cluster.dataflow.project", "region": "cluster.dataflow.region"}
# "n2-standard-8", "n2-custom-8-16384": the first number between dashes counts the cores.
_CORES = re.compile(r"-(\d+)(?=-|$)")
# The lines of a Python traceback that are not indented: the error itself.
_ERROR_LINE = re.compile(r"^\S.*$", re.MULTILINE)


def is_requested(arguments: Sequence[str]) -> bool:
    """Whether Beam's flags name Dataflow as the runner."""
    words = " ".join(arguments).replace("=", " ").split()
    runners = [words[index + 1] for index, word in enumerate(words[:-1]) if word == "--runner"]
    return bool(runners) and runners[-1].lower() in ("dataflow", "dataflowrunner")


def checked_flags(
    arguments: Sequence[str], output: str, inputs: Sequence[str] = (), cluster: Cluster | None = None
) -> list[str]:
    """Beam's flags and those that the recipe adds, checked before anything is read or written.

    Args:
        arguments: Flags from the command line; they override the recipe.
        output: Where the stages write.
        inputs: What the workers read.
        cluster: The recipe's ``cluster`` section, if there is a recipe.

    Raises:
        UsageError: If project, region or image are missing, or workers could not read an input or write the output.
    """
    complete = [*arguments, *_from_recipe(arguments, cluster)] if cluster else list(arguments)
    _check(_options(complete), output, inputs)
    return complete


def complete(options: PipelineOptions, output: Output | None, parts: int) -> None:
    """Set defaults for the options of a job that are not given.

    The job's name is ``berth-STAGE-DIGEST12``: Dataflow refuses a second active job of the same name, so two processes
    cannot run one stage. The job starts with as many machines as its parts keep busy; Dataflow releases idle ones.

    Args:
        options: Beam's options.
        output: The output of the stage.
        parts: How many workers the job can keep busy.

    Raises:
        UsageError: As for :func:`checked_flags`.
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
    setup.save_main_session = False  # workers import by name all that they run
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
        # Dataflow starts a process for each core; with one thread it holds one part in memory at a time.
        debug.number_of_worker_harness_threads = 1


def cores(machine_type: str) -> int:
    """The number of cores that a machine type's name gives; 1 if it gives none."""
    found = _CORES.search(machine_type)
    return int(found[1]) if found else 1


def follow(result: PipelineResult, options: PipelineOptions) -> None:
    """Log the page of a submitted job and wait for the job's end.

    Raises:
        BerthError: If the job was written as a template instead of being submitted.
    """
    from apache_beam.options.pipeline_options import GoogleCloudOptions

    cloud = options.view_as(GoogleCloudOptions)
    if not result.has_job:
        raise BerthError(
            "the job was written as a template and not run",
            where=str(cloud.template_location),
            fix="Omit --template_location: a stage needs the files that its jobs write.",
        )
    log.info("%s runs on Dataflow: %s", cloud.job_name, _page(cloud.region, result.job_id(), cloud.project))
    try:
        result.wait_until_finish()
    except KeyboardInterrupt:
        stop = f"gcloud dataflow jobs cancel {result.job_id()} --project {cloud.project} --region {cloud.region}"
        log.warning("the job keeps running, and costs money, without this command; to stop it: %s", stop)
        raise


def explained(error: Exception, options: PipelineOptions) -> BerthError | None:
    """The error to show for a job that Dataflow refused or that failed there; None for other errors."""
    from apache_beam.options.pipeline_options import GoogleCloudOptions
    from apache_beam.runners.dataflow.dataflow_runner import DataflowRuntimeException
    from apache_beam.runners.dataflow.internal.apiclient import DataflowJobAlreadyExistsError
    from google.api_core.exceptions import Conflict, GoogleAPICallError

    if isinstance(error, DataflowJobAlreadyExistsError | Conflict):
        return BerthError(
            "a job of this name is active on Dataflow: this stage is already running",
            found=str(error),
            fix="Wait for its end, or cancel it; then run the same command again: complete shards are kept.",
        )
    if isinstance(error, GoogleAPICallError):
        return BerthError(
            "Dataflow refuses the job",
            found=f"{error.code} {error.message}",
            fix="Check project, region, whether the API is enabled, and the roles of your account and of the workers'.",
        )
    if isinstance(error, DataflowRuntimeException):
        cloud = options.view_as(GoogleCloudOptions)
        lines = _ERROR_LINE.findall(str(error).partition("Error:\n")[2]) or [str(error)]
        causes = [line for line in lines if not line.startswith(("Traceback", "passed through", "==>"))]
        is_other_image = any("No module named" in line or "Can't get attribute" in line for line in causes)
        image = "The image does not contain this version of Berth: name another one (--sdk_container_image). "
        return BerthError(
            "the job failed on Dataflow",
            found=causes[-1] if causes else str(error),
            fix=f"{image if is_other_image else ''}Look at the job's page and its workers' logs; complete shards "
            f"are kept. {_page(cloud.region, error.result.job_id(), cloud.project)}",
        )
    return None


def _options(arguments: Sequence[str]) -> PipelineOptions:
    from pipelines.engine.beam import PipelineOptions

    return PipelineOptions(list(arguments))


def _from_recipe(arguments: Sequence[str], cluster: Cluster) -> list[str]:
    """The flags that the recipe adds to those of the command line."""
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
                f"a job on Dataflow needs the {name}", expected=f"--{name} after `--`, or {key} in the recipe"
            )
    if not (given["sdk_container_image"] or given["setup_file"] or os.environ.get(IMAGE_VARIABLE)):
        raise UsageError(
            "a job on Dataflow needs an image with Berth for its workers",
            expected=f"--sdk_container_image after `--`, cluster.image in the recipe, or {IMAGE_VARIABLE}",
        )
    for uri in (output, *inputs):
        is_packaged = uri != output and uri.startswith(storage.PACKAGE_SCHEME)
        if not storage.is_cloud(uri) and not is_packaged:
            raise UsageError(
                "workers on Dataflow cannot see this machine's files",
                where=uri,
                expected="gs://BUCKET/PATH",
                fix="Copy it with `berth sync`." if uri != output else "",
            )


def _page(region: str, job: str, project: str) -> str:
    return f"https://console.cloud.google.com/dataflow/jobs/{region}/{job}?project={project}"
