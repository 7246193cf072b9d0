"""A training on several machines as a task of a pipeline: it applies the recipe's JobSet and follows it to its end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from berth import storage
from berth.cluster import manifests
from berth.errors import BerthError, UsageError
from berth.machines import Shape, machines_of
from berth.recipe import Cluster, Recipe
from berth.stage import run_index as runs
from berth.stage.manifest import NAME as MANIFEST

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

log = logging.getLogger("berth.jobset")

STAGE = "train"
GROUP, VERSION, PLURAL = "jobset.x-k8s.io", "v1alpha2", "jobsets"
COMPLETED, FAILED = "Completed", "Failed"
NOT_FOUND, CONFLICT = 404, 409
ATTEMPTS, LONGEST_WAIT_SECONDS = 6, 30.0
# Answers after which the same request may succeed.
TEMPORARY = {429, 500, 502, 503, 504}
SECONDS_BETWEEN_LOOKS = 30.0

T = TypeVar("T")


def machines(cluster: Cluster) -> tuple[Shape | None, int]:
    """The shape of the training's machines, and how many there are. Raises UsageError if there is no such shape."""
    return machines_of(cluster.task(STAGE), f"cluster.stages.{STAGE}")


def train(
    *,
    recipe: Recipe,
    workspace: str,
    image: str,
    stages: Mapping[str, str],
    client: ApiClient | None = None,
    seconds: float = SECONDS_BETWEEN_LOOKS,
) -> None:
    """Train a recipe on several machines, from within their cluster.

    A JobSet of this recipe that is at work already is followed; one that has ended is replaced.

    Args:
        recipe: The recipe.
        workspace: URI of the workspace, where the training's pods find their data.
        image: The pods' image.
        stages: URIs of the directories with the data, by the titles that :mod:`berth.stage.run_index` has for them.
        client: For the cluster's API; None for that of the cluster this process runs in.
        seconds: Between two looks.

    Raises:
        UsageError: if the recipe cannot be trained on its machines.
        BerthError: if the cluster refuses, or the JobSet fails.
    """
    runs.record_data(workspace, recipe, stages)
    machine, hosts = machines(recipe.cluster)
    placement = manifests.Placement(image, workspace, machine, hosts)
    *config_maps, job = manifests.job(recipe, STAGE, placement)
    cluster = _Cluster(recipe.cluster.namespace, client)
    name = job["metadata"]["name"]
    if (found := cluster.find(name)) is not None:
        if _ended(found) is None and not _is_same(found, job):
            raise BerthError(
                "another training of this name is at work",
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
    directory = runs.training(workspace, recipe)
    if directory is None or not storage.exists(storage.join(directory, MANIFEST)):
        raise BerthError("the JobSet has ended, but the training is not finished", where=directory or workspace)


def _follow(cluster: _Cluster, name: str, seconds: float) -> None:
    """Wait for the end. Raises BerthError if it fails or disappears."""
    told = None
    while True:
        found = cluster.find(name)
        if found is None:
            raise BerthError("the JobSet was deleted while it was at work", where=f"jobset/{name}")
        ended = _ended(found)
        if ended is not None:
            if ended["type"] == COMPLETED:
                return
            raise BerthError(
                "the training has failed",
                where=f"jobset/{name}",
                found=ended.get("message", FAILED),
                fix=f"Its own words: kubectl -n {cluster.namespace} logs job/{name}-workers-0",
            )
        restarts = found.get("status", {}).get("restarts", 0)
        if restarts != told:
            log.info("jobset/%s: at work, %d restarts", name, restarts)
            told = restarts
        time.sleep(seconds)


def _ended(jobset: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The condition that tells its end; None while it is at work."""
    conditions = jobset.get("status", {}).get("conditions", [])
    return next((c for c in conditions if c["type"] in (COMPLETED, FAILED) and c["status"] == "True"), None)


def _is_same(found: Mapping[str, Any], job: Mapping[str, Any]) -> bool:
    """Whether two JobSets have the same recipe and workspace: their config maps' names hold the hashes of these."""

    def names(jobset: Mapping[str, Any]) -> list[Any]:
        pod = jobset["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
        volumes = [volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume]
        return [*volumes, pod["containers"][0]["envFrom"][0]["configMapRef"]["name"]]

    return names(found) == names(job)


class _Cluster:
    """What is asked of the cluster's API, in one namespace."""

    def __init__(self, namespace: str, client: ApiClient | None) -> None:
        from kubernetes import client as kubernetes
        from kubernetes import config

        if client is None:
            try:
                config.load_incluster_config()
            except config.ConfigException as error:
                raise UsageError(
                    "a training on several machines is started by a task in their cluster",
                    found=str(error),
                    fix="Submit the pipeline (berth submit), or apply the JobSet yourself (berth k8s).",
                ) from error
        self.namespace = namespace
        self._place = (GROUP, VERSION, namespace, PLURAL)
        self._objects = kubernetes.CustomObjectsApi(client)
        self._core = kubernetes.CoreV1Api(client)

    def find(self, name: str) -> dict[str, Any] | None:
        """A JobSet; None where there is none."""
        return self._call(lambda: self._objects.get_namespaced_custom_object(*self._place, name), NOT_FOUND)

    def create(self, job: Mapping[str, Any]) -> None:
        """Create a JobSet; one that an unheard attempt has created is right."""
        self._call(lambda: self._objects.create_namespaced_custom_object(*self._place, job), CONFLICT)

    def create_config_map(self, config_map: Mapping[str, Any]) -> None:
        """Create a config map; its name holds the hash of its content, so one of that name is the same."""
        self._call(lambda: self._core.create_namespaced_config_map(self.namespace, config_map), CONFLICT)

    def delete(self, name: str, seconds: float) -> None:
        """Delete a JobSet that has ended, and wait until its name is free."""
        delete = self._objects.delete_namespaced_custom_object
        self._call(lambda: delete(*self._place, name, propagation_policy="Foreground"), NOT_FOUND)
        while self.find(name) is not None:
            time.sleep(seconds)

    def _call(self, request: Callable[[], T], accepted: int) -> T | None:
        """Make a request, again after what may pass; None where it is refused with the accepted status."""
        import tenacity
        import urllib3
        from kubernetes.client.exceptions import ApiException

        def may_pass(error: BaseException) -> bool:
            is_temporary = isinstance(error, ApiException) and error.status in TEMPORARY
            return is_temporary or isinstance(error, urllib3.exceptions.HTTPError | ConnectionError)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(may_pass),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=tenacity.wait_exponential_jitter(max=LONGEST_WAIT_SECONDS),
            before_sleep=tenacity.before_sleep_log(log, logging.WARNING),
            reraise=True,
        )
        try:
            return retrying(request)
        except ApiException as error:
            if error.status == accepted:
                return None
            raise BerthError(
                "the cluster refuses a request",
                where=f"namespace {self.namespace}",
                found=f"{error.status} {error.reason}",
                fix="The account of the pipeline's tasks may create JobSets where k8s/base/roles.yaml is applied.",
            ) from error
        except (urllib3.exceptions.HTTPError, ConnectionError) as error:
            raise BerthError("the cluster's API does not answer", found=str(error)) from error
