"""Fixtures shared by all tests."""

import pytest


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch):
    """Tests see what a log file would: the console of the person who runs them does not matter."""
    monkeypatch.delenv("BERTH_TERMINAL", raising=False)
