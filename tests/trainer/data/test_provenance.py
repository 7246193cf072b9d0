"""Records are those that the recipe describes, as far as their manifest says so."""

import logging

import pytest

from berth.errors import UsageError
from berth.recipe import Recipe
from berth.stage import Directory, Stage, Workspace, run
from berth.stage.inputs import Inputs
from trainer.data.provenance import check_case, check_records, check_training_text

SETS = {"short": {"max_seq_length": 64}, "long": {"max_seq_length": 128, "max_predictions": 30}}


@pytest.fixture
def recipe(tiny_recipe):
    content = tiny_recipe.model_dump()
    content["records"] = SETS
    content["model"]["max_position_embeddings"] = 128
    return Recipe.model_validate(content)


@pytest.fixture
def made(tmp_path, recipe):
    """Records as `berth records` makes them, but without content: a manifest that says how."""

    def make(name="short", seed=None, lower_case=True, **options):
        parameters = {**recipe.records[name].identity(), **options, "lower_case": lower_case}

        def work(output):
            with output.shard("part-0.tfrecord") as shard:
                shard.write(b"")

        seed = recipe.seed if seed is None else seed
        return run(Stage("records", 2, parameters, {}, seed), Workspace(str(tmp_path)), work).files("*")

    return make


def test_records_of_the_recipe_pass_in_silence(made, recipe, caplog):
    with caplog.at_level(logging.WARNING):
        check_records("short", made(), recipe)
        check_records("long", made("long"), recipe)
    assert not caplog.messages


def test_exchanged_sets_are_an_error_that_says_so(made, recipe):
    with pytest.raises(
        UsageError, match=r"'short' were not made as the recipe says. Found max_seq_length: 128.*'long'"
    ):
        check_records("short", made("long"), recipe)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_seq_length", 32),
        ("max_predictions", 9),
        ("masked_lm_prob", 0.2),
        ("whole_word_mask", True),
        ("span_masking", True),
        ("objective", "mlm"),
    ],
)
def test_other_lengths_masks_or_objectives_are_an_error(made, recipe, key, value):
    with pytest.raises(UsageError, match=f"Found {key}: .*Expected {key}: "):
        check_records("short", made(**{key: value}), recipe)


def test_another_case_is_an_error(made, recipe):
    with pytest.raises(UsageError, match=r"Found lower_case: false\. Expected lower_case: true"):
        check_records("short", made(lower_case=False), recipe)
    with pytest.raises(UsageError, match="the records 'evaluation' are cased, the model is for the other"):
        check_case("evaluation", made(lower_case=False), True)
    check_case("evaluation", made(), True)


def test_another_seed_or_number_of_duplicates_is_a_warning(made, recipe, caplog):
    with caplog.at_level(logging.WARNING):
        check_records("short", made(seed=99, dupe_factor=3), recipe)
    (message,) = caplog.messages
    assert message.endswith("were not made as the recipe says: dupe_factor 3, not 10; seed 99, not 7")


def test_records_that_were_picked_from_others_are_known_by_those(made, recipe, tmp_path):
    def work(output):
        with output.shard("eval.tfrecord") as shard:
            shard.write(b"")

    picked = run(Stage("evalset", 1, {}, {"records": made(lower_case=False)}), Workspace(str(tmp_path)), work)
    with pytest.raises(UsageError, match="are cased"):
        check_case("evaluation", picked.files("*"), True)


def test_records_of_others_are_a_warning_that_says_what_is_not_known(recipe, tmp_path, caplog):
    (tmp_path / "part-0.tfrecord").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        check_records("short", Inputs.of(str(tmp_path / "*.tfrecord")), recipe)
    (message,) = caplog.messages
    assert "whether their vocabulary, case, masking and seed are those of the recipe is not known" in message


def test_training_records_of_the_held_out_text_are_refused(tmp_path):
    """By their manifests, also where the records differ: made with another seed, or picked from."""

    def made(directory, stage, seed=None, **inputs):
        def work(output):
            with output.shard("x.tfrecord") as shard:
                shard.write(directory.encode())

        return run(Stage(stage, 1, {}, inputs, seed), Directory(str(tmp_path / directory)), work).files("*")

    texts = {name: made(name, "segment") for name in ("held-out", "training")}
    held_out = made("a", "evalset", records=made("b", "records", text=texts["held-out"]))
    check_training_text(made("c", "records", text=texts["training"]), held_out)
    with pytest.raises(UsageError, match="the training records are of the held-out text"):
        check_training_text(made("d", "records", seed=1, text=texts["held-out"]), held_out)
