"""The recipe's `cluster` section."""

import pytest
from ruamel.yaml import YAML

from berth.errors import UsageError
from berth.recipe import Cluster, Recipe, TaskResources
from berth.recipe import file as recipe_file
from components.image import image


def cluster(text):
    """The cluster section of a recipe with this text."""
    document = {**recipe_file.load("quickstart").model_dump(), "cluster": YAML(typ="safe").load(text)}
    return recipe_file.check(document, "recipe").cluster


def test_stages_take_what_they_do_not_say_from_the_defaults():
    section = cluster("{defaults: {cpus: 2, spot: true}, stages: {train: {cpus: 8, accelerator: l4-1}}}")
    assert section.task("train") == TaskResources(cpus=8, spot=True, accelerator="l4-1")
    assert section.task("extract") == TaskResources(cpus=2, spot=True)
    assert Cluster().task("train") == TaskResources()


def test_a_resolved_recipe_has_the_same_resources():
    recipe = recipe_file.load("quickstart", ["cluster.defaults.cpus=2", "cluster.stages.train.spot=true"])
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{image: 'r/berth:latest'}", "not an image by tag or digest"),
        ("{image: 'r/berth'}", "not an image by tag or digest"),
        ("{image: 'r/berth:1 && true'}", "not an image by tag or digest"),
        ("{workspace: relative}", "neither a gs:// URI nor an absolute path"),
        ("{namespace: My_Space}", "cluster.namespace"),
        ("{defaults: {cpu: 1}}", "did you mean 'cpus'"),
        ("{defaults: {cpus: 0}}", "cluster.defaults.cpus"),
        ("{stages: {train: {memory_gib: 1.5}}}", "cluster.stages.train.memory_gib"),
        ("{stages: {train: {tolerations: [{key: a, operator: Like}]}}}", "'Exists' or 'Equal'"),
        ("{stages: 3}", "cluster.stages"),
    ],
)
def test_what_cannot_be_is_an_error_with_its_key(text, message):
    with pytest.raises(UsageError, match=message):
        cluster(text)


@pytest.mark.parametrize("given", ["r/berth:1.0", "localhost:5000/a/b:x", "r/b@sha256:" + "a" * 64, None])
def test_an_image_has_a_tag_or_a_digest(given):
    assert image(given) == (given or image(""))


@pytest.mark.parametrize("given", ["berth", "berth:latest", "r/berth:latest@sha256:" + "a" * 64, "r/b@sha256:12"])
def test_an_image_that_may_change_is_refused(given):
    with pytest.raises(UsageError, match="BERTH_IMAGE"):
        image(given)
