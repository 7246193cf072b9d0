"""One policy for all services: how often, after which waits, and what the log says."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import tenacity

from berth import retry


class FailingRequest:
    """A request that fails a number of times, then returns its argument."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.failures, self.error, self.calls = failures, error, 0

    def __call__(self, value: str) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return value


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits in seconds, which nobody waits for."""
    found: list[float] = []
    monkeypatch.setattr(tenacity.nap.time, "sleep", found.append)
    return found


def is_connection_error(error: BaseException) -> bool:
    return isinstance(error, ConnectionError)


def test_a_request_is_repeated_after_temporary_errors(waits: list[float], caplog: pytest.LogCaptureFixture) -> None:
    request = FailingRequest(2, ConnectionError("reset by peer\nsecond line"))
    assert retry.retrying("the service", is_connection_error)(request)("answer") == "answer"
    assert request.calls == 3
    assert caplog.messages == [
        f"the service: reset by peer; attempt {number} of {retry.ATTEMPTS} follows" for number in (2, 3)
    ]


def test_the_last_error_is_raised_after_a_minute_of_growing_waits(waits: list[float]) -> None:
    error = ConnectionError("down")
    request = FailingRequest(100, error)
    with pytest.raises(ConnectionError) as caught:
        retry.retrying("the service", is_connection_error)(request)("answer")
    assert caught.value is error and request.calls == retry.ATTEMPTS == 7
    assert all(least <= wait <= least + 1 for least, wait in zip((1, 2, 4, 8, 16, 29), waits, strict=True))
    assert 60 <= sum(waits) <= 66


def test_other_errors_are_raised_at_once(waits: list[float]) -> None:
    request = FailingRequest(1, KeyError("name"))
    with pytest.raises(KeyError):
        retry.retrying("the service", is_connection_error)(request)("answer")
    assert (request.calls, waits) == (1, [])


def test_the_log_says_what_the_caller_lets_it_say(waits: list[float], caplog: pytest.LogCaptureFixture) -> None:
    request = FailingRequest(1, ConnectionError("with a secret"))
    retry.retrying("the service", is_connection_error, describe=lambda error: "no details")(request)("answer")
    assert "secret" not in caplog.text and "no details" in caplog.text


def test_threads_count_their_own_attempts(waits: list[float]) -> None:
    decorate = retry.retrying("the service", is_connection_error)
    requests = [FailingRequest(retry.ATTEMPTS - 1, ConnectionError()) for _ in range(8)]
    with ThreadPoolExecutor(8) as executor:
        assert list(executor.map(lambda request: decorate(request)("answer"), requests)) == ["answer"] * 8


@pytest.mark.parametrize(
    ("status", "is_temporary"),
    [(None, False), (200, False), (400, False), (404, False), (408, True), (429, True), (500, True), (503, True)],
)
def test_some_statuses_are_temporary(status: int | None, is_temporary: bool) -> None:
    assert retry.is_temporary_status(status) is is_temporary
