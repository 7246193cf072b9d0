"""Worker processes: order, errors, death, the end of the launcher."""

import operator
import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial

import psutil
import pytest

from berth.errors import BerthError, TemporaryError, UsageError
from pipelines.engine import workers
from pipelines.engine.beam import beam
from pipelines.engine.checked_create import CheckedCreate
from pipelines.engine.element import perform
from pipelines.engine.resources import SHARED_CORES_VARIABLE, share_cores
from pipelines.engine.runner import pipeline
from pipelines.engine.work import Work
from pipelines.engine.workers import Workers
from support import worker_functions


@pytest.fixture
def two():
    pool = Workers(2)
    yield pool
    pool.close()
    assert not any(worker.process.poll() is None for worker in pool._started)


def test_results_are_in_the_order_of_the_elements(two):
    done = two.map(worker_functions.square, range(20))
    assert done == [number**2 for number in range(20)]
    processes = set(two.map(worker_functions.pause_and_name_process, [0.2] * 6))
    assert len(processes) == 2
    assert os.getpid() not in processes


def test_an_error_arrives_as_it_was_raised_and_the_workers_go_on(two):
    with pytest.raises(UsageError) as caught:
        two.map(worker_functions.refuse, [2, 4, 5, 6])
    assert str(caught.value) == r"numbers: odd\nnumbers. Found 5."
    assert two.map(worker_functions.refuse, [2, 4]) == [2, 4]
    with pytest.raises(BerthError, match="unexpected LocalError: no copy"):
        two.map(worker_functions.fail_without_copy, [0])


def test_workers_wait_whatever_timeout_a_library_has_set_for_sockets():
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(0.01)
    pool = Workers(1)
    try:
        assert pool.map(worker_functions.pause_and_name_process, [0.3]) != [os.getpid()]
    finally:
        socket.setdefaulttimeout(before)
        pool.close()


def test_a_killed_worker_is_an_error_that_may_pass_and_nothing_waits_for_it(two):
    with pytest.raises(TemporaryError, match=r"a worker process ended .* Found signal 9\. .*--workers"):
        two.map(worker_functions.kill_at_three, range(8))


def test_a_call_in_a_process_of_its_own():
    assert workers.in_own_process(divmod, 7, 2) == (3, 1)
    with pytest.raises(UsageError, match="Found 5"):
        workers.in_own_process(worker_functions.refuse, 5)


def test_workers_end_with_a_launcher_that_is_killed_in_the_middle_of_their_work():
    script = (
        "from pipelines.engine.workers import Workers; from support import worker_functions;"
        "Workers(2).map(worker_functions.pause_and_name_process, [600, 600])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    launcher = subprocess.Popen([sys.executable, "-c", script], env=environment)
    try:
        process = psutil.Process(launcher.pid)
        while len(children := process.children()) < 2:
            assert launcher.poll() is None
            time.sleep(0.02)
    finally:
        launcher.send_signal(signal.SIGKILL)
        launcher.wait()
    _, left = psutil.wait_procs(children, timeout=60)
    assert not left


@pytest.mark.parametrize("flags", [[], ["--workers=1"], ["--workers=3"]])
def test_a_job_gives_the_same_for_any_number_of_workers(flags, tmp_path):
    with pipeline(flags, parts=5) as job:
        squares = job | CheckedCreate(range(5)) | "square" >> beam.ParDo(Work(worker_functions.square))
        _ = (
            job
            | "names" >> CheckedCreate(["all"])
            | "wait" >> beam.ParDo(Work(str.upper), beam.pvalue.AsIter(squares))
            | "touch" >> beam.Map(lambda name: (tmp_path / name).touch())
        )
        _ = squares | "sum" >> beam.CombineGlobally(sum) | beam.Map(lambda total: (tmp_path / str(total)).touch())
    assert {path.name for path in tmp_path.iterdir()} == {"ALL", "30"}


@pytest.mark.parametrize(
    "function, kind", [(worker_functions.refuse, UsageError), (worker_functions.kill_at_three, TemporaryError)]
)
def test_an_error_of_a_worker_ends_the_job_with_one_message(function, kind):
    with pytest.raises(kind), pipeline(["--workers=2"], parts=4) as job:
        _ = job | CheckedCreate([2, 3, 3, 2]) | beam.ParDo(Work(function))
    assert workers.current() is None


def test_a_job_has_no_workers_without_need(monkeypatch):
    counts = []
    monkeypatch.setattr(workers, "Workers", lambda count: counts.append(count) or Workers(count))
    monkeypatch.setattr("pipelines.engine.runner.default_workers", lambda memory: 64 // memory)
    for parts, size in [(100, 0), (1, 1 << 40), (100, 1 << 40), (5, 1 << 40), (100, 3 * workers.BYTES_A_WORKER)]:
        with pipeline([], parts=parts, size=size, memory=2) as job:
            _ = job | beam.Create([1]) | beam.ParDo(Work(operator.neg))
    assert counts == [32, 5, 3]
    with pytest.raises(UsageError, match="--workers"), pipeline(["--workers=0"]):
        pass


def test_workers_share_the_cores_of_a_run(tmp_path, monkeypatch):
    share_cores(str(tmp_path / "cores"), 1)
    monkeypatch.setenv(SHARED_CORES_VARIABLE, str(tmp_path / "cores"))
    pool = Workers(3)
    try:
        done = pool.map(partial(perform, worker_functions.note_overlap), [str(tmp_path / "busy")] * 6)
    finally:
        pool.close()
    assert not any(each.result for each in done)
