"""One task at a time runs in the background, and its error is raised once, where the caller is ready for it."""

import logging
import threading

import pytest

from berth.errors import BerthError
from trainer.loop.background import Background


@pytest.fixture
def gate():
    """What the tasks wait for."""
    gate = threading.Event()
    yield gate
    gate.set()


def fail():
    raise BerthError("the disk is full")


def test_the_caller_goes_on_and_the_next_task_waits(gate):
    done = []
    with Background() as background:
        background.start(lambda: (gate.wait(), done.append(1)))
        background.check()
        assert done == []
        threading.Timer(0.01, gate.set).start()
        background.start(lambda: done.append(2))
        assert done[0] == 1
    assert done == [1, 2]


def test_an_error_is_raised_once():
    background = Background()
    background.start(fail)
    with pytest.raises(BerthError, match="the disk is full"):
        background.wait()
    background.check()
    background.wait()


def test_an_error_is_raised_before_the_next_task_begins():
    background, done = Background(), []
    background.start(fail)
    with pytest.raises(BerthError, match="the disk is full"):
        background.start(lambda: done.append(1))
    assert done == []


def test_the_end_waits_and_raises(gate):
    with pytest.raises(BerthError, match="the disk is full"), Background() as background:
        background.start(lambda: (gate.wait(), fail()))
        gate.set()


def test_another_error_is_not_hidden_by_that_of_the_task(caplog):
    caplog.set_level(logging.ERROR)
    with pytest.raises(ZeroDivisionError), Background() as background:
        background.start(fail)
        raise ZeroDivisionError
    assert caplog.messages == ["the newest checkpoint was not saved: the disk is full."]


def test_a_second_ctrl_c_does_not_wait(gate):
    with pytest.raises(KeyboardInterrupt), Background() as background:
        background.start(gate.wait)
        raise KeyboardInterrupt
    assert not gate.is_set()
