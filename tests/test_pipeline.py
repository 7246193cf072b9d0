"""The DAG: the order of the stages stands once, and compiles to what a cluster runs."""

import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The quickstart's pipeline as the SDK's own command compiles it."""
    path = tmp_path_factory.mktemp("compiled") / "pretrain.yaml"
    command = [Path(sys.executable).parent / "kfp", "dsl", "compile", "--py", "kfp/pretrain.py", "--output", path]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return YAML(typ="safe").load(path)


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
    assert upstream(compiled, "train") == {"records short", "records long", "vocabulary"}
    assert upstream(compiled, "evaluate") == {"train", "evaluation set"}
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


def test_the_recipe_travels_in_the_pipeline(compiled):
    inputs = compiled["root"]["inputDefinitions"]["parameters"]
    assert '"name":"quickstart"' in inputs["recipe"]["defaultValue"]
    assert "workspace" in inputs
