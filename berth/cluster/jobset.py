"""Training on several machines from a task of a pipeline: create the recipe's JobSet and follow it to its end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from berth import storage
from berth.cluster import manifests
from berth.errors import BerthError, TemporaryError, UsageError, summary
from berth.machines import Shape, machines_of
from berth.recipe import Cluster, Recipe
from berth.retry import ATTEMPTS, is_temporary_status, retrying
from berth.stage import run_index
from berth.stage.manifest import NAME as MANIFEST

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

log = logging.getLogger("berth.jobset")

STAGE = "train"
# The secret with the token of the account that may create JobSets (k8s/base), and where its task mounts it.
SECRET, TOKEN_DIRECTORY = "berth-jobset", "/var/run/secrets/berth-jobset"
GROUP, VERSION, PLURAL = "jobset.x-k8s.io", "v1alpha2", "jobsets"
COMPLETED, FAILED = "Completed", "Failed"
NOT_FOUND, CONFLICT = 404, 409
POLL_SECONDS = 30.0

T = TypeVar("T")


def machines(cluster: Cluster) -> tuple[Shape | None, int]:
    """The shape of the machines for training, and their number. Raises UsageError if the shape is unknown."""
    return machines_of(cluster.task(STAGE), f"cluster.stages.{STAGE}")


def train(
    *,
    recipe: Recipe,
    workspace: str,
    image: str,
    stages: Mapping[str, str],
    client: ApiClient | None = None,
    seconds: float = POLL_SECONDS,
) -> None:
    """Train a recipe on several machines, from a pod in their cluster.

    A running JobSet of this recipe is followed; one that has ended is replaced.

    Args:
        recipe: The recipe.
        workspace: URI of the workspace, where the pods find their data.
        image: The pods' image.
        stages: URIs of the data stages' directories, by the titles of :mod:`berth.stage.run_index`.
        client: Client of the cluster's API; None for the cluster that this process runs in.
        seconds: Polling interval.

    Raises:
        UsageError: if the recipe cannot be trained on its machines.
        BerthError: if the cluster refuses a request, or the JobSet fails.
    """
    run_index.record_data(workspace, recipe, stages)
    machine, hosts = machines(recipe.cluster)
    placement = manifests.Placement(image, workspace, machine, hosts)
    *config_maps, job = manifests.job(recipe, STAGE, placement)
    cluster = _Client(recipe.cluster.namespace, client)
    name = job["metadata"]["name"]
    if (found := cluster.find(name)) is not None:
        if _ended(found) is None and not _is_same(found, job):
            raise BerthError(
                "a JobSet of this name is running for another recipe or workspace",
                where=f"jobset/{name}",
                fix=f"Wait for its end, or delete it: kubectl -n {recipe.cluster.namespace} delete jobset {name}",
            )
        if _ended(found) is not None:
            cluster.delete(name, seconds)
            found = None
    if found is None:
        for config_map in config_maps:
            cluster.create_config_map(config_map)
        cluster.create(job)
        log.info("jobset/%s: %d machines; kubectl -n %s logs -f job/%s-workers-0", name, hosts, cluster.namespace, name)
    _follow(cluster, name, seconds)
    directory = run_index.training(workspace, recipe)
    if directory is None or not storage.exists(storage.join(directory, MANIFEST)):
        raise BerthError(
            "the JobSet has completed, but the training run is not finished",
            where=directory or workspace,
            found=f"no {MANIFEST}",
            fix=f"Check that its pods use this workspace: kubectl -n {cluster.namespace} describe jobset {name}",
        )


def _follow(cluster: _Client, name: str, seconds: float) -> None:
    """Wait until a JobSet completes. Raises BerthError if it fails or is deleted."""
    logged = None
    while True:
        found = cluster.find(name)
        if found is None:
            raise BerthError(
                "the JobSet was deleted while it was running", where=f"jobset/{name}", fix="Submit the pipeline again."
            )
        ended = _ended(found)
        if ended is not None:
            if ended["type"] == COMPLETED:
                return
            raise BerthError(
                "the training run failed",
                where=f"jobset/{name}",
                found=ended.get("message", FAILED),
                fix=f"See its log: kubectl -n {cluster.namespace} logs job/{name}-workers-0",
            )
        restarts = found.get("status", {}).get("restarts", 0)
        if restarts != logged:
            log.info("jobset/%s: running, %d restarts", name, restarts)
            logged = restarts
        time.sleep(seconds)


def _ended(jobset: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The condition with which a JobSet ended; None while it is running."""
    conditions = jobset.get("status", {}).get("conditions", [])
    return next((c for c in conditions if c["type"] in (COMPLETED, FAILED) and c["status"] == "True"), None)


def _is_same(found: Mapping[str, Any], job: Mapping[str, Any]) -> bool:
    """Whether two JobSets have the same recipe and workspace: the names of their config maps contain the hashes."""

    def names(jobset: Mapping[str, Any]) -> list[Any]:
        pod = jobset["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
        volumes = [volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume]
        return [*volumes, pod["containers"][0]["envFrom"][0]["configMapRef"]["name"]]

    return names(found) == names(job)


class _Client:
    """The requests to the Kubernetes API, in one namespace."""

    def __init__(self, namespace: str, client: ApiClient | None) -> None:
        from kubernetes import client as kubernetes
        from kubernetes import config
        from kubernetes.config.incluster_config import InClusterConfigLoader

        if client is None:
            try:
                loader = InClusterConfigLoader(f"{TOKEN_DIRECTORY}/token", f"{TOKEN_DIRECTORY}/ca.crt")
                loader.load_and_set()
            except config.ConfigException as error:
                raise UsageError(
                    "training on several machines must be started by a task in their cluster",
                    found=str(error),
                    fix="Submit the pipeline (berth submit), or apply the JobSet yourself (berth k8s).",
                ) from error
        self.namespace = namespace
        self._resource = (GROUP, VERSION, namespace, PLURAL)
        self._objects = kubernetes.CustomObjectsApi(client)
        self._core = kubernetes.CoreV1Api(client)

    def find(self, name: str) -> dict[str, Any] | None:
        """A JobSet; None if it does not exist."""
        return self._call(lambda: self._objects.get_namespaced_custom_object(*self._resource, name), NOT_FOUND)

    def create(self, job: Mapping[str, Any]) -> None:
        """Create a JobSet, unless an attempt whose response was lost has created it."""
        self._call(lambda: self._objects.create_namespaced_custom_object(*self._resource, job), CONFLICT)

    def create_config_map(self, config_map: Mapping[str, Any]) -> None:
        """Create a config map, unless it exists: its name contains the hash of its content."""
        self._call(lambda: self._core.create_namespaced_config_map(self.namespace, config_map), CONFLICT)

    def delete(self, name: str, seconds: float) -> None:
        """Delete a JobSet, and wait until its name is free."""
        delete = self._objects.delete_namespaced_custom_object
        self._call(lambda: delete(*self._resource, name, propagation_policy="Foreground"), NOT_FOUND)
        while self.find(name) is not None:
            time.sleep(seconds)

    def _call(self, request: Callable[[], T], accepted: int) -> T | None:
        """Make a request, with retries; None if it is refused with the accepted status. Raises BerthError."""
        import urllib3
        from kubernetes.client.exceptions import ApiException

        def is_temporary(error: BaseException) -> bool:
            if isinstance(error, ApiException):
                return is_temporary_status(error.status)
            return isinstance(error, urllib3.exceptions.HTTPError | ConnectionError)

        try:
            return retrying("Kubernetes API", is_temporary)(request)()
        except ApiException as error:
            if error.status == accepted:
                return None
            kind = TemporaryError if is_temporary(error) else BerthError
            raise kind(
                "the cluster refuses a request",
                where=f"namespace {self.namespace}",
                found=f"{error.status} {error.reason}",
                fix="Apply k8s/base, whose account berth-jobset may create JobSets (docs/gke.md, section 6).",
            ) from error
        except (urllib3.exceptions.HTTPError, ConnectionError) as error:
            raise TemporaryError(
                "the cluster's API cannot be reached",
                where=f"namespace {self.namespace}",
                found=f"{summary(error)}, after {ATTEMPTS} attempts",
                fix="Submit the pipeline again; the JobSet continues and will be followed.",
            ) from error
