"""Compiled pipelines: stable, complete, and with what the recipe's `cluster` section says on each task."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from google.protobuf import json_format
from kfp import components as kfp_components
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

from berth.cluster import jobset, references
from berth.cluster.package import compiled
from berth.cluster.tasks import check_engines
from berth.errors import BerthError, UsageError
from berth.recipe import file as recipe_file
from berth_dags.pretrain import pretrain_pipeline

DIGEST = "sha256:" + "0123456789abcdef" * 4
SETTINGS = [
    f"cluster.image=europe-docker.pkg.dev/project/repository/berth@{DIGEST}",
    "cluster.defaults.memory_gib=32",
    "cluster.stages.extract.cpus=1.5",
    "cluster.stages.extract.cache=true",
    "cluster.stages.extract.node_selector={pool: big}",
    "cluster.stages.extract.tolerations=[{key: dedicated, operator: Equal, value: data, effect: NoExecute}]",
    "cluster.stages.train.accelerator=a100-40gb-4",
    "cluster.stages.train.spot=true",
    "cluster.stages.train.retries=7",
    "cluster.stages.train.backoff_seconds=5",
    "cluster.stages.train.timeout_hours=1.5",
    "cluster.stages.report.retries=0",
]


IMAGE = SETTINGS[0]


def compile_(*settings, name="quickstart"):
    settings = [IMAGE, *settings]
    return compiled(pretrain_pipeline(recipe_file.load(name, settings), for_cluster=True))


def documents(content):
    return list(yaml.load_all(content, yaml.CSafeLoader))


@pytest.fixture(scope="module")
def package():
    return compile_(*SETTINGS)


@pytest.fixture(scope="module")
def executors(package):
    """Containers and platform settings by the name of the stage."""
    pipeline, platforms = documents(package)
    containers = {
        name.removeprefix("exec-"): executor["container"]
        for name, executor in pipeline["deploymentSpec"]["executors"].items()
    }
    kubernetes = platforms["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return {name: (container, kubernetes.get(f"exec-{name}", {})) for name, container in containers.items()}


@pytest.fixture(scope="module")
def tasks(package):
    return documents(package)[0]["root"]["dag"]["tasks"]


# kfp looks at the whole stack for every task, which takes long in a process with as many modules as that of the tests.
COMPILE_ALL = """
import sys
from pathlib import Path
from berth.cluster.package import compiled
from berth.recipe.file import installed, load
from berth_dags.pretrain import pretrain_pipeline

directory, *again = sys.argv[1:]
for name in [*installed(), *again]:
    recipe = load(name, ["cluster.image=registry.example.org/berth:1.0"])
    content, path = compiled(pretrain_pipeline(recipe, for_cluster=True)), Path(directory, name)
    if path.exists() and path.read_bytes() != content:
        sys.exit(f"{name} compiles to other bytes the second time")
    path.write_bytes(content)
"""
# One recipe of each kind: plain, fine-tuned in the middle of training, with prepared text, of a language of its own.
AGAIN = ["quickstart", "stagedml_3l", "mlperf_v1_prepared", "qarib"]


@pytest.fixture(scope="module")
def compiled_recipes(tmp_path_factory):
    """The directory with each recipe's pipeline."""
    directory = tmp_path_factory.mktemp("compiled")
    subprocess.run([sys.executable, "-c", COMPILE_ALL, str(directory), *AGAIN], check=True)
    return directory


@pytest.mark.reproducibility
@pytest.mark.parametrize("name", recipe_file.installed())
def test_every_recipe_compiles_to_the_same_bytes_each_time(name, compiled_recipes):
    content = (compiled_recipes / name).read_bytes()
    assert content and b":latest" not in content


@pytest.mark.reproducibility
def test_another_process_compiles_the_same_bytes(package, tmp_path):
    flags = [part for setting in SETTINGS for part in ("--set", setting)]
    command = [sys.executable, "-c", "from berth.app.cli import main; main()", "compile", "quickstart", "-o", "p.yaml"]
    subprocess.run([*command, *flags], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "p.yaml").read_bytes() == package


def test_the_sdk_and_its_protocol_buffers_read_it(package):
    loaded = kfp_components.load_component_from_text(package.decode())
    assert loaded.name == "berth-quickstart"
    pipeline, platforms = documents(package)
    json_format.ParseDict(pipeline, pipeline_spec_pb2.PipelineSpec())
    json_format.ParseDict(platforms, pipeline_spec_pb2.PlatformSpec())
    executors = platforms["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    for settings in executors.values():
        json_format.ParseDict(settings, kubernetes_executor_config_pb2.KubernetesExecutorConfig())


def test_every_task_runs_the_image(executors):
    images = {container["image"] for container, _ in executors.values()}
    assert images == {f"europe-docker.pkg.dev/project/repository/berth@{DIGEST}"}


def test_no_task_runs_as_root(executors):
    for _, kubernetes in executors.values():
        assert kubernetes["securityContext"] == {"runAsUser": "1000", "runAsGroup": "1000", "runAsNonRoot": True}


def test_a_stage_has_its_own_resources_and_the_defaults_for_the_rest(executors):
    extract, segment = executors["extract"][0]["resources"], executors["segment"][0]["resources"]
    assert extract["resourceCpuRequest"] == extract["resourceCpuLimit"] == "1.5"
    assert segment["resourceCpuRequest"] == segment["resourceCpuLimit"] == "4"
    for resources in (extract, segment):
        assert resources["resourceMemoryRequest"] == resources["resourceMemoryLimit"] == "32Gi"


def test_an_accelerator_brings_its_nodes_their_taints_and_shared_memory(executors):
    container, kubernetes = executors["train"]
    assert container["resources"]["accelerator"] == {
        "count": "4",
        "resourceCount": "4",
        "type": "nvidia.com/gpu",
        "resourceType": "nvidia.com/gpu",
    }
    assert kubernetes["nodeSelector"]["labels"] == {
        "cloud.google.com/gke-accelerator": "nvidia-tesla-a100",
        "cloud.google.com/gke-spot": "true",
    }
    assert kubernetes["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "cloud.google.com/gke-spot", "operator": "Equal", "value": "true", "effect": "NoSchedule"},
    ]
    assert kubernetes["emptyDirMounts"] == [
        {"volumeName": "shared-memory", "mountPath": "/dev/shm", "medium": "Memory"}
    ]


def test_placement_of_the_recipe_is_added(executors):
    _, kubernetes = executors["extract"]
    assert kubernetes["nodeSelector"]["labels"] == {"pool": "big"}
    assert kubernetes["tolerations"] == [
        {"key": "dedicated", "operator": "Equal", "value": "data", "effect": "NoExecute"}
    ]


def test_retries_timeout_and_caching(tasks, executors):
    assert tasks["train"]["retryPolicy"] == {
        "maxRetryCount": 7,
        "backoffDuration": "5s",
        "backoffFactor": 2.0,
        "backoffMaxDuration": "3600s",
    }
    assert tasks["segment"]["retryPolicy"]["maxRetryCount"] == 2 and "retryPolicy" not in tasks["report"]
    assert executors["train"][1]["activeDeadlineSeconds"] == "5400"
    assert "activeDeadlineSeconds" not in executors["extract"][1]
    assert tasks["extract"]["cachingOptions"] == {"enableCache": True}
    assert tasks["segment"]["cachingOptions"] == {}


@pytest.mark.parametrize("setting", ["accelerator=v5litepod-16", "hosts=4"])
def test_a_training_on_several_machines_is_a_small_task_that_starts_a_jobset(setting):
    image = "registry.example.org/berth:1.0"
    content = compile_(f"cluster.stages.train.{setting}", f"cluster.image={image}", "cluster.stages.train.retries=5")
    pipeline, _ = documents(content)
    assert pipeline["root"]["dag"]["tasks"]["train"]["inputs"]["parameters"]["image"]["runtimeValue"] == {
        "constant": image
    }
    resources = pipeline["deploymentSpec"]["executors"]["exec-train"]["container"]["resources"]
    assert resources["resourceCpuLimit"] == "1" and "accelerator" not in resources
    assert pipeline["root"]["dag"]["tasks"]["train"]["retryPolicy"]["maxRetryCount"] == 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            ["cluster.stages.train.accelerator=v5litepod-4"],
            "engine does not run on a TPU.*v5litepod-4 and .*tensorflow",
        ),
        (["cluster.stages.evaluate.accelerator=v5litepod-4"], "cluster.stages.evaluate: .*does not run on a TPU"),
        (
            ["cluster.stages.finetune.accelerator=v5litepod-4", "fine_tuning.sst2={task: sst2, data: 'gs://b/sst2'}"],
            "fine-tuning does not run on a TPU. Found v5litepod-4",
        ),
    ],
)
def test_no_stage_holds_a_tpu_without_using_it(settings, message):
    with pytest.raises(UsageError, match=message):
        check_engines(recipe_file.load("quickstart", [*settings, "training.engine=tensorflow"]))
    if "finetune" not in settings[0]:
        check_engines(recipe_file.load("quickstart", [*settings, "training.engine=jax"]))


def test_only_the_task_that_starts_a_jobset_has_its_token():
    _, platforms = documents(compile_("cluster.stages.train.accelerator=l4-1", "cluster.stages.train.hosts=2"))
    configured = platforms["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    mounted = {name: each["secretAsVolume"] for name, each in configured.items() if "secretAsVolume" in each}
    assert list(mounted) == ["exec-train"]
    (secret,) = mounted["exec-train"]
    assert (secret["secretName"], secret["mountPath"]) == (jobset.SECRET, jobset.TOKEN_DIRECTORY)
    _, alone = documents(compile_())
    assert "secretAsVolume" not in str(alone)


def test_a_training_on_one_machine_happens_in_its_task(tasks):
    assert "image" not in tasks["train"]["inputs"]["parameters"]


def test_only_a_training_can_be_on_several_machines():
    with pytest.raises(UsageError, match=r"cluster\.stages\.records: .*one machine\. Found 4 machines"):
        compile_("cluster.stages.records.accelerator=v5litepod-16")


def test_a_training_run_on_several_machines_has_no_slices():
    task = "fine_tuning={a: {task: rte, data: d, every_steps: 1000}}"
    with pytest.raises(UsageError, match=r"cannot be divided into slices.*1000, 2000"):
        compile_("cluster.stages.train.hosts=4", task)


def test_a_pipeline_of_thousands_of_slices_is_refused():
    with pytest.raises(UsageError, match=r"every_steps, which makes 3,100 slices.*at most 200.*Increase every_steps"):
        compile_("fine_tuning={a: {task: rte, data: d, every_steps: 2}}")


def test_the_data_of_a_training_on_several_machines_is_a_pipeline(tmp_path):
    slice_ = ("--set", "cluster.stages.train.accelerator=v5litepod-16", "--image", "registry.example.org/berth:1.0")
    run = berth("compile", "quickstart", "-o", str(tmp_path / "p.yaml"), "--until", "data", *slice_)
    assert run.returncode == 0, run.stderr
    assert "train" not in documents((tmp_path / "p.yaml").read_bytes())[0]["root"]["dag"]["tasks"]
    assert "Expected 'data' or 'report'" in berth("compile", "quickstart", "-o", "/dev/null", "--until", "train").stderr


def test_an_unknown_shape_is_answered_with_close_ones():
    with pytest.raises(UsageError, match=r"cluster.stages.train.accelerator.*v5litepod-17.*v5litepod-1"):
        compile_("cluster.stages.train.accelerator=v5litepod-17")


def test_an_unknown_stage_is_an_error():
    run = berth("compile", "quickstart", "-o", "/dev/null", "--set", "cluster.stages.trian.retries=1")
    assert run.returncode == 2 and "cluster.stages.trian" in run.stderr and "train" in run.stderr


def test_what_is_to_be_compiled_must_be_said(tmp_path):
    assert "nothing to compile is given" in berth("compile", "quickstart").stderr
    assert "takes neither a recipe" in berth("compile", "quickstart", "--components", str(tmp_path)).stderr


@pytest.mark.parametrize("what", [("quickstart", "-o", "{}/p.yaml"), ("--components", "{}")])
def test_nothing_is_compiled_without_an_image(what, tmp_path):
    run = berth("compile", *(word.format(tmp_path) for word in what), BERTH_IMAGE="")
    assert run.returncode == 2 and list(tmp_path.iterdir()) == []
    for word in ("no image is given for the tasks", "--image", "cluster.image", "BERTH_IMAGE"):
        assert word in run.stderr


def test_the_image_of_the_command_goes_before_the_recipes_and_must_be_one(tmp_path):
    given = ("--set", IMAGE, "--image", "registry.example.org/berth:2.0", "-o", str(tmp_path / "p.yaml"))
    assert berth("compile", "quickstart", *given).returncode == 0
    executors = documents((tmp_path / "p.yaml").read_bytes())[0]["deploymentSpec"]["executors"].values()
    assert {executor["container"]["image"] for executor in executors} == {"registry.example.org/berth:2.0"}
    run = berth("compile", "quickstart", "--image", "berth:latest", "-o", "/dev/null")
    assert run.returncode == 2 and "the tag `latest` is refused" in run.stderr


def test_fine_tuning_has_the_accelerator_that_the_recipe_gives_it():
    """Each of StagedML's five fine-tunings, with the training run between them on its own."""
    pipeline, platforms = documents(compile_("cluster.stages.finetune.accelerator=a100-40gb-1", name="stagedml_3l"))
    settings = platforms["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    tasks = {
        each["taskInfo"]["name"]: each["componentRef"]["name"] for each in pipeline["root"]["dag"]["tasks"].values()
    }
    tuned = [component for title, component in tasks.items() if title.startswith("fine-tune mnli")]
    assert len(tuned) == 5
    for component in tuned:
        executor = pipeline["components"][component]["executorLabel"]
        resources = pipeline["deploymentSpec"]["executors"][executor]["container"]["resources"]
        assert resources["accelerator"] == {
            "count": "1",
            "resourceCount": "1",
            "type": "nvidia.com/gpu",
            "resourceType": "nvidia.com/gpu",
        }
        labels = settings[executor]["nodeSelector"]["labels"]
        assert labels["cloud.google.com/gke-accelerator"] == "nvidia-tesla-a100"


def test_stagedmls_fine_tuning_runs_on_the_gpu_of_its_training():
    for name in ("stagedml_3l", "stagedml_6l", "stagedml_3l_ru", "stagedml_6l_ru"):
        cluster = recipe_file.load(name).cluster
        assert cluster.task("finetune").accelerator == cluster.task("train").accelerator == "t4-1"


def berth(*arguments, **environment):
    command = [sys.executable, "-c", "from berth.app.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


BREAKS = {
    "a component": (lambda p: p["components"].pop("comp-vocab"), "refers to component comp-vocab"),
    "an executor": (lambda p: p["deploymentSpec"]["executors"].pop("exec-vocab"), "refers to executor exec-vocab"),
    "a task": (lambda p: task(p, "train")["dependentTasks"].append("nothing"), "depends on task nothing"),
    "an order": (lambda p: task(p, "segment").pop("dependentTasks"), "on which its task does not depend"),
    "an output": (
        lambda p: p["components"]["comp-extract"]["outputDefinitions"]["parameters"].pop("Output"),
        "uses output Output of extract",
    ),
    "an input": (
        lambda p: task(p, "segment")["inputs"]["parameters"].pop("articles"),
        "lacks the required input articles",
    ),
    "a parameter": (
        lambda p: p["root"]["inputDefinitions"]["parameters"].pop("workspace"),
        "uses input workspace of its pipeline",
    ),
    "a placeholder": (
        lambda p: task(p, "report")["inputs"]["parameters"].pop("pipelinechannel--train-Output"),
        "uses pipelinechannel--train-Output",
    ),
    "the pipeline's output": (
        lambda p: p["root"]["dag"]["outputs"]["parameters"]["Output"]["valueFromParameter"].update(producerSubtask="x"),
        "uses an output of task x",
    ),
}


def task(pipeline, name):
    return pipeline["root"]["dag"]["tasks"][name]


@pytest.mark.parametrize("what", BREAKS)
def test_an_unresolved_reference_is_found(package, what):
    """Kubeflow's own loader accepts most of these."""
    pipeline, platforms = copy.deepcopy(documents(package))
    damage, message = BREAKS[what]
    damage(pipeline)
    with pytest.raises(BerthError, match=message):
        references.check(pipeline, platforms)


def test_a_platform_that_configures_no_task_is_found(package):
    pipeline, platforms = documents(package)
    platforms["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-nothing"] = {}
    with pytest.raises(BerthError, match="configures executor exec-nothing"):
        references.check(pipeline, platforms)


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """The directory with each component as a YAML of its own."""
    directory = tmp_path_factory.mktemp("components")
    run = berth("compile", "--components", str(directory), BERTH_IMAGE="registry.example.org/berth:1.0")
    assert run.returncode == 0, run.stderr
    return directory


def test_each_component_is_a_file_that_describes_all_it_takes_and_gives(single):
    sources = {path.stem for path in (Path(__file__).parents[3] / "components").glob("*.py")}
    assert {path.stem for path in single.iterdir()} == sources - {"__init__", "image"}
    for path in single.iterdir():
        (component,) = documents(path.read_bytes())[0]["components"].values()
        assert "\n# Description: " in path.read_text()
        for side in ("inputDefinitions", "outputDefinitions"):
            for kind in component.get(side, {}).values():
                for name, definition in kind.items():
                    assert definition.get("description"), f"{path.name}: {name}"


FOREIGN = '''
"""Somebody else's pipeline, of two components that they were given as files."""
import sys
from kfp import components, dsl, local

directory, recipe, workspace, scratch = sys.argv[1:]
extract = components.load_component_from_file(f"{directory}/extract.yaml")
segment = components.load_component_from_file(f"{directory}/segment.yaml")

@dsl.pipeline(name="foreign")
def foreign(recipe: str, workspace: str) -> str:
    given = {"recipe": recipe, "workspace": workspace, "beam_arguments": []}
    articles = extract(**given).outputs["Output"]
    return segment(articles=articles, **given).outputs["Output"]

local.init(local.SubprocessRunner(use_venv=False), pipeline_root=scratch, raise_on_error=True)
print("result", foreign(recipe=recipe, workspace=workspace).output)
'''


@pytest.mark.slow
def test_a_foreign_pipeline_chains_single_components(single, tmp_path):
    recipe = recipe_file.load("quickstart").model_dump_json()
    (tmp_path / "foreign.py").write_text(FOREIGN)
    command = [sys.executable, "foreign.py", single, recipe, str(tmp_path / "workspace"), str(tmp_path / "scratch")]
    run = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    (result,) = [line.split()[1] for line in run.stdout.splitlines() if line.startswith("result ")]
    assert (Path(result) / "part-00000-of-00004.txt").stat().st_size > 0 and (Path(result) / "eval.txt").exists()
