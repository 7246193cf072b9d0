"""Signals that stop the work: the first is handled once, and says by which status the process ends."""

import os
import signal
import threading

import pytest

from berth.stage import stopping
from berth.stage.stopping import STOP_VARIABLE, StoppedError, handled


@pytest.mark.parametrize(
    ("number", "name", "status"), [(signal.SIGTERM, "SIGTERM", 143), (signal.SIGINT, "Ctrl-C", 130)]
)
def test_the_error_names_the_signal_and_has_its_status(number, name, status):
    error = StoppedError.by(number, "training was stopped by {}")
    assert (error.what, error.exit_status) == (f"training was stopped by {name}", status)


def test_the_first_signal_is_handled_and_later_ones_are_ignored():
    before = signal.getsignal(signal.SIGTERM)
    received = []
    with handled(received.append):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            signal.raise_signal(number)
    assert received == [signal.SIGTERM] and signal.getsignal(signal.SIGTERM) is before


def test_what_an_inner_context_has_obeyed_does_not_end_the_outer_one():
    outer, inner = [], []
    with handled(outer.append):
        with handled(inner.append):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
    assert (outer, inner) == ([], [signal.SIGTERM])


def test_a_second_ctrl_c_ends_at_once():
    with pytest.raises(KeyboardInterrupt), handled(lambda number: None):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)


def test_outside_of_the_main_thread_nothing_changes():
    handlers = []

    def look():
        with handled(lambda number: None):
            handlers.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGTERM)]


def test_a_task_obeys_its_run(tmp_path, monkeypatch):
    order = str(tmp_path / "stop")
    monkeypatch.setenv(STOP_VARIABLE, order)
    received = []
    with handled(received.append):
        assert not stopping.is_ordered()
        signal.raise_signal(signal.SIGINT)  # the terminal's: the run passes it on
        assert received == []
        stopping.pass_on(signal.SIGINT, order)
        assert received == [signal.SIGINT]
    assert (tmp_path / "stop.pid").read_text() == str(os.getpid())
    assert stopping.is_ordered()


def test_an_order_without_a_task_waits_for_one(tmp_path, monkeypatch):
    order = str(tmp_path / "stop")
    stopping.pass_on(signal.SIGTERM, order)
    monkeypatch.setenv(STOP_VARIABLE, order)
    assert stopping.is_ordered() and stopping.ordered(signal.SIGINT) == signal.SIGTERM
