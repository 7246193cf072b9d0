"""A recipe at a small scale: what becomes smaller, by how much, and what stays."""

import pytest
from ruamel.yaml import YAML

from berth.errors import UsageError
from berth.recipe import file as recipe_file
from berth.recipe import scale as recipe_scale

RECIPES = recipe_file.installed()
FEW_LAYERS = {"quickstart", "stagedml_3l", "stagedml_3l_ru"}  # of three layers or fewer


def pair(name, *overrides):
    """A recipe with overrides, and that recipe at the small scale."""
    recipe = recipe_file.load(name, overrides)
    return recipe, recipe_scale.scaled(recipe, "tiny")


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_small_enough_for_two_cores(name):
    _, small = pair(name)
    assert small.name == f"{name}_tiny"
    assert (small.model.num_hidden_layers, small.model.hidden_size) == (1 if name in FEW_LAYERS else 2, 64)
    assert 20 <= sum(phase.steps for phase in small.training.phases) <= 28
    assert all(phase.batch_size == 8 for phase in small.training.phases)
    assert all(records.dupe_factor == 1 for records in small.records.values())
    assert (small.vocabulary.size, small.evaluation.examples, small.segmentation.eval_documents) == (2000, 100, 8)


@pytest.mark.parametrize("name", RECIPES)
def test_everything_it_reads_travels_with_berth(name):
    _, small = pair(name)
    assert small.corpus.patterns == [recipe_scale.EXCERPT]
    assert (small.vocabulary.path, small.initial_checkpoint) == (None, None)
    assert all(task.data.startswith("package://berth_recipes/") for task in small.fine_tuning.values())
    assert (small.training.engine, small.training.precision) == ("tensorflow", "float32")


def test_the_excerpt_is_the_quickstarts():
    assert recipe_file.load("quickstart").corpus.patterns == [recipe_scale.EXCERPT]


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_no_matter_of_size_stays(name):
    recipe, small = pair(name)
    assert (small.seed, small.cluster, small.export) == (recipe.seed, recipe.cluster, recipe.export)
    assert small.optimizer == recipe.optimizer
    assert small.segmentation.segmenter == recipe.segmentation.segmenter
    for key in ("kind", "pieces", "lower_case"):
        assert getattr(small.vocabulary, key) == getattr(recipe.vocabulary, key)
    for key, records in recipe.records.items():
        assert small.records[key] == records.model_copy(update={"dupe_factor": 1})
    for one, phase in zip(small.training.phases, recipe.training.phases, strict=True):
        for key in ("name", "records", "learning_rate", "end_learning_rate", "power", "optimizer_state"):
            assert getattr(one, key) == getattr(phase, key)


def test_all_that_is_counted_in_steps_is_divided_by_the_same_factor():
    """600 steps become 24, 25 times less: warm-up 287 → 11, its start -76 → -3, checkpoints every 30 → 1."""
    _, small = pair("mlperf_v1", "evaluation.every_samples=null", "evaluation.every_steps=300")
    (phase,) = small.training.phases
    assert (phase.steps, phase.warmup_steps, phase.start_warmup_step) == (24, 11, -3)
    assert (small.training.checkpoint_every_steps, small.training.log_every_steps) == (1, 1)
    assert small.evaluation.every_steps == 12
    assert [phase.steps for phase in pair("notram_t1")[1].training.phases] == [17, 2, 5]


def test_a_batch_in_parts_stays_one():
    _, small = pair("mlperf_v1_accumulation")
    assert (small.training.phases[0].batch_size, small.training.phases[0].accumulation) == (8, 2)


def test_a_filter_stays_without_its_languages():
    recipe, small = pair("qarib", "corpus.filter.languages=[ar]")
    assert small.corpus.filter == recipe.corpus.filter.model_copy(update={"languages": None})


def test_prepared_text_is_extracted_from_the_excerpt():
    recipe, small = pair("mlperf_v1_prepared")
    assert recipe.corpus.prepared is not None
    assert (small.corpus.prepared, len(small.corpus.sources)) == (None, 1)


def test_fine_tuning_during_pre_training_happens_in_the_middle_and_at_the_end():
    _, small = pair("stagedml_3l")
    assert small.slice_ends == [12, 24]
    assert small.fine_tuning["mnli"].epochs == 1


def test_a_task_without_a_sample_is_left_out():
    _, small = pair("stagedml_3l", "fine_tuning.rte={task: rte, data: inputs/glue/RTE}")
    assert list(small.fine_tuning) == ["mnli"]


def test_a_small_recipe_does_not_grow():
    overrides = ["training.phases.0.steps=2", "training.phases.1.steps=1", "training.phases.0.warmup_steps=1"]
    _, small = pair("quickstart", *overrides, "training.phases.0.batch_size=3", "vocabulary.size=500")
    assert [phase.steps for phase in small.training.phases] == [2, 1]
    assert (small.training.phases[0].warmup_steps, small.training.phases[0].batch_size) == (1, 3)
    assert small.vocabulary.size == 500


def test_the_steps_of_a_published_log_are_divided_like_all_others():
    """900,000 and 1,000,000 of 1,000,000 steps are 22 and 24 of 24; figures stay as they were published."""
    recipe, small = pair("notram_t2")
    assert [line.step for line in small.published.log] == [22, 24]
    assert [line.masked_lm_accuracy for line in small.published.log] == [0.557035, 0.581281]
    assert small.published.figures == recipe.published.figures
    lines = "published.log=[{step: 900000, loss: 3}, {step: 900010, loss: 2}, {step: 1000000, loss: 1}]"
    assert [(line.step, line.loss) for line in pair("notram_t2", lines)[1].published.log] == [(22, 2), (24, 1)]


def test_an_override_has_the_last_word():
    """A set of 120 steps is 120 steps, not 120 divided by the recipe's factor."""
    overrides = ["training.phases.0.steps=120", "training.phases.0.batch_size=16", "evaluation.examples=300"]
    overrides += ["corpus.sources.0.path=my-dump.xml.bz2", "records.seq512.dupe_factor=3", "name=mine"]
    small = recipe_file.load("mlperf_v1", overrides, scale="tiny")
    (phase,) = small.training.phases
    assert (phase.steps, phase.batch_size, phase.warmup_steps) == (120, 16, 11)
    assert (small.evaluation.examples, small.records["seq512"].dupe_factor) == (300, 3)
    assert (small.corpus.patterns, small.name) == (["my-dump.xml.bz2"], "mine")
    assert small.model.num_hidden_layers == 2


@pytest.mark.parametrize("name", RECIPES)
def test_without_overrides_it_is_the_scaled_recipe(name):
    assert recipe_file.load(name, scale="tiny") == pair(name)[1]


def test_stages_of_the_cluster_inherit_from_an_overridden_default_at_any_scale():
    overrides = ["cluster.defaults.cpus=3", "corpus.filter.min_words=5"]
    for scale in ("", "tiny"):
        recipe = recipe_file.load("mlperf_v1", overrides, scale)
        assert (recipe.cluster.task("train").cpus, recipe.corpus.filter.min_words) == (3, 5)


def test_a_wrong_override_of_a_small_recipe_is_named():
    with pytest.raises(UsageError, match=r"training\.phases\.0\.stepps: unknown key; did you mean 'steps'"):
        recipe_file.load("mlperf_v1", ["training.phases.0.stepps=5"], scale="tiny")


def test_the_log_names_the_factors(caplog):
    with caplog.at_level("INFO", logger="berth"):
        recipe_file.load("mlperf_v1", scale="tiny")
    assert "tiny: layers 24 → 2 (÷12), hidden size 1,024 → 64 (÷16), steps 600 → 24 (÷25)" in caplog.text
    assert "batch 8,192 → 8 (÷1,024)" in caplog.text and "vocabulary 30,522 → 2,000 (÷15.3)" in caplog.text


def test_an_unknown_scale_is_an_error():
    with pytest.raises(UsageError, match=r"--scale small: no such scale\. Expected tiny"):
        recipe_file.load("quickstart", scale="small")


def test_it_is_a_recipe_like_any_other(tmp_path):
    """Written to a file and read again, it is the same."""
    _, small = pair("stagedml_3l")
    with (tmp_path / "small.yaml").open("w") as file:
        YAML(typ="safe", pure=True).dump(small.model_dump(mode="json"), file)
    assert recipe_file.load(str(tmp_path / "small.yaml")) == small
