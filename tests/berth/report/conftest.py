"""A small run for the tests of the report."""

from __future__ import annotations

import pytest

from support.report_run import Made, make_run


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A whole run, from a dump to an evaluation; it is not changed by tests."""
    return make_run(tmp_path_factory.mktemp("made"))
