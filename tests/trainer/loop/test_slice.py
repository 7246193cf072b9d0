"""A training run in slices gives what it gives in one piece."""

import pytest

from berth.errors import UsageError
from berth.recipe import Recipe
from berth.stage import Directory, Workspace
from berth.stage.inputs import Inputs
from trainer.checkpoints import checkpoint
from trainer.loop.train import train

pytestmark = pytest.mark.usefixtures("_shared_engines")


@pytest.fixture
def recipe(tiny_recipe):
    """Twelve updates, checkpoints at 4, 8 and 12, a line of metrics every three, evaluations every two."""
    evaluated = tiny_recipe.evaluation.model_copy(update={"every_steps": 2, "batch_size": 16})
    return tiny_recipe.model_copy(update={"evaluation": evaluated})


def in_slices(recipe, ends, records, vocabulary, destination):
    before = None
    for end in ends:
        result = train(
            recipe=recipe,
            records={"short": records},
            vocabulary=vocabulary,
            evaluation=records,
            until=end,
            before=before,
            destination=destination,
        )
        before = Inputs.of_stage(result.uri, "*")
    return result


@pytest.mark.reproducibility
def test_the_last_slice_has_the_model_and_the_logs_of_an_undivided_run(recipe, records, vocabulary, tmp_path):
    undivided = in_slices(recipe, [None], records, vocabulary, Directory(str(tmp_path / "whole")))
    # 5 is neither a checkpoint's update nor a logged one; 6 is the end of a phase.
    divided = in_slices(recipe, [5, 6, None], records, vocabulary, Workspace(str(tmp_path / "parts")))
    for name in (checkpoint.name(12), "metrics.jsonl", "evaluations.jsonl"):
        whole, parts = (tmp_path / "whole" / name).read_bytes(), Inputs.of(f"{divided.uri}/{name}").one().uri
        with open(parts, "rb") as file:
            assert file.read() == whole, name
    assert undivided.manifest.digest != divided.manifest.digest
    assert divided.manifest.inputs["before"].digest


def test_a_slice_ends_with_a_checkpoint_and_is_a_finished_stage(recipe, records, vocabulary, tmp_path):
    first = in_slices(recipe, [5], records, vocabulary, Workspace(str(tmp_path)))
    assert [file.path for file in first.manifest.files if "checkpoint" in file.path][-1] == checkpoint.name(5)
    again = in_slices(recipe, [5], records, vocabulary, Workspace(str(tmp_path)))
    assert again.was_up_to_date


@pytest.mark.reproducibility
def test_after_a_target_was_reached_there_is_nothing_left_to_train(recipe, records, vocabulary, tmp_path):
    target = {"metric": "masked_lm_accuracy", "value": 0.0}
    content = recipe.model_dump(mode="json")
    content["evaluation"]["target"] = target
    recipe = Recipe.model_validate(content)
    last = in_slices(recipe, [5, None], records, vocabulary, Workspace(str(tmp_path)))
    assert checkpoint.list_steps(last.uri) == [2]


@pytest.mark.parametrize("until", [0, 13])
def test_a_slice_ends_within_the_training(recipe, records, vocabulary, tmp_path, until):
    with pytest.raises(
        UsageError, match=rf"until: a slice .* must end at one of its steps. Found {until}. Expected 1 to 12"
    ):
        in_slices(recipe, [until], records, vocabulary, Directory(str(tmp_path)))


def test_slices_end_where_fine_tunings_ask_for_the_model(recipe):
    def tuned(**every):
        tasks = {
            name: {"task": "rte", "data": "d", "max_seq_length": 64, "every_steps": n} for name, n in every.items()
        }
        return Recipe.model_validate({**recipe.model_dump(mode="json"), "fine_tuning": tasks}).slice_ends

    assert tuned() == [12]
    assert tuned(a=None) == [12]
    assert tuned(a=5, b=4) == [4, 5, 8, 10, 12]
    assert tuned(a=100) == [12]
