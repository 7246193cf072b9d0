"""Where a recipe's stages are: noted in the workspace, found by recipe and workspace alone."""

import json

import pytest

from berth.errors import BerthError, UsageError
from berth.recipe import file as recipe_file
from berth.stage import run_index as runs

STAGES = {
    "extract": "extract/0",
    "vocabulary": "vocab/1",
    "records short": "records/2",
    "records long": "records/5",
    "evaluation set": "evalset/3",
    "train": "train/4",
}


def noted(workspace, recipe):
    runs.record_data(str(workspace), recipe, {title: f"{workspace}/{path}" for title, path in STAGES.items()})


def test_what_a_training_reads_is_found_again_also_when_the_workspace_has_moved(tmp_path):
    recipe = recipe_file.load("quickstart")
    noted(tmp_path / "w", recipe)
    (tmp_path / "w").rename(tmp_path / "moved")
    place = tmp_path / "moved"
    assert runs.data(str(place), recipe) == {
        "vocabulary": f"{place}/vocab/1",
        "records short": f"{place}/records/2",
        "records long": f"{place}/records/5",
        "evaluation set": f"{place}/evalset/3",
    }


def test_the_note_says_nothing_of_the_place(tmp_path):
    recipe = recipe_file.load("quickstart")
    for name in ("a", "b"):
        noted(tmp_path / name, recipe)
    (first,), (second,) = ((tmp_path / name / "runs").iterdir() for name in ("a", "b"))
    assert first.name == second.name and first.read_bytes() == second.read_bytes()
    assert set(json.loads(first.read_text()).values()) == {"vocab/1", "records/2", "records/5", "evalset/3"}


@pytest.mark.parametrize(
    "other", ["training.phases.0.steps=2500", "model.hidden_size=64", "cluster.queue=night", "optimizer.kind=lamb"]
)
def test_data_does_not_depend_on_the_training(tmp_path, other):
    noted(tmp_path, recipe_file.load("quickstart"))
    assert runs.data(str(tmp_path), recipe_file.load("quickstart", [other]))


@pytest.mark.parametrize("other", ["seed=1", "vocabulary.size=3000", "records.short.dupe_factor=1"])
def test_other_data_is_not_taken_for_it(tmp_path, other):
    noted(tmp_path, recipe_file.load("quickstart"))
    with pytest.raises(UsageError, match=r"this workspace has no data for the recipe.*--until data"):
        runs.data(str(tmp_path), recipe_file.load("quickstart", [other]))


def test_a_training_is_followed_by_whoever_has_its_recipe(tmp_path):
    recipe = recipe_file.load("quickstart")
    assert runs.training(str(tmp_path), recipe) is None
    runs.record_training(str(tmp_path), recipe, str(tmp_path / "train" / "5"))
    same = recipe_file.load("quickstart", ["training.engine=jax", "cluster.defaults.spot=true"])
    assert runs.training(str(tmp_path), same) == str(tmp_path / "train" / "5")
    assert runs.training(str(tmp_path), recipe_file.load("quickstart", ["training.phases.0.steps=2500"])) is None


@pytest.mark.parametrize("content", ["[]", "{}", '{"train": 1}', '{"train": null}'])
def test_a_damaged_note_is_one_clear_error(tmp_path, content):
    recipe = recipe_file.load("quickstart")
    noted(tmp_path, recipe)
    runs.record_training(str(tmp_path), recipe, str(tmp_path / "train" / "5"))
    for path in (tmp_path / "runs").iterdir():
        path.write_text(content)
    for read in (runs.data, runs.training):
        with pytest.raises(BerthError, match=r"the note about a run is damaged.*Delete the file and run again"):
            read(str(tmp_path), recipe)
