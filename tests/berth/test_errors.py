"""Errors are one message of several sentences, and can be pickled."""

import pickle

import pytest

from berth.errors import BerthError, UsageError, summary


def test_all_parts_become_one_message():
    error = BerthError("it broke", where="a.xml, byte 3", found="a cat", expected="a dog", fix="Feed it")
    assert str(error) == "a.xml, byte 3: it broke. Found a cat. Expected a dog. Feed it."


def test_missing_parts_leave_no_trace():
    assert str(BerthError("it broke!")) == "it broke!"


def test_a_message_is_one_line_whatever_was_found():
    error = BerthError("no\nJSON", where="a\nb", found="x\r\ny\x1b[31m\u2028", expected="1\n2", fix="Feed\nit")
    assert str(error) == r"a\nb: no\nJSON. Found x\r\ny\x1b[31m\u2028. Expected 1\n2. Feed\nit."


def test_a_message_has_a_limit_whatever_was_found():
    message = str(BerthError("no", where="x" * 100_000, found="\x00" * 100_000, fix="Stop"))
    assert message.startswith("xxx") and message.endswith("Stop.") and len(message) < 7_000


def test_pickling_keeps_kind_and_parts():
    error = pickle.loads(pickle.dumps(UsageError("no", where="here", fix="do")))
    assert isinstance(error, UsageError)
    assert (error.exit_status, str(error)) == (2, "here: no. do.")


@pytest.mark.parametrize(
    ("error", "text"),
    [(ValueError("first\nsecond"), "first"), (ConnectionError(), "ConnectionError"), (OSError("x" * 400), "x" * 300)],
)
def test_a_summary_is_one_line(error, text):
    assert summary(error) == text
