"""What a task sends: one line with a mark, whatever else is written to its standard output."""

from berth import task_events
from berth.task_events import MARK, split


def test_a_line_without_the_mark_is_for_the_log():
    assert split("10:11:12 train: started") == ("10:11:12 train: started", None)


def test_what_was_written_before_an_event_without_ending_its_line_is_for_the_log():
    assert split(f'half a line{MARK}{{"done": 3}}') == ("half a line", {"done": 3})


def test_a_damaged_event_is_dropped():
    assert split(f'{MARK}{{"done": {MARK}') == ("", None)
    assert split(f"{MARK}3") == ("", None)


def test_a_process_that_is_no_task_sends_nothing(capfd, monkeypatch):
    monkeypatch.delenv(task_events.VARIABLE, raising=False)
    task_events.send(done=1)
    assert capfd.readouterr().out == ""
    monkeypatch.setenv(task_events.VARIABLE, "1")
    task_events.send(done=1)
    assert split(capfd.readouterr().out.removesuffix("\n")) == ("", {"done": 1})
