"""The recipes of MLPerf Training v1.0, digit by digit as its README.md publishes the run.

Source: language_model/tensorflow/bert/README.md of https://github.com/mlcommons/training.
"""

import re
from pathlib import Path

import pytest

from berth import machines
from berth.errors import UsageError
from berth.planning.plan import plan
from berth.recipe import file as recipe_file
from trainer import models
from trainer.schedules import schedule

# "On TPU-v3-128", "Run the training script".
TPU = """
--eval_batch_size=640 --lamb_beta_1=0.88 --lamb_beta_2=0.88 --lamb_weight_decay_rate=0.0166629
--learning_rate=0.00288293 --log_epsilon=-6 --max_predictions_per_seq=76 --max_seq_length=512
--num_train_steps=600 --num_warmup_steps=287 --save_checkpoints_steps=3 --start_warmup_step=-76 --train_batch_size=8192
"""
# "On GPU-V100-8": LAMB's own flags are left at their defaults.
V100 = """
--eval_batch_size=8 --lamb_beta_1=0.9 --lamb_beta_2=0.999 --lamb_weight_decay_rate=0.01 --learning_rate=0.0001
--log_epsilon=-6 --max_predictions_per_seq=76 --max_seq_length=512 --num_train_steps=107538 --num_warmup_steps=1562
--save_checkpoints_steps=6250 --start_warmup_step=0 --train_batch_size=24
"""
# "MD5sums of provided files" and "Files in ./results directory".
FILES = {
    "bert_config.json": (314, "7f59165e21b7d566db610ff6756c926b"),
    "vocab.txt": (231_508, "64800d5d8528ce344256daf115d4965e"),
    "model.ckpt-28252.index": (17_371, "f97de3ae180eb8d479555c939d50d048"),
    "model.ckpt-28252.data-00000-of-00001": (4_034_713_312, "50797acd537880bfb5a7ade80d976129"),
    "enwiki-20200101-pages-articles-multistream.xml.bz2": (17_751_214_669, "00d47075e0f583fb7c0791fac1c57cb3"),
}
PREPARED = {
    "eval.md5": (330_000, "71a58382a68947e93e88aa0d42431b6c"),
    "eval.txt": (32_851_144, "2a220f790517261547b1b45ed3ada07a"),
    "part-00000-of-00500": (27_150_902, "a64a7c31eff5cd38ae6d94f7a6229dab"),
    "part-00001-of-00500": (27_198_569, "549a9ed4f805257245bec936563abfd0"),
    "part-00002-of-00500": (27_395_616, "1a1366ddfc03aef9d41ce552ee247abf"),
    "part-00497-of-00500": (24_775_043, "66835aa75d4855f2e678e8f3d73812e9"),
    "part-00498-of-00500": (24_575_505, "e6d68a7632e9f4aa1a94128cce556dc9"),
    "part-00499-of-00500": (21_873_644, "b3b087ad24e3770d879a351664cebc5a"),
}


def flags(recipe):
    """A recipe in the words of run_pretraining.py."""
    (phase,), (records,) = recipe.training.phases, recipe.records.values()
    return {
        "eval_batch_size": recipe.evaluation.batch_size,
        "lamb_beta_1": recipe.optimizer.beta_1,
        "lamb_beta_2": recipe.optimizer.beta_2,
        "lamb_weight_decay_rate": recipe.optimizer.weight_decay,
        "learning_rate": phase.learning_rate,
        "log_epsilon": {1e-6: -6}[recipe.optimizer.epsilon],
        "max_predictions_per_seq": records.max_predictions,
        "max_seq_length": records.max_seq_length,
        "num_train_steps": phase.steps,
        "num_warmup_steps": phase.warmup_steps,
        "save_checkpoints_steps": recipe.training.checkpoint_every_steps,
        "start_warmup_step": phase.start_warmup_step,
        "train_batch_size": phase.batch_size,
    }


@pytest.mark.parametrize(
    ("name", "published"),
    [("mlperf_v1", TPU), ("mlperf_v1_prepared", TPU), ("mlperf_v1_accumulation", TPU), ("mlperf_v1_v100", V100)],
)
def test_every_flag_of_the_published_command(name, published):
    recipe = recipe_file.load(name)
    assert flags(recipe) == {flag: float(value) for flag, value in re.findall(r"--(\w+)=(\S+)", published)}
    kept = recipe.training.keep_checkpoints * recipe.training.checkpoint_every_steps
    assert kept >= recipe.training.phases[0].steps  # evaluation after training reads them all
    assert (recipe.optimizer.kind, recipe.seed) == ("lamb", 12345)


def test_the_published_machines():
    resources = recipe_file.load("mlperf_v1").cluster
    train, evaluate = (machines.shape(resources.task(stage).accelerator, stage) for stage in ("train", "evaluate"))
    assert (train.name, train.hosts * train.chips, evaluate.name) == ("v3-128", 64, "v3-8")


@pytest.mark.parametrize(("name", "batch_interval"), [("mlperf_v1", 225_000), ("mlperf_v1_v100", 150_000)])
def test_the_plan_says_target_first_accuracy_and_how_often_it_is_evaluated(name, batch_interval):
    found = plan(recipe_file.load(name), models.get("bert").figures, schedule.learning_rate)
    assert found["evaluation"] == {
        "examples": 10_000,
        "every_steps": None,
        "first_accuracy": 0.34085,
        "first_accuracy_tolerance": 0.02,
        "target_metric": "masked_lm_accuracy",
        "target": 0.72,
    }
    assert [phase["evaluation_interval"] for phase in found["phases"]] == [batch_interval]


def test_published_files_are_expected_with_their_sizes_and_sums():
    recipe = recipe_file.load("mlperf_v1")
    (dump,) = recipe.corpus.sources
    expected = {
        **recipe.initialization.expected,
        Path(dump.path).name: dump.expected,
        Path(recipe.vocabulary.path).name: recipe.vocabulary.expected,
    }
    assert {name: (file.bytes, file.md5) for name, file in expected.items()} == FILES
    prepared = recipe_file.load("mlperf_v1_prepared").corpus.prepared
    assert {name: (file.bytes, file.md5) for name, file in prepared.expected.items()} == PREPARED


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("statistics.lengths.other=[{tokens: 5, share: 1.0}]", "statistics.lengths names the record set 'other'"),
        ("statistics.files.other={}", "statistics.files names the record set 'other'; there are: seq512"),
        (
            "statistics.lengths.seq512=[{tokens: 513, share: 1.0}]",
            r"statistics\.lengths\.seq512: 513 tokens are more than max_seq_length \(512\)",
        ),
        (
            "statistics.files.seq512.eval_10k.lengths=[{tokens: 600, share: 1.0}]",
            r"files\.seq512\.eval_10k\.lengths: 600 tokens are more than",
        ),
    ],
)
def test_statistics_that_cannot_be_of_the_recipe(change, message):
    with pytest.raises(UsageError, match=message):
        recipe_file.load("mlperf_v1", [change])
