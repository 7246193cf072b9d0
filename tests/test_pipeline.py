"""The DAG: the order of the stages is defined once, and compiles to what a cluster runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
IMAGE = "registry.example.org/berth:1.0"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The quickstart's pipeline as the SDK's own command compiles it."""
    path = tmp_path_factory.mktemp("compiled") / "pretrain.yaml"
    command = [Path(sys.executable).parent / "kfp", "dsl", "compile", "--py", "kfp/pretrain.py", "--output", path]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env={**os.environ, "BERTH_IMAGE": IMAGE})
    return next(iter(YAML(typ="safe").load_all(path)))


def upstream(compiled, title):
    """Titles of the stages a stage waits for."""
    tasks = compiled["root"]["dag"]["tasks"]
    titles = {name: task["taskInfo"]["name"] for name, task in tasks.items()}
    (task,) = [task for name, task in tasks.items() if titles[name] == title]
    return {titles[name] for name in task.get("dependentTasks", [])}


def test_the_stages_follow_each_other(compiled):
    assert upstream(compiled, "extract") == set()
    assert upstream(compiled, "segment") == {"extract"}
    assert upstream(compiled, "vocabulary") == {"segment"}
    for records in ("records short", "records long", "held-out records"):
        assert upstream(compiled, records) == {"segment", "vocabulary"}
    assert upstream(compiled, "evaluation set") == {"held-out records"}
    assert upstream(compiled, "train") == {"records short", "records long", "vocabulary", "evaluation set"}
    assert upstream(compiled, "evaluate") == {"train", "evaluation set", "records long"}
    assert upstream(compiled, "export huggingface") == {"train"}


def test_the_report_waits_for_all_of_them(compiled):
    titles = {task["taskInfo"]["name"] for task in compiled["root"]["dag"]["tasks"].values()}
    assert upstream(compiled, "report") == titles - {"report"}


def test_every_input_of_a_component_is_described(compiled):
    for name, component in compiled["components"].items():
        for parameter, definition in component["inputDefinitions"]["parameters"].items():
            assert definition.get("description"), f"{name}: {parameter}"


def test_components_install_nothing_when_they_run(compiled):
    for executor in compiled["deploymentSpec"]["executors"].values():
        assert "pip install" not in " ".join(executor["container"]["command"])


def test_every_task_names_the_given_image(compiled):
    executors = compiled["deploymentSpec"]["executors"].values()
    assert {executor["container"]["image"] for executor in executors} == {IMAGE}


def test_without_an_image_the_sdks_own_command_compiles_nothing(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "BERTH_IMAGE"}
    command = [Path(sys.executable).parent / "kfp", "dsl", "compile", "--py", "kfp/pretrain.py"]
    run = subprocess.run(
        [*command, "--output", tmp_path / "p.yaml"], cwd=ROOT, capture_output=True, text=True, env=environment
    )
    assert run.returncode != 0 and "no image is given for the tasks" in run.stderr
    assert not (tmp_path / "p.yaml").exists()


def test_the_recipe_travels_in_the_pipeline(compiled):
    inputs = compiled["root"]["inputDefinitions"]["parameters"]
    assert '"name":"quickstart"' in inputs["recipe"]["defaultValue"]
    assert "workspace" in inputs


def test_prepared_text_enters_at_the_records():
    from berth.recipe import file as recipe_file
    from berth_dags.pretrain import pretrain_pipeline

    overrides = ["corpus.sources=[]", "segmentation=null"]
    overrides += ["corpus.prepared={text: results/part-*-of-00500, evaluation: results/eval.txt}"]
    tasks = pretrain_pipeline(recipe_file.load("quickstart", overrides)).pipeline_spec.root.dag.tasks
    titles = {task.task_info.name: task for task in tasks.values()}
    assert not {"extract", "segment"} & set(titles)
    for title, text in {
        "vocabulary": "results/part-*-of-00500",
        "records long": "results/part-*-of-00500",
        "held-out records": "results/eval.txt",
    }.items():
        given = titles[title].inputs.parameters
        assert given["text"].runtime_value.constant.string_value == text
        assert given["sentences"].runtime_value.constant.string_value == ""


def test_a_training_that_is_evaluated_waits_for_the_evaluation_set():
    from berth.recipe import file as recipe_file
    from berth_dags.pretrain import pretrain_pipeline

    resolved = recipe_file.load("quickstart", ["evaluation.every_steps=100"])
    tasks = pretrain_pipeline(resolved).pipeline_spec.root.dag.tasks
    titles = {name: task.task_info.name for name, task in tasks.items()}
    (model,) = [task for task in tasks.values() if task.task_info.name == "train"]
    assert {titles[name] for name in model.dependent_tasks} == {
        "records short",
        "records long",
        "vocabulary",
        "evaluation set",
    }
    assert titles[model.inputs.parameters["evalset"].task_output_parameter.producer_task] == "evaluation set"


def test_the_data_alone_ends_with_a_report_on_it():
    """What `berth run --until data` and the cluster's job data-prep run; the rest is not part of it."""
    from berth.cluster.package import compiled as compile_
    from berth.recipe import file as recipe_file
    from berth.stage import run_index as runs
    from berth_dags.pretrain import pretrain_pipeline

    data = YAML(typ="safe").load(compile_(pretrain_pipeline(recipe_file.load("quickstart"), until="data")))
    titles = {task["taskInfo"]["name"] for task in data["root"]["dag"]["tasks"].values()}
    assert upstream(data, "report") == titles - {"report"}
    assert not titles & {"train", "evaluate", "export huggingface"}
    # A training looks its data up by these titles.
    assert {runs.VOCABULARY, runs.EVALUATION_SET, f"{runs.RECORDS}short", f"{runs.RECORDS}long"} <= titles


def test_a_filter_stands_between_articles_and_sentences(compiled):
    from google.protobuf import json_format

    from berth.recipe import file as recipe_file
    from berth_dags.pretrain import pretrain_pipeline

    filtered = pretrain_pipeline(recipe_file.load("quickstart", ["corpus.filter={duplicates: documents}"]))
    spec = json_format.MessageToDict(filtered.pipeline_spec)
    assert upstream(spec, "filter") == {"extract"}
    assert upstream(spec, "segment") == {"filter"}
    assert "filter" not in {task["taskInfo"]["name"] for task in compiled["root"]["dag"]["tasks"].values()}
