"""Kubeflow Pipelines somewhere: how to reach it, with which token, and what to do when it does not answer well."""

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
from berth.errors import BerthError, UsageError

if TYPE_CHECKING:
    import kfp

log = logging.getLogger("berth.submit")

TOKEN_VARIABLE = "BERTH_KFP_TOKEN"
ATTEMPTS = 5
LONGEST_WAIT_SECONDS = 30.0
# Answers after which the same request may succeed.
TEMPORARY = {429, 500, 502, 503, 504}
LONGEST_MESSAGE = 300
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
RIGHT_ADDRESS = "Give the address under which /apis/v2beta1 stands, for instance https://HOST/pipeline."

T = TypeVar("T")


@dataclass(frozen=True)
class Endpoint:
    """Kubeflow Pipelines somewhere, and the SDK's client for it."""

    url: str
    bearer: str | None = field(repr=False)
    client: kfp.Client

    def call(self, request: Callable[[], T]) -> T:
        """Make a request, again after what may pass. Raises UsageError or BerthError."""
        return _attempt(request, self.url, self.bearer)

    def find_or_create(self, find: Callable[[], str | None], create: Callable[[], str]) -> str:
        """The id of a named thing; each attempt looks first, since the one before may have succeeded unheard."""
        return self.call(lambda: find() or create())


def read_token(file: str, environment: Mapping[str, str]) -> str | None:
    """The bearer token, from a file or from BERTH_KFP_TOKEN; None leaves authentication to the client's own ways.

    Raises:
        UsageError: if the file is missing or holds no token.
    """
    if not file:
        return environment.get(TOKEN_VARIABLE) or None
    if not storage.exists(file):
        raise UsageError("there is no such token file", where=f"--token-file {file}")
    content = storage.read_text(file).strip()
    if not content or len(content.split()) > 1:
        raise UsageError("the file holds no bearer token", where=f"--token-file {file}", expected="one word")
    return content


def connect(url: str, bearer: str | None, namespace: str = "") -> Endpoint:
    """An endpoint that answers.

    Args:
        url: http:// or https:// URL.
        bearer: Token, or None: then the client uses cookies, Identity-Aware Proxy or nothing, as it is configured.
        namespace: The user's profile, where the endpoint has several.

    Raises:
        UsageError: if the endpoint is no URL, is not Kubeflow Pipelines, or refuses the token.
        BerthError: if it cannot be reached.
    """
    if not url.startswith(("http://", "https://")) or any(character.isspace() for character in url):
        raise UsageError("the endpoint is no URL", where=f"--endpoint {url}", expected="https://HOST[/PATH]")
    import kfp

    class Client(kfp.Client):  # type: ignore[misc]  # kfp has no types
        """The SDK's client, which would ask for an endpoint's health five times, whatever the answer is."""

        def get_kfp_healthz(self, sleep_duration: int = 5) -> Any:
            answer, _, headers = _attempt(self._healthz_api.healthz_service_get_healthz_with_http_info, url, bearer)
            kind = headers.get("Content-Type", "nothing")
            if "json" not in kind:  # a page for people, which the client takes for an empty answer
                raise UsageError("this is not the API of Kubeflow Pipelines", where=url, found=kind, fix=RIGHT_ADDRESS)
            return answer

    if bearer and url.startswith("http://") and urlsplit(url).hostname not in LOOPBACK:
        log.warning("%s: the token is sent without encryption", url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # what versions of Kubeflow the client works with
        client = Client(host=url, existing_token=bearer, namespace=namespace or "kubeflow")
    client.get_kfp_healthz()
    return Endpoint(url, bearer, client)


def _attempt(request: Callable[[], T], endpoint: str, bearer: str | None) -> T:
    """Make a request, again after what may pass; other failures become errors in words."""
    import tenacity
    import urllib3
    from kfp_server_api.exceptions import ApiException  # type: ignore[import-untyped]

    broken = (urllib3.exceptions.HTTPError, http.client.HTTPException, ConnectionError)

    def may_pass(error: BaseException) -> bool:
        # A name that two processes wanted at the same time is found at the next look.
        return isinstance(error, broken) or (
            isinstance(error, ApiException) and (error.status in TEMPORARY or error.status == 409)
        )

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(may_pass),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_random_exponential(multiplier=1.0, max=LONGEST_WAIT_SECONDS),
        before_sleep=lambda state: log.warning(
            "%s did not answer as it should; attempt %d of %d follows", endpoint, state.attempt_number + 1, ATTEMPTS
        ),
        reraise=True,
    )
    try:
        with _silent("urllib3"), open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # the client prints links
            return retrying(request)
    except ApiException as error:
        raise _explained(error.status, _message(error.body, bearer), endpoint) from None
    except broken as error:
        raise BerthError(
            "the endpoint cannot be reached",
            where=endpoint,
            found=_shortened(str(error.__cause__ or error), bearer),
            fix=f"Check address and network; {ATTEMPTS} attempts were made.",
        ) from None


def _explained(status: int | None, message: str, endpoint: str) -> BerthError:
    match status:
        case 401 | 403:
            return UsageError(
                "the endpoint refuses these credentials" if status == 401 else "the endpoint does not permit this",
                where=endpoint,
                found=f"HTTP {status}: {message}",
                fix=f"Give a valid token in {TOKEN_VARIABLE} or by --token-file; with several users also --namespace.",
            )
        case 404:
            return UsageError(
                "there is no Kubeflow Pipelines at this address, or no longer what was asked for",
                where=endpoint,
                found=f"HTTP 404: {message}",
                fix=RIGHT_ADDRESS,
            )
        case 409:
            return BerthError(
                "the endpoint has something else of this name",
                where=endpoint,
                found=f"HTTP 409: {message}",
                fix="Rename the recipe, or delete what stands in the way.",
            )
        case _:
            return BerthError("the endpoint refused the request", where=endpoint, found=f"HTTP {status}: {message}")


def _message(body: Any, bearer: str | None) -> str:
    """What the endpoint says, from the JSON of its answer where it is JSON."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body or "")
    try:
        content = json.loads(text)
        text = str(content.get("message") or content.get("error_message") or text)
    except (json.JSONDecodeError, AttributeError):
        pass
    return _shortened(text, bearer) or "no further word"


def _shortened(text: str, bearer: str | None) -> str:
    """One line without the token, which some proxies repeat in what they answer."""
    text = " ".join(text.split())
    if bearer:
        text = text.replace(bearer, "(token)")
    return text if len(text) <= LONGEST_MESSAGE else text[:LONGEST_MESSAGE] + "…"


@contextmanager
def _silent(logger: str) -> Iterator[None]:
    """Without the library's own warnings on each attempt; ours say it once."""
    named = logging.getLogger(logger)
    level = named.level
    named.setLevel(logging.ERROR)
    try:
        yield
    finally:
        named.setLevel(level)
