"""Memory, disk and traffic of each stage, and warnings about machines that are too small."""

import pytest

from berth.machines import process_memory as needs
from berth.planning.accelerators import Machines
from berth.planning.description import describe
from berth.planning.plan import plan
from berth.recipe import file as recipe_file
from trainer import models
from trainer.schedules import schedule

GIB = 1 << 30
SMALL = (
    "statistics.words=1000000",
    "segmentation.shards=4",
    "statistics.records_per_pass={short: 100000, long: 50000}",
)


def planned(name, *overrides, machines=None):
    recipe = recipe_file.load(name, overrides)
    figures = models.get(recipe.model.architecture).figures
    return plan(recipe, figures, schedule.learning_rate, machines=machines)


def stages_of(found):
    return {stage["stage"]: stage for stage in found["stages"]}


def test_each_stage_reads_what_the_one_before_it_writes():
    found = planned("quickstart", *SMALL)
    stages = stages_of(found)
    assert list(stages) == ["extract", "segment", "vocab", "records short", "records long", "train"]
    assert stages["segment"]["bytes_written"] == stages["vocab"]["bytes_read"] == 6_000_000
    assert stages["segment"]["objects_written"] == stages["records short"]["objects_read"] == 4
    short = found["records"]["short"]
    assert (
        stages["records short"]["bytes_written"] == round(short["bytes"]) == round(400_000 * short["bytes_per_record"])
    )
    checkpoint = found["model"]["checkpoint_bytes"]
    assert stages["train"]["bytes_written"] == checkpoint * found["total"]["checkpoints"]
    read = sum(phase["sequences"] * found["records"][phase["records"]]["bytes_per_record"] for phase in found["phases"])
    assert stages["train"]["bytes_read"] == round(read)
    assert found["warnings"] == []
    assert "6.0 MB" in describe(found)


def test_hosts_share_what_training_reads():
    machines = [Machines.of("l4-1", hosts, 0.4, "test") for hosts in (1, 4)]
    one, four = (stages_of(planned("quickstart", *SMALL, machines=each))["train"] for each in machines)
    assert (one["hosts"], four["hosts"]) == (1, 4)
    assert four["bytes_read"] == pytest.approx(one["bytes_read"] / 4, abs=1)
    assert four["memory_bytes"] == one["memory_bytes"]


def test_workers_fit_into_the_cpus_and_memory_of_their_stage():
    stages = stages_of(planned("quickstart", *SMALL, "cluster.stages.segment={cpus: 64, memory_gib: 4}"))
    assert stages["segment"]["workers"] == (4 * GIB - needs.LAUNCHER_BYTES) // needs.SEGMENT_BYTES == 4
    assert stages["segment"]["memory_bytes"] <= 4 * GIB
    assert stages["extract"]["workers"] == 4
    fixed = planned("quickstart", *SMALL, "execution.workers=9", "cluster.stages.segment={memory_gib: 4}")
    assert stages_of(fixed)["segment"]["workers"] == 9
    assert fixed["warnings"] == [
        "segment needs 7.9 GB of memory on a host, but cluster.stages.segment.memory_gib is 4."
    ]


def test_what_is_not_known_is_none_and_shown_as_such():
    stages = stages_of(planned("quickstart"))
    assert stages["segment"]["bytes_read"] is None
    assert stages["records short"]["memory_bytes"] is None
    assert stages["train"]["bytes_read"] > 0


def test_machines_that_cannot_hold_it_are_named():
    # One shard of 60 GB: its tokens and instances do not fit into 16 GiB, nor its records on a pod's disk.
    found = planned(
        "quickstart",
        "statistics.words=10000000000",
        "segmentation.shards=1",
        "statistics.records_per_pass={short: 1000000000, long: 500000000}",
        "model={hidden_size: 8192, num_hidden_layers: 48, num_attention_heads: 64, intermediate_size: 32768}",
        machines=Machines.of("l4-1", 1, 0.4, "test"),
    )
    assert [warning.partition(" ")[0] for warning in found["warnings"] if "memory on a host" in warning] == [
        "segment",
        "records",
        "records",
        "train",
    ]
    assert any("own disk" in warning and "64 GiB" in warning for warning in found["warnings"])
    assert any("on each device, but one of l4-1 has 24.0 GB" in warning for warning in found["warnings"])
