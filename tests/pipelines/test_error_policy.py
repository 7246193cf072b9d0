"""The one place that decides about input that cannot be read."""

from __future__ import annotations

import pytest

from berth.errors import BerthError
from pipelines.error_policy import ErrorPolicy


def test_a_strict_policy_raises_the_error():
    with pytest.raises(BerthError, match="cut short"):
        ErrorPolicy(strict=True).skip(lambda: BerthError("cut short"))


def test_another_policy_does_not_even_make_the_error():
    ErrorPolicy().skip(lambda: pytest.fail("made"))
