"""The manifests: what kustomize makes of them is what Kubernetes, JobSet and this project's own rules accept."""

import copy
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
from kubeflow_trainer_api.models import JobsetV1alpha2JobSet
from ruamel.yaml import YAML

from berth import recipe_file
from berth.cluster import machines, manifests
from berth.errors import UsageError
from trainer.hosts import JAX_PORT, TENSORFLOW_PORT
from trainer.loop import InterruptedTrainingError, LostProcessError

K8S = Path(__file__).parents[1] / "k8s"
KUBERNETES = "1.31"
OVERLAYS = sorted(path.name for path in (K8S / "overlays").iterdir())
IMAGE = "europe-docker.pkg.dev/p/r/berth@sha256:" + "0123456789abcdef" * 4
WORKSPACE = "gs://bucket/workspace"
# Kinds that Kubernetes itself does not know: nothing here knows their schemas but JobSet's.
KUEUE = {"ResourceFlavor", "ClusterQueue", "LocalQueue"}
ACCELERATORS = {machines.GPU, machines.TPU}
# A checkpoint of BERT-large (340 million parameters, two moments, four bytes each) over a slow connection.
CHECKPOINT_BYTES, SLOW_BYTES_PER_SECOND = 340e6 * 3 * 4, 25e6


def kustomize(directory):
    """What `kubectl apply -k` would send."""
    command = ["kubectl", "kustomize", str(directory)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return list(YAML(typ="safe").load_all(output))


@pytest.fixture(scope="module")
def overlays():
    return {name: kustomize(K8S / "overlays" / name) for name in OVERLAYS}


def rendered(kind, *settings, shape="", hosts=1):
    machine = machines.SHAPES[shape] if shape else None
    count = machine.hosts if machine is not None and machine.is_tpu else hosts
    place = manifests.Place(IMAGE, WORKSPACE, machine, count)
    return manifests.job(recipe_file.load("quickstart", settings), kind, place)


RENDERED = {
    "base": lambda: manifests.base(recipe_file.load("quickstart")),
    "data-prep": lambda: rendered("data-prep"),
    "train on CPUs": lambda: rendered("train", hosts=2),
    "train on GPUs": lambda: rendered("train", shape="l4-4", hosts=2),
    "train on spot GPUs": lambda: rendered("train", "cluster.stages.train.spot=true", shape="h100-80gb-8"),
    "train on a slice": lambda: rendered("train", shape="v5litepod-16"),
    "evaluate": lambda: rendered("evaluate", shape="l4-1"),
}
ALL = [*OVERLAYS, *RENDERED]


@pytest.fixture(params=ALL)
def documents(request, overlays):
    """All manifests of an overlay, or of one rendered job."""
    return overlays[request.param] if request.param in overlays else RENDERED[request.param]()


def of_kind(documents, *kinds):
    return [document for document in documents if document["kind"] in kinds]


def jobs(documents):
    """Specs of all batch jobs, those inside JobSets too."""
    inner = [
        job["template"]["spec"] for jobset in of_kind(documents, "JobSet") for job in jobset["spec"]["replicatedJobs"]
    ]
    return [document["spec"] for document in of_kind(documents, "Job")] + inner


def templates(documents):
    """Templates of all pods."""
    return [job["template"] for job in jobs(documents)] + [
        document["spec"]["template"] for document in of_kind(documents, "Deployment")
    ]


def containers(documents):
    return [container for template in templates(documents) for container in template["spec"]["containers"]]


def strict(schema):
    """The schema, with unknown keys as errors; quantities and ports are texts or numbers."""
    schema = copy.deepcopy(schema)
    for name, definition in schema["$defs"].items():
        if name.endswith(("Quantity", "IntOrString")):
            schema["$defs"][name] = {"type": ["string", "number"]}
        elif "properties" in definition:
            definition["additionalProperties"] = False
    return {**schema, "additionalProperties": False}


JOBSET = jsonschema.Draft202012Validator(strict(JobsetV1alpha2JobSet.model_json_schema(by_alias=True)))


def test_every_manifest_fits_its_schema(documents):
    for document in documents:
        if document["kind"] == "JobSet":
            JOBSET.validate(document)
            JobsetV1alpha2JobSet.from_dict(document)
        elif document["kind"] not in KUEUE:
            kubernetes_validate.validate(document, KUBERNETES, strict=True)
    for spec in jobs(documents):  # a JobSet's jobs are Kubernetes' own
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": spec}
        kubernetes_validate.validate(job, KUBERNETES, strict=True)


@pytest.mark.parametrize("path", [("spec", "maxRestart"), ("spec", "network", "dns"), ("metadata", "label")])
def test_a_misspelt_key_of_a_jobset_would_be_found(overlays, path):
    (jobset,) = copy.deepcopy(of_kind(overlays["train-tpu"], "JobSet"))
    *parents, last = path
    place = jobset
    for part in parents:
        place = place[part]
    place[last] = 1
    with pytest.raises(jsonschema.ValidationError):
        JOBSET.validate(jobset)


def test_every_file_is_used():
    named = set()
    for path in K8S.rglob("kustomization.yaml"):
        content = YAML(typ="safe").load(path)
        files = [*content.get("resources", []), *content.get("configurations", [])]
        files += [patch["path"] for patch in content.get("patches", [])]
        files += [name for generator in content.get("configMapGenerator", []) for name in generator.get("files", [])]
        named |= {(path.parent / name).resolve() for name in files} | {path.resolve()}
    assert {path.resolve() for path in K8S.rglob("*.yaml")} <= named


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
        assert security.get("readOnlyRootFilesystem") or container["image"].startswith("flink:")


def test_images_are_named_exactly(documents):
    for container in containers(documents):
        assert re.search(r"@sha256:[0-9a-f]{64}$", container["image"]) or re.fullmatch(
            r"flink:\d+\.\d+\.\d+-.+", container["image"]
        )


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


def amount(quantity):
    """A quantity as a number."""
    number, suffix = re.fullmatch(r"([\d.]+)([KMGT]i)?", str(quantity)).groups()
    return float(number) * 1024 ** (" KMGT".index(suffix[0]) if suffix else 0)


def test_the_queue_has_quota_for_all_that_a_job_asks_for(overlays):
    """Kueue admits no job that asks for a resource its queue does not know."""
    for documents in overlays.values():
        (queue,) = of_kind(documents, "ClusterQueue")
        (group,) = queue["spec"]["resourceGroups"]
        (flavor,) = group["flavors"]
        assert [resource["name"] for resource in flavor["resources"]] == group["coveredResources"]
        quota = {resource["name"]: amount(resource["nominalQuota"]) for resource in flavor["resources"]}
        for spec in jobs(documents):
            for container in spec["template"]["spec"]["containers"]:
                for name, asked in container["resources"]["requests"].items():
                    assert amount(asked) * spec.get("completions", 1) <= quota[name]


def test_everything_named_is_there(overlays):
    for documents in overlays.values():
        accounts = {document["metadata"]["name"] for document in of_kind(documents, "ServiceAccount")}
        configs = {document["metadata"]["name"] for document in of_kind(documents, "ConfigMap")}
        for template in templates(documents):
            pod = template["spec"]
            assert pod["serviceAccountName"] in accounts
            named = {volume["configMap"]["name"] for volume in pod.get("volumes", []) if "configMap" in volume}
            for container in pod["containers"]:
                named |= {source["configMapRef"]["name"] for source in container.get("envFrom", [])}
                mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
                assert mounted <= {volume["name"] for volume in pod["volumes"]}
            assert named <= configs
        assert all(
            document["metadata"].get("namespace") == "berth"
            for document in documents
            if document["kind"] not in {"Namespace", "ClusterQueue", "ResourceFlavor"}
        )


def test_another_recipe_is_another_name_in_the_jobset(tmp_path):
    """A hash of the recipe reaches what reads it, also in a kind that kustomize does not know."""
    shutil.copytree(K8S, tmp_path / "k8s")
    names = set()
    for text in ("extends: quickstart\n", "extends: quickstart\nseed: 2\n"):
        (tmp_path / "k8s" / "site" / "recipe.yaml").write_text(text)
        documents = kustomize(tmp_path / "k8s" / "overlays" / "train-tpu")
        (config,) = [d for d in of_kind(documents, "ConfigMap") if "recipe.yaml" in d["data"]]
        (jobset,) = of_kind(documents, "JobSet")
        (template,) = templates([jobset])
        (volume,) = [volume for volume in template["spec"]["volumes"] if volume["name"] == "recipe"]
        assert config["data"]["recipe.yaml"] == text and volume["configMap"]["name"] == config["metadata"]["name"]
        names.add(config["metadata"]["name"])
    assert len(names) == 2


def test_people_may_do_what_jobs_need_and_no_more(overlays):
    (role,) = of_kind(overlays["train-gpu"], "Role")
    assert not of_kind(overlays["train-gpu"], "ClusterRole", "ClusterRoleBinding")
    for rule in role["rules"]:
        assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]
        assert not {"secrets", "pods/exec", "serviceaccounts", "roles"} & set(rule["resources"])


OVERLAY_SHAPES = {
    "train-tpu": ("v5litepod-16", 4, ["cpus=48", "memory_gib=128"]),
    "train-gpu": ("a100-40gb-8", 2, ["cpus=64", "memory_gib=512"]),
}


def without_names(jobset):
    """The JobSet without what belongs to the place and the recipe: names, image."""
    jobset = copy.deepcopy(jobset)
    jobset["metadata"]["name"] = ""
    (template,) = templates([jobset])
    (container,) = template["spec"]["containers"]
    container["image"] = container["envFrom"][0]["configMapRef"]["name"] = ""
    for volume in template["spec"]["volumes"]:
        if "configMap" in volume:
            volume["configMap"]["name"] = ""
    return jobset


@pytest.mark.parametrize("name", OVERLAY_SHAPES)
def test_the_command_renders_what_the_overlay_gives(overlays, name):
    shape, hosts, resources = OVERLAY_SHAPES[name]
    settings = [f"cluster.stages.train.{setting}" for setting in resources]
    (ours,) = of_kind(rendered("train", *settings, shape=shape, hosts=hosts), "JobSet")
    (theirs,) = of_kind(overlays[name], "JobSet")
    assert without_names(ours) == without_names(theirs)


def test_a_rendered_recipe_is_the_recipe():
    recipe = recipe_file.load("quickstart", ["cluster.stages.train.spot=true"])
    documents = manifests.job(recipe, "train", manifests.Place(IMAGE, WORKSPACE, None))
    (text,) = [d["data"]["recipe.yaml"] for d in of_kind(documents, "ConfigMap") if "recipe.yaml" in d["data"]]
    assert recipe_file.check(YAML(typ="safe", pure=True).load(text), "config map") == recipe


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


def test_the_recipes_cluster_section_reaches_the_job():
    settings = [
        "cluster.namespace=research",
        "cluster.queue=night",
        "cluster.max_restarts=3",
        "cluster.termination_grace_seconds=600",
        "cluster.stages.train.spot=true",
        "cluster.stages.train.cpus=3.5",
        "cluster.stages.train.node_selector={pool: mine}",
    ]
    documents = rendered("train", *settings, shape="l4-1")
    (jobset,) = of_kind(documents, "JobSet")
    assert {document["metadata"]["namespace"] for document in documents} == {"research"}
    assert jobset["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "night"
    assert jobset["spec"]["failurePolicy"]["maxRestarts"] == 3
    (template,) = templates(documents)
    assert template["spec"]["terminationGracePeriodSeconds"] == 600
    assert template["spec"]["nodeSelector"] == {
        "cloud.google.com/gke-accelerator": "nvidia-l4",
        "cloud.google.com/gke-spot": "true",
        "pool": "mine",
    }
    assert {toleration["key"] for toleration in template["spec"]["tolerations"]} == {machines.GPU, machines.SPOT}
    assert template["spec"]["containers"][0]["resources"]["limits"]["cpu"] == "3.5"


def test_the_base_is_in_the_recipes_namespace():
    documents = manifests.base(recipe_file.load("quickstart", ["cluster.namespace=research", "cluster.queue=night"]))
    (namespace,) = of_kind(documents, "Namespace")
    assert namespace["metadata"]["name"] == "research"
    assert "berth" not in {document["metadata"].get("namespace") for document in documents}
    assert of_kind(documents, "LocalQueue")[0]["metadata"]["name"] == "night"


WRONG = {
    "a batch that does not divide": (["training.phases.0.batch_size=30"], {"shape": "v5litepod-16"}, "multiple of 16"),
    "a long name": (["name=" + "a" * 31], {}, "too long"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_run_is_refused(what):
    settings, place, message = WRONG[what]
    with pytest.raises(UsageError, match=message):
        rendered("train", *settings, **place)


def test_a_slice_has_the_hosts_that_it_has():
    with pytest.raises(UsageError, match="has 4 hosts"):
        manifests.Place(IMAGE, WORKSPACE, machines.SHAPES["v5litepod-16"], 2)


@pytest.mark.parametrize("image", ["berth", "berth:latest", "r/berth@sha256:12", "Berth:1", "berth:1; rm -rf /"])
def test_an_image_without_a_version_is_refused(image):
    with pytest.raises(UsageError, match="no image by tag or digest"):
        manifests.Place(image, WORKSPACE, None)


@pytest.mark.parametrize(
    "workspace", ["workspace", "gs://", "gs://bucket/$(HOME)", "gs://bucket/a; b", "/a b", "file:///a"]
)
def test_a_workspace_that_pods_cannot_share_is_refused(workspace):
    with pytest.raises(UsageError, match="neither a gs:// URI nor"):
        manifests.Place(IMAGE, workspace, None)


def berth(*arguments):
    command = [sys.executable, "-c", "from berth.cli import main; main()", "k8s", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_prints_what_kubectl_reads():
    run = berth("quickstart", "--accelerator", "v5litepod-16", "--image", IMAGE, "--workspace", WORKSPACE)
    assert run.returncode == 0, run.stderr
    assert list(YAML(typ="safe").load_all(run.stdout)) == rendered("train", shape="v5litepod-16")


def test_the_command_says_what_is_missing_or_wrong():
    assert "--image" in berth("quickstart", "--workspace", WORKSPACE).stderr
    assert "--workspace" in berth("quickstart", "--image", IMAGE).stderr
    wrong = berth("quickstart", "--image", IMAGE, "--workspace", WORKSPACE, "--accelerator", "v5e-16")
    assert wrong.returncode == 2 and "--accelerator" in wrong.stderr and "--shapes" in wrong.stderr
    assert "data-prep" in berth("quickstart", "--job", "nothing").stderr
    assert "v5litepod-16" in berth("--shapes").stdout
