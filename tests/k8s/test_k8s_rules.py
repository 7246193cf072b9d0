"""Rules of this project that all manifests keep: resources, rights, images, probes, restarts."""

import math
import re

from berth import machines
from berth.errors import UsageError
from support.k8s_manifests import containers, jobs, of_kind, templates
from trainer.loop.hosts import JAX_PORT, TENSORFLOW_PORT
from trainer.loop.loop import InterruptedTrainingError, LostProcessError

ACCELERATORS = {machines.GPU, machines.TPU}
# A checkpoint of BERT-large (340 million parameters, two moments, four bytes each) over a slow connection.
CHECKPOINT_BYTES, SLOW_BYTES_PER_SECOND = 340e6 * 3 * 4, 25e6


def test_requests_are_limits(documents):
    for container in containers(documents):
        assert container["resources"]["requests"] == container["resources"]["limits"]
        assert {"cpu", "memory"} <= set(container["resources"]["limits"])


def test_an_accelerator_comes_with_its_nodes_and_their_taint(documents):
    for template in templates(documents):
        spec = template["spec"]
        asked = {name for container in spec["containers"] for name in container["resources"]["limits"]} & ACCELERATORS
        accepted = {toleration["key"] for toleration in spec.get("tolerations", [])}
        assert asked == accepted & ACCELERATORS
        for name in asked:
            label = "gke-tpu-topology" if name == machines.TPU else "gke-accelerator"
            assert f"cloud.google.com/{label}" in spec["nodeSelector"]


def test_as_many_hosts_as_the_slice_has(documents):
    for jobset in of_kind(documents, "JobSet"):
        (job,) = jobset["spec"]["replicatedJobs"]
        spec = job["template"]["spec"]
        (container,) = spec["template"]["spec"]["containers"]
        (hosts,) = [variable["value"] for variable in container["env"] if variable["name"] == "BERTH_HOSTS"]
        assert str(spec["completions"]) == str(spec["parallelism"]) == hosts
        selector = spec["template"]["spec"].get("nodeSelector", {})
        if topology := selector.get("cloud.google.com/gke-tpu-topology"):
            chips = int(container["resources"]["limits"][machines.TPU]) * int(hosts)
            assert chips == math.prod(map(int, topology.split("x")))
            assert "training.engine=jax" in container["args"]
        assert {port["containerPort"] for port in container["ports"]} == {TENSORFLOW_PORT, JAX_PORT}


def test_nothing_runs_as_root_or_with_rights(documents):
    for template in templates(documents):
        pod = template["spec"]
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False and pod["serviceAccountName"].startswith("berth-")
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert not [volume for volume in pod.get("volumes", []) if "hostPath" in volume]
    for container in containers(documents):
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False and security["capabilities"] == {"drop": ["ALL"]}
        assert security["readOnlyRootFilesystem"] is True


def test_images_are_named_exactly(documents):
    for container in containers(documents):
        assert re.search(r"@sha256:[0-9a-f]{64}$", container["image"])


def test_every_container_has_probes_or_says_why_not(documents):
    for template in templates(documents):
        reason = template["metadata"].get("annotations", {}).get("berth/no-probes")
        for container in template["spec"]["containers"]:
            assert ("livenessProbe" in container and "startupProbe" in container) or reason


def test_a_training_has_the_time_to_save(documents):
    for jobset in of_kind(documents, "JobSet"):
        (job,) = jobset["spec"]["replicatedJobs"]
        grace = job["template"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert grace >= CHECKPOINT_BYTES / SLOW_BYTES_PER_SECOND


def test_what_is_lost_starts_again_and_what_would_repeat_itself_does_not(documents):
    for spec in jobs(documents):
        ignored, fatal = spec["podFailurePolicy"]["rules"]
        assert (ignored["action"], ignored["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")
        assert fatal["action"] == "FailJob" and fatal["onExitCodes"]["operator"] == "In"
        assert fatal["onExitCodes"]["containerName"] in {c["name"] for c in spec["template"]["spec"]["containers"]}
        values = fatal["onExitCodes"]["values"]
        assert UsageError.exit_status in values and 0 not in values
        killed = {137, 139, InterruptedTrainingError.exit_status, LostProcessError.exit_status}
        assert not killed & set(values)
        assert spec["template"]["spec"]["restartPolicy"] == "Never"
    for jobset in of_kind(documents, "JobSet"):
        (rule,) = jobset["spec"]["failurePolicy"]["rules"]
        assert (rule["action"], rule["onJobFailureReasons"]) == ("FailJobSet", ["PodFailurePolicy"])
        assert jobset["spec"]["failurePolicy"]["maxRestarts"] > 0
        (job,) = jobset["spec"]["replicatedJobs"]
        assert job["template"]["spec"]["backoffLimit"] == 0  # one lost host restarts all


def test_batch_jobs_wait_in_the_queue(documents):
    queues = {document["metadata"]["name"] for document in of_kind(documents, "LocalQueue")} or {"berth"}
    for document in of_kind(documents, "Job", "JobSet"):
        assert document["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] in queues
