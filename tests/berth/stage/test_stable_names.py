"""Stable names of results: links in the workspace, moved with it, to the newest result of a recipe."""

import pytest

from berth import storage
from berth.errors import BerthError
from berth.recipe import file as recipe_file
from berth.stage import lineage, stable_names
from support.finished_stages import build_workspace, directory


@pytest.fixture
def workspace(tmp_path):
    return build_workspace(tmp_path)


RECIPE = recipe_file.load("stagedml_3l")


@pytest.mark.parametrize(
    ("recipe", "step", "name"),
    [
        ("stagedml_3l", 100_000, "epoch-10"),
        ("stagedml_3l", 500_000, "epoch-50"),
        ("stagedml_3l", 105_000, "step-105000"),
        ("quickstart", 2600, "step-2600"),
    ],
)
def test_a_model_is_named_by_its_epoch_or_its_step(recipe, step, name):
    assert stable_names.checkpoint_name(recipe_file.load(recipe), step) == name


def test_a_name_leads_to_the_newest_result_and_moves_with_the_workspace(workspace):
    for stage in ("segment", "records"):
        link = stable_names.link(str(workspace), RECIPE, "epoch-10/train", str(directory(workspace, stage)))
    assert link == str(workspace / "results" / "stagedml_3l" / "epoch-10" / "train")
    moved = workspace.rename(workspace.parent / "moved")
    found = moved / "results" / "stagedml_3l" / "epoch-10" / "train"
    assert found.is_symlink() and (found / "deep" / "part-0.tfrecord").read_text() == "r"
    assert [path.name for path in found.parent.iterdir()] == ["train"]


def test_a_stage_is_found_by_its_name_with_its_whole_lineage(workspace):
    link = stable_names.link(str(workspace), RECIPE, "epoch-10/train", str(directory(workspace, "records")))
    assert lineage.describe(link) == lineage.describe(str(directory(workspace, "records")))
    before = list(workspace.glob("*/*/manifest.json"))
    assert len(lineage.finished_stages(str(workspace))) == len(before) == 4


def test_a_directory_of_the_users_is_left_alone(workspace):
    (workspace / "results" / "stagedml_3l" / "report").mkdir(parents=True)
    with pytest.raises(BerthError, match="cannot write here"):
        stable_names.link(str(workspace), RECIPE, "report", str(directory(workspace, "records")))
    assert [path.name for path in (workspace / "results" / "stagedml_3l").iterdir()] == ["report"]


def test_in_a_bucket_a_name_is_an_object_that_holds_the_relative_path(bucket):
    uri = stable_names.link(f"{bucket}/names", RECIPE, "epoch-10/train", f"{bucket}/names/train/0123456789ab")
    assert storage.read_text(uri) == "../../../train/0123456789ab\n"
