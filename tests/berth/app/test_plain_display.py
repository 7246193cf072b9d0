"""A run without a terminal: plain lines."""

import pytest

from berth.app import plain_display
from berth.app.pipeline_tasks import PipelineTask
from berth.app.plain_display import PlainDisplay
from berth.app.run_state import RunState

TASKS = (
    PipelineTask(0, "records", "records short", "records", frozenset()),
    PipelineTask(1, "train", "train", "train", frozenset({0})),
)


@pytest.fixture
def run():
    """The display and the state that it shows."""
    state = RunState(TASKS, {"records short": 10.0, "train": 80.0}, 1, clock=lambda: 0.0)
    with PlainDisplay(state) as display:
        yield display, state


@pytest.fixture
def messages(caplog):
    """The messages of the log so far."""
    caplog.set_level("INFO", logger="berth.run")
    return lambda: caplog.messages


def send(display, state, done, **figures):
    event = {"progress": "train", "done": done, "total": 100, "unit": "step", "figures": figures}
    state.receive(1, event)
    display.received(1, event)


def test_a_line_when_a_stage_starts(run, messages):
    display, state = run
    state.start(0)
    display.started(0)
    assert messages() == ["stage 1 of 2, records short, about 1 min 30 s left"]


def test_progress_is_rare_and_never_of_nothing(run, messages, monkeypatch):
    display, state = run
    state.start(1)
    send(display, state, 10)
    assert messages() == []
    monkeypatch.setattr(plain_display, "SECONDS_BETWEEN_LINES", 0.0)
    display.received(1, {"up_to_date": True})
    send(display, state, 10)
    assert messages() == []
    send(display, state, 30, loss="5.1")
    (message,) = messages()
    assert message.startswith("stage 2 of 2, train: 30/100 steps [")
    assert message.endswith("loss=5.1]")


def test_of_what_tasks_write_only_log_lines_are_shown(run, capsys):
    display, _ = run
    for line in ("12:00:00 train: started: /w", "[KFP Executor 2026] something", "--- train"):
        display.line(line)
    assert capsys.readouterr().err == "12:00:00 train: started: /w\n"
