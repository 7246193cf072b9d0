"""The time left of a run: learnt from earlier runs, from the rate of training, and from what waits for what."""

import pytest

from berth.app.pipeline_tasks import PipelineTask
from berth.app.run_state import RunState

#  extract ─► short ─┐
#         └─► long ──┴► train ─► report
TASKS = (
    PipelineTask(0, "extract", "extract", "extract", frozenset()),
    PipelineTask(1, "records", "records short", "records", frozenset({0})),
    PipelineTask(2, "records-2", "records long", "records", frozenset({0})),
    PipelineTask(3, "train", "train", "train", frozenset({1, 2})),
    PipelineTask(4, "report", "report", "report", frozenset({0, 1, 2, 3})),
)
KNOWN = {"extract": 10.0, "records short": 4.0, "records long": 6.0, "train": 100.0, "report": 5.0}


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def step(done, total=100, **figures):
    return {"progress": "train", "done": done, "total": total, "unit": "step", "figures": figures}


@pytest.fixture
def clock():
    return Clock()


def test_with_two_cores_it_is_the_longest_chain_and_with_one_the_sum(clock):
    assert RunState(TASKS, KNOWN, 2, clock).time_left() == 10 + 6 + 100 + 5
    assert RunState(TASKS, KNOWN, 1, clock).time_left() == sum(KNOWN.values())


def test_it_falls_while_a_task_runs_but_not_below_what_is_to_come(clock):
    state = RunState(TASKS, KNOWN, 2, clock)
    state.start(0)
    clock.now += 4
    assert state.time_left() == 6 + 6 + 100 + 5
    clock.now += 96
    assert state.time_left() == 6 + 100 + 5
    state.end(0)
    assert state.taken() == {"extract": 100.0}


def test_a_first_run_says_nothing_until_training_has_a_rate(clock):
    state = RunState(TASKS, {}, 2, clock)
    assert state.time_left() is None
    for number in range(3):
        state.start(number)
        state.end(number)
    state.start(3)
    state.receive(3, step(0))
    clock.now += 10
    assert state.time_left() is None
    state.receive(3, step(20))
    assert state.time_left() == pytest.approx(40.0)


def test_the_rate_of_training_counts_more_than_an_earlier_run(clock):
    state = RunState(TASKS, KNOWN, 2, clock)
    for number in range(3):
        state.end(number)
    state.start(3)
    state.receive(3, step(50))  # continued
    clock.now += 10
    assert state.time_left() == 90 + 5
    state.receive(3, step(75))
    assert state.time_left() == pytest.approx(10 + 5)


def test_stages_that_were_up_to_date_teach_nothing(clock):
    state = RunState(TASKS, {}, 2, clock)
    state.start(0)
    state.receive(0, {"up_to_date": True})
    state.end(0)
    assert state.taken() == {}


def test_each_new_loss_is_one_point_of_the_curve(clock):
    state = RunState(TASKS, {}, 2, clock)
    state.start(3)
    for event in (step(0), step(1, loss="8.1"), step(2, loss="8.1"), step(3, loss="7.0"), step(4, phase="long")):
        state.receive(3, event)
    assert state.states[3].losses == [8.1, 7.0]
