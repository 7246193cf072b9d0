"""Beam's counters are what the receipts of the output count."""

import pytest

from berth.stage.output import Output, counted
from pipelines.engine.beam import beam
from pipelines.engine.checked_create import CheckedCreate
from pipelines.engine.runner import pipeline
from pipelines.engine.work import Work
from support import worker_functions


@pytest.mark.parametrize("flags", [["--workers=1"], ["--workers=2"]])
def test_counters_equal_those_of_the_receipts_also_after_an_interruption(flags, metrics, tmp_path):
    output = Output(str(tmp_path))
    with output.shard(".hidden") as shard:
        shard.records, shard.counters["hidden"] = 100, 7
    for numbers in ([1, 2], [3, 4]):
        with pipeline(flags, output, len(numbers)) as job:
            tasks = [(output, number) for number in numbers]
            _ = job | CheckedCreate(tasks) | beam.ParDo(Work(worker_functions.write_shard))
        assert metrics[-1] == counted(output.receipts())
    assert metrics == [
        {"hidden": 7, "documents": 3, "records": 2},
        {"hidden": 7, "documents": 10, "records": 4},
    ]


def test_a_shard_that_an_earlier_attempt_wrote_is_counted(metrics, tmp_path):
    output = Output(str(tmp_path))

    def write_twice(number):
        if not output.accept(f"shard-{number}"):
            worker_functions.write_shard((output, number))

    with pipeline([], output) as job:
        _ = job | CheckedCreate([5]) | beam.ParDo(Work(write_twice))
    with pipeline([]) as job:
        _ = job | CheckedCreate([5]) | beam.ParDo(Work(write_twice))
    assert metrics[0] == metrics[1] == {"documents": 5, "records": 1}
