"""The API endpoint of Kubeflow Pipelines: address, credentials, repeated requests and errors."""

from __future__ import annotations

import http.client
import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from berth import storage
from berth.errors import BerthError, TemporaryError, UsageError, summary
from berth.retry import ATTEMPTS, is_temporary_status, retrying

if TYPE_CHECKING:
    import kfp

log = logging.getLogger("berth.submit")

TOKEN_VARIABLE = "BERTH_KFP_TOKEN"
CONFLICT = 409
LONGEST_MESSAGE = 300
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
RIGHT_ADDRESS = "Give the address that serves /apis/v2beta1, for instance https://HOST/pipeline."

T = TypeVar("T")


@dataclass(frozen=True)
class Endpoint:
    """An endpoint of Kubeflow Pipelines, and the SDK's client for it."""

    url: str
    bearer: str | None = field(repr=False)
    client: kfp.Client

    def call(self, request: Callable[[], T]) -> T:
        """Make a request, with retries. Raises UsageError or BerthError."""
        return _call(request, self.url, self.bearer)

    def find_or_create(self, find: Callable[[], str | None], create: Callable[[], str | None]) -> str:
        """The id of a named resource. Each attempt looks for it first: the response to the last may have been lost.

        Raises:
            UsageError: if the response has no id, as from a server of something else.
            BerthError: if the request fails.
        """
        return self.required(self.call(lambda: find() or create()))

    def required(self, value: T | None) -> T:
        """An id that each response of the API has. Raises UsageError without it."""
        if not value:
            raise _other_api(self.url, "a response without an id")
        return value


def read_token(file: str, environment: Mapping[str, str]) -> str | None:
    """The bearer token from a file or from BERTH_KFP_TOKEN; None leaves authentication to the client's configuration.

    Raises:
        UsageError: if the file is missing or does not hold a token.
    """
    if not file:
        return environment.get(TOKEN_VARIABLE) or None
    if not storage.exists(file):
        raise UsageError("there is no such token file", where=f"--token-file {file}")
    content = storage.read_text(file).strip()
    if not content or len(content.split()) > 1:
        raise UsageError(
            "the file does not hold a bearer token",
            where=f"--token-file {file}",
            found=f"{len(content.split())} words",
            expected="one word",
        )
    return content


def connect(url: str, bearer: str | None, namespace: str = "") -> Endpoint:
    """Connect to an endpoint and check that it responds.

    Args:
        url: http:// or https:// URL.
        bearer: Token, or None: then the client uses cookies, Identity-Aware Proxy or nothing, as configured.
        namespace: The user's profile, if the endpoint has several.

    Raises:
        UsageError: if the endpoint is not a URL, is not Kubeflow Pipelines, or refuses the token.
        BerthError: if it cannot be reached.
    """
    if not url.startswith(("http://", "https://")) or any(character.isspace() for character in url):
        raise UsageError("the endpoint is not a URL", where=f"--endpoint {url}", expected="https://HOST[/PATH]")
    import kfp

    class Client(kfp.Client):  # type: ignore[misc]  # kfp has no types
        """The SDK's client without its own retries, which repeat the health check after any error."""

        def get_kfp_healthz(self, sleep_duration: int = 5) -> Any:
            answer, _, headers = _call(self._healthz_api.healthz_service_get_healthz_with_http_info, url, bearer)
            kind = headers.get("Content-Type", "nothing")
            if "json" not in kind:  # an HTML page, which the client takes for an empty response
                raise _other_api(url, kind)
            if answer is None:
                raise _other_api(url, "a response without content")
            return answer

    if bearer and url.startswith("http://") and urlsplit(url).hostname not in LOOPBACK:
        log.warning("%s: the token is sent without encryption; use https", url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # about compatible versions of Kubeflow
        client = Client(host=url, existing_token=bearer, namespace=namespace or "kubeflow")
    client.get_kfp_healthz()
    return Endpoint(url, bearer, client)


def _call(request: Callable[[], T], endpoint: str, bearer: str | None) -> T:
    """Make a request, with retries. Raises UsageError or BerthError."""
    import urllib3
    from kfp_server_api.exceptions import ApiException  # type: ignore[import-untyped]

    lost = (urllib3.exceptions.HTTPError, http.client.HTTPException, ConnectionError)

    def is_temporary(error: BaseException) -> bool:
        # After a conflict, the name that another process has just created is found by the next attempt.
        return isinstance(error, lost) or (
            isinstance(error, ApiException) and (is_temporary_status(error.status) or error.status == CONFLICT)
        )

    def describe(error: BaseException) -> str:
        return f"HTTP {error.status}" if isinstance(error, ApiException) else _shortened(str(error), bearer)

    try:
        with _silent("urllib3"), open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # the client prints links
            return retrying(endpoint, is_temporary, describe)(request)()
    except ApiException as error:
        raise _refusal(error.status, _message(error.body, bearer), endpoint) from None
    except (TypeError, ValueError, AttributeError) as error:  # the client has read JSON of another form
        raise _other_api(endpoint, f"a response of another form ({summary(error)})") from error
    except lost as error:
        raise TemporaryError(
            "the endpoint cannot be reached",
            where=endpoint,
            found=f"{_shortened(str(error.__cause__ or error), bearer)}, after {ATTEMPTS} attempts",
            fix="Check the address and the network.",
        ) from None


def _other_api(endpoint: str, found: str) -> UsageError:
    return UsageError("this is not the API of Kubeflow Pipelines", where=endpoint, found=found, fix=RIGHT_ADDRESS)


def _refusal(status: int | None, message: str, endpoint: str) -> BerthError:
    match status:
        case 401 | 403:
            return UsageError(
                "the endpoint refuses these credentials" if status == 401 else "the endpoint does not permit this",
                where=endpoint,
                found=f"HTTP {status}: {message}",
                fix=f"Give a valid token in {TOKEN_VARIABLE} or by --token-file, and with several users --namespace.",
            )
        case 404:
            return UsageError(
                "there is no Kubeflow Pipelines at this address, or the resource was deleted",
                where=endpoint,
                found=f"HTTP 404: {message}",
                fix=RIGHT_ADDRESS,
            )
        case 409:
            return BerthError(
                "the name is taken by another resource",
                where=endpoint,
                found=f"HTTP 409: {message}",
                fix="Rename the recipe, or delete that resource.",
            )
        case _:
            kind = TemporaryError if is_temporary_status(status) else BerthError
            return kind("the endpoint refused the request", where=endpoint, found=f"HTTP {status}: {message}")


def _message(body: Any, bearer: str | None) -> str:
    """The message in a response's body, which may be JSON."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body or "")
    try:
        content = json.loads(text)
        text = str(content.get("message") or content.get("error_message") or text)
    except (json.JSONDecodeError, AttributeError):
        pass
    return _shortened(text, bearer) or "no message"


def _shortened(text: str, bearer: str | None) -> str:
    """One line without the token, which some proxies repeat in their responses."""
    text = " ".join(text.split())
    if bearer:
        text = text.replace(bearer, "(token)")
    return text if len(text) <= LONGEST_MESSAGE else text[:LONGEST_MESSAGE] + "…"


@contextmanager
def _silent(logger: str) -> Iterator[None]:
    """Without the library's own warnings on each attempt, which repeat those of the retry policy."""
    library = logging.getLogger(logger)
    level = library.level
    library.setLevel(logging.ERROR)
    try:
        yield
    finally:
        library.setLevel(level)
