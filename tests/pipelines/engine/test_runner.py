"""Where Beam jobs run, and how an error inside one reaches the user."""

import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from berth import storage
from berth.errors import BerthError, TemporaryError, UsageError
from pipelines.engine.beam import beam
from pipelines.engine.runner import pipeline


@pytest.mark.parametrize("arguments", [(), ("--runner=DirectRunner",), ("--runner=FnApiRunner",)])
def test_jobs_run_in_memory_by_default_and_for_directrunner(arguments, tmp_path):
    with pipeline(arguments) as job:
        assert isinstance(job.runner, FnApiRunner)
        _ = job | beam.Create([1, 2, 3]) | beam.Map(lambda n: (tmp_path / str(n)).touch())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2", "3"]


def test_another_runner_is_taken_by_its_name():
    from apache_beam.runners.portability.prism_runner import PrismRunner

    with pytest.raises(ZeroDivisionError), pipeline(["--runner=PrismRunner"]) as job:
        assert isinstance(job.runner, PrismRunner)
        raise ZeroDivisionError  # ends the block, so nothing is run (and nothing downloaded)


def test_an_unknown_runner_is_wrong_use():
    with pytest.raises(UsageError, match="--runner=NoSuchRunner"), pipeline(["--runner=NoSuchRunner"]):
        pass


def fail(kind):
    raise kind("more than\ndocuments", where="shards")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--direct_running_mode=multi_threading", "--direct_num_workers=2"),
        ("--runner=DaskRunner",),
    ],
)
def test_a_workers_error_reaches_the_user_as_it_was_raised(arguments, tmp_path):
    missing = str(tmp_path / "a [while] b 'c'")
    with pytest.raises(BerthError) as expected:
        storage.read_bytes(missing)
    with pytest.raises(BerthError) as caught, pipeline(arguments) as job:
        _ = job | beam.Create([missing]) | "read 'it'" >> beam.Map(storage.read_bytes)
    assert str(caught.value) == str(expected.value)
    assert type(caught.value) is type(expected.value)


@pytest.mark.parametrize("kind", [UsageError, TemporaryError])
def test_the_kind_of_an_error_stays_what_it_is_in_another_thread(kind):
    with pytest.raises(kind) as caught, pipeline(["--direct_num_workers=2"]) as job:
        _ = job | beam.Create([kind]) | beam.Map(fail)
    assert str(caught.value) == r"shards: more than\ndocuments."


def test_another_error_stays_what_it_is():
    with pytest.raises(ZeroDivisionError), pipeline() as job:
        _ = job | beam.Create([0]) | beam.Map(lambda number: 1 / number)
