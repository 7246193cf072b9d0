"""Where Beam jobs run, and how an error inside one reaches the user."""

import apache_beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from berth.errors import BerthError, UsageError
from pipelines.beam import pipeline


@pytest.mark.parametrize("arguments", [(), ("--runner=DirectRunner",), ("--runner=FnApiRunner",)])
def test_jobs_run_in_memory_by_default_and_for_directrunner(arguments, tmp_path):
    with pipeline(arguments) as job:
        assert isinstance(job.runner, FnApiRunner)
        _ = job | apache_beam.Create([1, 2, 3]) | apache_beam.Map(lambda n: (tmp_path / str(n)).touch())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2", "3"]


def test_another_runner_is_taken_by_its_name():
    from apache_beam.runners.portability.prism_runner import PrismRunner

    with pytest.raises(ZeroDivisionError), pipeline(["--runner=PrismRunner"]) as job:
        assert isinstance(job.runner, PrismRunner)
        raise ZeroDivisionError  # ends the block, so nothing is run (and nothing downloaded)


def test_an_unknown_runner_is_wrong_use():
    with pytest.raises(UsageError, match="--runner=NoSuchRunner"), pipeline(["--runner=NoSuchRunner"]):
        pass


def refuse(_):
    raise BerthError("the page cannot be read", where="dump.xml, byte 7")


def test_a_workers_error_reaches_the_user_as_it_was_raised():
    with pytest.raises(BerthError) as caught, pipeline() as job:
        _ = job | apache_beam.Create([1]) | apache_beam.Map(refuse)
    assert str(caught.value) == "dump.xml, byte 7: the page cannot be read."
