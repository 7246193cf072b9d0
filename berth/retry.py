"""The one retry policy: for requests to Cloud Storage, Kubeflow Pipelines and the Kubernetes API."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from berth.errors import summary

if TYPE_CHECKING:
    import tenacity

log = logging.getLogger("berth.retry")

# The waits are 1, 2, 4, 8, 16 and 30 seconds, each but the last plus up to a second at random, so that many workers do
# not come back at once. That is a minute in all: enough for a control plane to restart or a load balancer to move.
ATTEMPTS = 7
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 30.0
REQUEST_TIMEOUT, TOO_MANY_REQUESTS, SERVER_ERROR = 408, 429, 500

Request = TypeVar("Request", bound=Callable[..., Any])


def is_temporary_status(status: int | None) -> bool:
    """Whether the same request may succeed later, by the HTTP status of the response."""
    return status is not None and (status in (REQUEST_TIMEOUT, TOO_MANY_REQUESTS) or status >= SERVER_ERROR)


def retrying(
    service: str, is_temporary: Callable[[BaseException], bool], describe: Callable[[BaseException], str] = summary
) -> Callable[[Request], Request]:
    """A decorator for requests that repeats them after temporary errors, and logs a warning before each new attempt.

    When the attempts are used up, the last error is raised as it is.

    Args:
        service: Name of the service, for the log.
        is_temporary: Whether the same request may succeed after this error.
        describe: One line of text about an error, for the log.
    """
    import tenacity

    def warn(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome is not None else None
        reason = describe(error) if error is not None else "no response"
        log.warning("%s: %s; attempt %d of %d follows", service, reason, state.attempt_number + 1, ATTEMPTS)

    policy = tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_temporary),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_exponential_jitter(initial=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS),
        before_sleep=warn,
        reraise=True,
    )
    return policy.wraps
