"""The planner's arithmetic: the figures that the systems whose recipes are here have published."""

import json
import math
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.errors import UsageError
from berth.machines import SHAPES
from berth.planning.accelerators import Machines
from berth.planning.description import describe
from berth.planning.plan import evaluations, plan
from berth.recipe import Evaluation, Phase, Recipe
from berth.recipe import file as recipe_file
from trainer import models
from trainer.schedules import cadence, schedule


def planned(name, *overrides, **how):
    return plan_of(recipe_file.load(name, overrides), **how)


def plan_of(recipe, **how):
    return plan(recipe, models.get(recipe.model.architecture).figures, schedule.learning_rate, **how)


# NoTraM's plan: 900,000 steps of 2,760 sequences of 128, then 100,000 of as many of 512.
NOTRAM = (
    "training.phases=[{name: a, records: seq128, steps: 900000, batch_size: 2760, learning_rate: 4.0e-4},"
    " {name: b, records: seq512, steps: 100000, batch_size: 2760, learning_rate: 4.0e-4}]",
)


def test_notram_needs_six_duplicates_at_128_and_three_at_512():
    """405,354,995 and 101,338,748 records come of one pass over NoTraM's corpus."""
    found = planned("notram_t1", *NOTRAM)
    first, second = found["phases"]
    assert (first["sequences"], second["sequences"]) == (2_484_000_000, 276_000_000)
    assert round(first["passes"], 2) == 6.13
    assert round(second["passes"], 2) == 2.72
    assert [found["records"][name]["duplicates_needed"] for name in ("seq128", "seq512")] == [6, 3]
    assert math.floor(found["total"]["passes"] * 10) / 10 == 8.8
    assert found["warnings"] == []


@pytest.mark.parametrize(("name", "reference"), [("stagedml_3l", 800), ("stagedml_6l", 1600)])
def test_stagedml_counts_epochs_by_the_tokens_of_berts_own_training(name, reference):
    total = planned(name)["total"]
    assert (total["epochs"], total["reference_epochs"]) == (50, reference)


@pytest.mark.parametrize(
    ("batch_size", "sequences"),
    [(256, 150_000), (1536, 150_000), (2048, 150_000), (3072, 175_000), (4096, 175_000), (8192, 225_000)],
)
def test_mlperf_evaluates_by_its_formula(batch_size, sequences):
    found = planned("mlperf_v1", f"training.phases.0.batch_size={batch_size}", "training.phases.0.steps=2000")
    expected = -(-2000 * batch_size // sequences)  # one after each interval, and one at the end
    assert found["phases"][0]["evaluations"] == expected
    assert found["total"]["evaluations"] == 1 + expected


@pytest.mark.parametrize("name", ["finbert_cased", "finbert_uncased"])
def test_finberts_one_per_cent_of_warm_up_is_nine_thousand_steps(name):
    first = planned(name)["phases"][0]
    assert (first["warmup_steps"], first["warmup_steps"] / first["steps"]) == (9000, 0.01)


@pytest.mark.parametrize(
    ("name", "phase", "rates"),
    [
        ("notram_t2", 0, (0.0, 9.999e-5, 1.00001e-5)),  # 1e-4 · 9999/10000, then down to 1e-5
        ("notram_t2", 1, (1e-5, 1e-5, 1e-10)),  # the flag says 1e-4
        ("notram_t3", 1, (2e-6, 2e-6, 2e-11)),  # the flag says 2e-5
        ("finbert_cased", 1, (1e-5, 1e-5, 1e-10)),
        ("notram_t1", 2, (4e-4, 4e-4, 2e-9)),  # a schedule of its own
        ("mlperf_v1", 0, (7.634240e-4, 2.872885e-3, 4.8048833e-6)),
    ],
)
def test_a_plan_shows_the_rates_with_which_a_phase_really_begins_and_ends(name, phase, rates):
    planned_phase = planned(name)["phases"][phase]
    keys_ = ("first_learning_rate", "peak_learning_rate", "last_learning_rate")
    assert tuple(planned_phase[key] for key in keys_) == pytest.approx(rates, rel=1e-6)
    assert f"{rates[0]:.3g}" in describe(planned(name))


@settings(deadline=None)  # validating a recipe takes as long as the machine lets it
@given(st.integers(1, 40), st.integers(0, 40), st.integers(-9, 9), st.integers(0, 9), st.floats(0, 1))
def test_the_peak_of_a_plan_is_the_highest_rate_of_the_phase(steps, warmup, start, before, end):
    phase = Phase(
        name="a",
        records="r",
        steps=steps,
        batch_size=1,
        learning_rate=0.5,
        end_learning_rate=end,
        warmup_steps=min(warmup, steps),
        start_warmup_step=start,
        schedule={"from_step": before, "total_steps": before + steps},
    )
    content = recipe_file.load("quickstart").model_dump()
    content["training"]["phases"] = [phase.model_dump() | {"records": "short"}]
    content["initial_checkpoint"] = "model.ckpt-1"
    (found,) = plan_of(Recipe.model_validate(content))["phases"]
    rates = [schedule.learning_rate(phase, step) for step in range(steps)]
    assert found["peak_learning_rate"] == max(rates)
    assert (found["first_learning_rate"], found["last_learning_rate"]) == (rates[0], rates[-1])


def test_the_model_of_mlperf_has_the_published_size():
    """BERT-Large with both heads: 334,174,464 in the encoder and embeddings without pooler (Devlin et al.: 340M)."""
    model = planned("mlperf_v1")["model"]
    assert model["parameters"] == 336_226_108
    assert model["checkpoint_bytes"] == 3 * 4 * 336_226_108
    assert model["checkpoint_seconds"] == pytest.approx(4_034_713_296 / 25e6)


@pytest.mark.parametrize(
    ("overrides", "warning"),
    [
        (["cluster.termination_grace_seconds=162"], ""),
        (
            ["cluster.termination_grace_seconds=161"],
            r"termination_grace_seconds is 161, but a checkpoint of 4\.0 GB takes 161 s at 25\.0 MB/s.*every_steps",
        ),
        (
            ["cluster.stages.train.spot=true"],
            r"train\.spot: a spot machine has 30 s at most to end, but",
        ),
        (["cluster.stages.train.spot=true", "cluster.termination_grace_seconds=20"], r"grace_seconds is 20, but"),
    ],
)
def test_a_checkpoint_that_cannot_be_written_before_a_job_ends_is_a_warning(overrides, warning):
    machines = Machines.of("v3-128", 1, 0.4, "--accelerator")
    found = planned("mlperf_v1", *overrides, machines=machines)["warnings"]
    assert (len(found), bool(re.search(warning, " ".join(found)))) == (1 if warning else 0, True)


@given(
    st.integers(1, 40),
    st.integers(1, 9),
    st.integers(1, 60),
)
def test_the_evaluations_of_a_phase_are_those_that_training_makes(steps, batch_size, interval):
    phase = Phase(name="a", records="r", steps=steps, batch_size=batch_size, learning_rate=0.1)
    evaluation = Evaluation(records="r", every_samples=interval)
    made = [number for number in range(1, steps + 1) if cadence.is_due(evaluation, [phase], number)]
    assert evaluations(evaluation, phase) == len(made)


@settings(deadline=None)  # validating a recipe takes as long as the machine lets it
@given(st.lists(st.integers(1, 30), min_size=1, max_size=4), st.integers(1, 40))
def test_evaluations_counted_in_steps_are_those_that_training_makes(lengths, every):
    content = recipe_file.load("quickstart").model_dump(mode="json")
    phase = content["training"]["phases"][0] | {"warmup_steps": 0}
    content["training"]["phases"] = [phase | {"name": f"p{i}", "steps": steps} for i, steps in enumerate(lengths)]
    content["evaluation"]["every_steps"] = every
    recipe = Recipe.model_validate(content)
    due = [n for n in range(sum(lengths) + 1) if cadence.is_due(recipe.evaluation, recipe.training.phases, n)]
    assert plan_of(recipe)["total"]["evaluations"] == len(due)


def test_hours_and_cost_follow_from_the_peak_of_the_accelerators():
    machines = Machines.of("a100-80gb-8", 2, 0.5, "--accelerator")
    found = planned("mlperf_v1", machines=machines, price=2.0)
    compute = found["compute"]
    assert compute["devices"] == 16
    assert compute["hours"] == pytest.approx(found["total"]["flops"] / (16 * 312e12 * 0.5) / 3600)
    assert compute["cost"] == pytest.approx(compute["hours"] * 16 * 2.0)
    assert planned("mlperf_v1", machines=machines)["compute"]["cost"] is None
    assert planned("mlperf_v1")["compute"] is None


@pytest.mark.parametrize("name", SHAPES)
def test_the_peak_of_every_shape_is_known(name):
    assert Machines.of(name, 1, 1.0, "--accelerator").peak > 5e13


def test_a_slice_has_all_its_hosts():
    assert Machines.of("v5litepod-16", 1, 1.0, "--accelerator").devices == 16
    assert Machines.of("v4-16", 1, 1.0, "--accelerator").devices == 8  # named by cores, two a chip


def test_the_published_machine_of_mlperf_divides_its_batch_over_its_cores():
    machines = Machines.of("v3-128", 1, 0.4, "--accelerator")
    assert (machines.devices, machines.replicas, machines.peak) == (64, 128, 123e12)
    assert planned("mlperf_v1", machines=machines)["warnings"] == []
    warned = planned("mlperf_v1", "training.phases.0.batch_size=8256", machines=machines)["warnings"]
    assert any("8,256 cannot be divided evenly over 128 devices; 8,192 can" in warning for warning in warned)


def test_the_machines_of_a_recipe_are_those_of_its_training_or_the_given_ones():
    recipe = recipe_file.load("finbert_cased")
    assert Machines.of_recipe(recipe).devices == 8
    assert Machines.of_recipe(recipe, "l4-1", 3).devices == 3
    assert Machines.of_recipe(recipe_file.load("quickstart")) is None
    with pytest.raises(UsageError, match=r"cluster\.stages\.train\.accelerator.*l4-3"):
        Machines.of_recipe(recipe_file.load("quickstart", ["cluster.stages.train.accelerator=l4-3"]))


def test_no_more_than_the_peak_can_be_used():
    with pytest.raises(UsageError, match=r"--utilisation.*1\.5"):
        Machines.of("l4-1", 1, 1.5, "--accelerator")


@pytest.mark.parametrize(
    ("overrides", "warning"),
    [
        (("records.seq128.dupe_factor=2",), r"records\.seq128\.dupe_factor is 2, .*seen 3\.06 times.* 6 would do"),
        (
            ("training.phases.0.batch_size=2761",),
            r"2,761 cannot be divided evenly over 8 devices; 2,760 can",
        ),
        (
            ("training.phases.0.warmup_steps=900000", "training.phases.0.start_warmup_step=1"),
            r"the warm-up ends at step 900,001, the phase has 900,000",
        ),
        (
            ("training.checkpoint_every_steps=2000000",),
            r"checkpoint_every_steps is 2,000,000, .*starts again from",
        ),
        (("training.phases.1.records=seq128",), r"records\.seq512: no phase is trained on these"),
        (
            ("fine_tuning={a: {task: rte, data: d, every_steps: 1000000}}",),
            r"fine_tuning\.a\.every_steps is 1,000,000, .* only its last",
        ),
    ],
)
def test_it_warns_where_a_recipe_contradicts_itself(overrides, warning):
    overrides = (*NOTRAM, "evaluation.records=seq128", *overrides)
    found = planned("notram_t1", *overrides, machines=Machines.of("l4-8", 1, 0.4, "--accelerator"))
    text = " ".join(found["warnings"])
    assert re.search(warning, text), text


def test_a_workspace_gives_measured_figures(tmp_path):
    from berth.stage import run_index as runs
    from berth.stage.manifest import Manifest, ManifestFile

    recipe = recipe_file.load("quickstart")

    def stage(name, *files, **counters):
        directory = tmp_path / "ws" / name
        directory.mkdir(parents=True)
        listed = tuple(ManifestFile(path=p, size=s, sha256="0" * 64, records=r) for p, s, r in files)
        Manifest(
            stage=name,
            version=1,
            digest="0" * 64,
            parameters={},
            inputs={},
            files=listed,
            counters=counters,
            tools={},
            seconds=1.0,
        ).write(str(directory))
        return str(directory)

    stages = {
        "vocabulary": stage("vocab", ("vocab.txt", 10, 3999)),
        "records short": stage("short", ("a", 5000, 30), ("b", 5000, 20), instances=50, padding=150),
        "records long": stage("long", ("a", 9000, 10)),
        "evaluation set": stage("evalset", ("a", 9, 1)),
    }
    runs.record_data(str(tmp_path / "ws"), recipe, stages)
    found = plan_of(recipe, workspace=str(tmp_path / "ws"))
    assert found["model"]["vocabulary"] == 3999
    short = found["records"]["short"]
    assert (short["records"], short["per_pass"], short["bytes_per_record"], short["bytes"]) == (50, 50 / 4, 200, 10_000)
    assert short["measured"] and short["epochs"] == 6000 * 8 / 50
    assert (short["shards"], short["tokens_per_record"], short["files"]) == (2, 64 - 150 / 50, {})
    with pytest.raises(UsageError, match="this workspace has no data for the recipe"):
        plan_of(recipe, workspace=str(tmp_path / "other"))


def test_the_figures_are_json_and_the_text_says_what_is_not_known():
    found = planned("quickstart", machines=Machines.of("l4-1", 1, 0.4, "--accelerator"))
    assert json.loads(json.dumps(found)) == found
    text = describe(found)
    assert "909,984 parameters" in text and "?" in text
    assert "training ends" not in text and "real tokens" not in text
    assert "short: at most 646 bytes a record; their lengths are not known" in text
    mlperf = describe(planned("mlperf_v1"))
    assert "evaluated every 225,000 sequences, on 10,000 records" in mlperf
    assert "before the first step must be 0.34085 ± 0.02" in mlperf
    assert "training ends as soon as masked_lm_accuracy reaches 0.720" in mlperf
    assert "256 real tokens and 2,499 bytes a record on average, in 500 files" in mlperf
    assert "part-00000-of-00500 holds 190,389 records, 514," in mlperf
    rows = [line for line in text.splitlines() if line.startswith(("records", "short", "long"))]
    assert all(len(first) == len(second) for first, second in pairwise(rows[:3]))


def keys(value, path=""):
    """The paths of all keys, with NAME for names and [] for lists."""
    if isinstance(value, dict) and value:
        parent = path.rsplit(".", 1)[-1]
        for key, inner in value.items():
            yield from keys(inner, f"{path}.{'NAME' if parent == 'records' else key}".lstrip("."))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        yield from keys(value[0], f"{path}[]")
    else:
        yield path


def test_every_key_is_documented():
    documented = set()
    page = (Path(__file__).parents[3] / "docs" / "planning.md").read_text()
    for line in page.split("## The keys of `--json`\n")[1].splitlines():
        if line.startswith("| `"):
            first, *others = re.findall(r"`([^`]+)`", line.split("|")[1])
            prefix = first.rpartition(".")[0]
            documented.update([first, *(prefix + other for other in others)])
    found = planned("notram_t1", machines=Machines.of("l4-1", 1, 0.4, "--accelerator"))
    assert set(keys(found)) == documented
