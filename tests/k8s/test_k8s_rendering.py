"""`berth k8s`: the manifests of a recipe, filled in from its `cluster` section and a machine shape."""

import copy
import json
import re
import subprocess
import sys

import pytest
import yaml
from ruamel.yaml import YAML

from berth import machines
from berth.cluster import manifests
from berth.cluster.manifest_text import text
from berth.errors import UsageError
from berth.recipe import file as recipe_file
from support.k8s_manifests import BATCHES, IMAGE, TASK, WORKSPACE, jobs, kustomize, of_kind, rendered, templates

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

# Kind, settings and machines that give what an overlay gives.
OVERLAY_JOBS = {
    "train-tpu": ("train", ["cpus=48", "memory_gib=128"], {"shape": "v5litepod-16"}),
    "train-gpu": ("train", ["cpus=64", "memory_gib=512"], {"shape": "a100-40gb-8", "hosts": 2}),
    "data-prep": ("data-prep", ["cpus=16", "memory_gib=64"], {}),
    "evaluate": ("evaluate", ["cpus=8", "memory_gib=32"], {}),
    "finetune": ("finetune", ["cpus=8", "memory_gib=32"], {"shape": "l4-1"}),
}


def without_names(job):
    """The job without what belongs to the place and the recipe: names, version, image."""
    job = copy.deepcopy(job)
    job["metadata"]["name"] = ""
    job["metadata"]["labels"].pop("app.kubernetes.io/version", None)
    (template,) = templates([job])
    (container,) = template["spec"]["containers"]
    container["image"] = container["envFrom"][0]["configMapRef"]["name"] = ""
    for volume in template["spec"]["volumes"]:
        if "configMap" in volume:
            volume["configMap"]["name"] = ""
    return job


@pytest.mark.parametrize("name", OVERLAY_JOBS)
def test_the_command_renders_what_the_overlay_gives(overlays, name):
    kind, resources, machine = OVERLAY_JOBS[name]
    settings = [TASK, *(f"cluster.defaults.{setting}" for setting in resources)]
    (ours,) = of_kind(rendered(kind, *settings, **machine), "Job", "JobSet")
    (theirs,) = of_kind(overlays[name], "Job", "JobSet")
    assert without_names(ours) == without_names(theirs)


def test_each_task_is_a_job_of_its_own():
    settings = [f"fine_tuning.{name}={{task: {name}, data: 'gs://bucket/{name}'}}" for name in ("sst2", "mrpc")]
    documents = rendered("finetune", *settings)
    variables = {
        document["metadata"]["name"]: document["data"].get("BERTH_FINE_TUNING")
        for document in of_kind(documents, "ConfigMap")
    }
    tasks = {}
    for job in of_kind(documents, "Job"):
        ((container,),) = [template["spec"]["containers"] for template in templates([job])]
        tasks[job["metadata"]["name"]] = variables[container["envFrom"][0]["configMapRef"]["name"]]
    assert tasks == {"finetune-quickstart--sst2": "sst2", "finetune-quickstart--mrpc": "mrpc"}


def test_a_rendered_recipe_is_the_recipe():
    recipe = recipe_file.load("quickstart", ["cluster.stages.train.spot=true"])
    documents = manifests.job(recipe, "train", manifests.Placement(IMAGE, WORKSPACE, None))
    (text,) = [d["data"]["recipe.yaml"] for d in of_kind(documents, "ConfigMap") if "recipe.yaml" in d["data"]]
    assert recipe_file.check(YAML(typ="safe", pure=True).load(text), "config map") == recipe


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


@pytest.mark.parametrize("kind", ["train", "evaluate"])
@pytest.mark.parametrize(("shape", "engine"), [("v5litepod-4", ["--set", "training.engine=jax"]), ("l4-1", [])])
def test_on_a_tpu_the_engine_is_jax(kind, shape, engine):
    (template,) = templates(rendered(kind, shape=shape))
    arguments = template["spec"]["containers"][0]["args"]
    assert arguments[arguments.index("$(BERTH_WORKSPACE)") + 1 :] == engine


def test_a_time_limit_ends_the_job():
    for kind, setting in (("data-prep", "extract"), ("train", "train"), ("evaluate", "evaluate")):
        (spec,) = jobs(rendered(kind, f"cluster.stages.{setting}.timeout_hours=1.5"))
        assert spec["activeDeadlineSeconds"] == 5400
        assert "activeDeadlineSeconds" not in jobs(rendered(kind))[0]
    (jobset,) = of_kind(rendered("train", "cluster.defaults.timeout_hours=1"), "JobSet")
    (rule,) = jobset["spec"]["failurePolicy"]["rules"]
    assert rule["onJobFailureReasons"] == ["PodFailurePolicy", "DeadlineExceeded"]


def test_jobs_of_other_recipes_and_tasks_have_other_names():
    names = set()
    for recipe, task in (("x", "a_b"), ("x_a", "b"), ("x_a_b", "c"), ("x", "a_b_c"), ("x_a", "b_c")):
        setting = f"fine_tuning.{task}={{task: sst2, data: 'gs://bucket/sst2'}}"
        (job,) = of_kind(rendered("finetune", f"name={recipe}", setting), "Job")
        assert DNS_LABEL.fullmatch(job["metadata"]["name"])
        names.add(job["metadata"]["name"])
    assert len(names) == 5


LIKE_NUMBERS = ["1_0", "017", "1e3", "2020-01-01", "0x10", "0b1", "685_230.15", "1", "", "0o17"]
LIKE_WORDS = ["yes", "No", "ON", "y", "off", "true", "null", "NaN"]


def test_labels_stay_texts_for_kubernetes(tmp_path):
    """kustomize has Kubernetes' parser of YAML 1.1, in which yes is true and 1_0 is ten."""
    selector = {f"key-{number}": value for number, value in enumerate([*LIKE_NUMBERS, *LIKE_WORDS])} | {"yes": "on"}
    settings = f"cluster.stages.train.node_selector={json.dumps(selector)}"
    (tmp_path / "all.yaml").write_text(text(rendered("train", settings)))
    (tmp_path / "kustomization.yaml").write_text("resources: [all.yaml]\n")
    (template,) = templates(of_kind(kustomize(tmp_path), "JobSet"))
    assert template["spec"]["nodeSelector"] == selector


@pytest.mark.parametrize("value", ["a b", "a\x7fb", "é", "-a", "x" * 64, "a\nb"])
def test_what_is_no_label_is_refused(value):
    with pytest.raises(UsageError, match="expected the value of a Kubernetes label"):
        rendered("train", f"cluster.stages.train.node_selector={json.dumps({'key': value})}")


@pytest.mark.parametrize(
    "value", ["a\x7fb", "a\x80b", "a\x85b", "a\u2028b\u2029c", "\ufeffa", "é字😀", "a\nb", "'\"\\"]
)
def test_a_recipe_with_any_character_arrives_as_it_was(value):
    recipe = recipe_file.load("quickstart").model_copy(update={"description": f"a {value} b"})
    rendering = text(manifests.job(recipe, "train", manifests.Placement(IMAGE, WORKSPACE, None)))
    assert not re.search("[\x7f-\x9f\u2028\u2029\ufeff]", rendering)
    for documents in (list(YAML(typ="safe", pure=True).load_all(rendering)), list(yaml.safe_load_all(rendering))):
        (content,) = [d["data"]["recipe.yaml"] for d in of_kind(documents, "ConfigMap") if "recipe.yaml" in d["data"]]
        assert recipe_file.check(json.loads(content), "config map") == recipe


LONG_TASK = f"fine_tuning.{'a' * 40}={{task: sst2, data: d}}"
WRONG = {
    "batch": ("train", ["training.phases.0.batch_size=30"], {"shape": "v5litepod-16"}, "multiple of 16"),
    "cores": ("train", ["training.phases.0.batch_size=64"], {"shape": "v3-128"}, "64 sequences for 128 devices"),
    "name": ("train", ["name=" + "a" * 31], {}, "name: .*too long"),
    "name of a task": ("finetune", [LONG_TASK], {}, "fine_tuning: .*too long"),
    "no task": ("finetune", [], {}, "no fine-tuning task"),
    "a TPU for TensorFlow alone": ("finetune", [TASK], {"shape": "v5litepod-4"}, "v5litepod-4. Expected a GPU or none"),
    "a TPU for data": ("data-prep", [], {"shape": "v5litepod-4"}, "data-prep cannot use this accelerator"),
    "a GPU for data": ("data-prep", [], {"shape": "l4-1"}, "Expected none"),
    "two machines for one pod": ("evaluate", [], {"shape": "l4-1", "hosts": 2}, "runs on one machine"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_run_is_refused(what):
    kind, settings, place, message = WRONG[what]
    with pytest.raises(UsageError, match=message):
        rendered(kind, *settings, **place)


def test_the_number_of_hosts_is_that_of_the_slice():
    with pytest.raises(UsageError, match=r"does not match the TPU slice\. Found 2\. Expected 4"):
        manifests.Placement(IMAGE, WORKSPACE, machines.SHAPES["v5litepod-16"], 2)


@pytest.mark.parametrize("image", ["berth", "berth:latest", "r/berth@sha256:12", "Berth:1", "berth:1; rm -rf /"])
def test_an_image_without_a_version_is_refused(image):
    with pytest.raises(UsageError, match="not an image by tag or digest"):
        manifests.Placement(image, WORKSPACE, None)


@pytest.mark.parametrize(
    "workspace", ["workspace", "gs://", "gs://bucket/$(HOME)", "gs://bucket/a; b", "/a b", "file:///a"]
)
def test_a_workspace_that_pods_cannot_share_is_refused(workspace):
    with pytest.raises(UsageError, match="cannot share this workspace"):
        manifests.Placement(IMAGE, workspace, None)


def berth(*arguments):
    command = [sys.executable, "-c", "from berth.app.cli import main; main()", "k8s", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_prints_what_kubectl_reads():
    batches = [part for setting in BATCHES for part in ("--set", setting)]
    run = berth("quickstart", *batches, "--accelerator", "v5litepod-16", "--image", IMAGE, "--workspace", WORKSPACE)
    assert run.returncode == 0, run.stderr
    assert list(YAML(typ="safe").load_all(run.stdout)) == rendered("train", shape="v5litepod-16")


def test_a_workspace_on_no_volume_is_refused():
    run = berth("quickstart", "--image", IMAGE, "--workspace", "/mnt/data")
    assert run.returncode == 2 and "no volume with this workspace" in run.stderr and "gs://" in run.stderr


def test_the_command_says_what_is_missing_or_wrong():
    assert "--image" in berth("quickstart", "--workspace", WORKSPACE).stderr
    assert "--workspace" in berth("quickstart", "--image", IMAGE).stderr
    wrong = berth("quickstart", "--image", IMAGE, "--workspace", WORKSPACE, "--accelerator", "v5e-16")
    assert wrong.returncode == 2 and "--accelerator" in wrong.stderr and "--shapes" in wrong.stderr
    assert "data-prep" in berth("quickstart", "--job", "nothing").stderr
    assert "v5litepod-16" in berth("--shapes").stdout
