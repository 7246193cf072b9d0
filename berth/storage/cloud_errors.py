"""Errors of Google Cloud Storage: which are temporary, and what the others mean for the user."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from berth.errors import BerthError, TemporaryError, summary
from berth.retry import is_temporary_status, retrying
from berth.storage.cloud_credentials import missing_credentials
from berth.storage.uris import CLOUD_SCHEME

Request = TypeVar("Request", bound=Callable[..., Any])


def retry() -> Callable[[Request], Request]:
    """The policy for all requests: the ``retry`` argument of the client's methods, which is applied as a decorator."""
    return retrying("Cloud Storage", is_transient)


def is_transient(error: BaseException) -> bool:
    """Whether the same request may succeed later."""
    import requests  # type: ignore[import-untyped]
    import urllib3
    from google.api_core import exceptions as api
    from google.auth.exceptions import TransportError
    from google.cloud.storage.exceptions import InvalidResponse

    if isinstance(error, InvalidResponse):  # of uploads and downloads
        return is_temporary_status(error.response.status_code)
    if isinstance(error, api.GoogleAPICallError):
        return is_temporary_status(error.code)
    lost = (ConnectionError, requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return isinstance(error, (*lost, urllib3.exceptions.HTTPError, TransportError))


@contextlib.contextmanager
def explained(uri: str, of_bucket: bool = False) -> Iterator[None]:
    """Turn errors of the client into a BerthError that says what to do; a TemporaryError if they may pass.

    Args:
        uri: URI of the object, for the error.
        of_bucket: Whether a 404 can only mean a missing bucket, as for listing and uploading.
    """
    from google.api_core import exceptions as api
    from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError
    from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

    try:
        yield
    except InvalidResponse as error:
        if is_transient(error):
            raise _lost(error, uri) from error
        raise _refusal(error.response.status_code, summary(error), uri, of_bucket) from error
    except DefaultCredentialsError as error:
        raise missing_credentials(summary(error)) from error
    except GoogleAuthError as error:
        if isinstance(error, TransportError):
            raise _lost(error, uri) from error
        raise missing_credentials(summary(error)) from error
    except api.GoogleAPICallError as error:
        if is_transient(error):
            raise _lost(error, uri) from error
        raise _refusal(int(error.code or 0), str(error.message), uri, of_bucket) from error
    except DataCorruption as error:
        raise damaged(uri) from error
    except Exception as error:
        if not is_transient(error):
            raise
        raise _lost(error, uri) from error


def missing(uri: str) -> BerthError:
    """The error for a missing object."""
    return BerthError("there is no such object", where=uri, fix="Check the bucket's name and the path.")


def damaged(uri: str) -> BerthError:
    """The error for a copy whose checksum is wrong."""
    return BerthError(
        "the copy differs from its original (CRC32C)", where=uri, fix="Run the same command again to copy it anew."
    )


def is_missing_bucket(message: str) -> bool:
    """Whether a 404 is about the bucket rather than the object; only its message says so."""
    return "bucket does not exist" in message.lower()


def _refusal(status: int, message: str, uri: str, of_bucket: bool) -> BerthError:
    bucket = uri.removeprefix(CLOUD_SCHEME).partition("/")[0]
    if status == 404 and (of_bucket or is_missing_bucket(message)):
        return BerthError(
            "there is no such bucket",
            where=uri,
            found=f"no bucket {bucket}",
            fix=f"Check its name, or create it (gcloud storage buckets create gs://{bucket} --location REGION).",
        )
    if status == 404:
        return missing(uri)
    if status in (401, 403):
        return BerthError(
            "Cloud Storage denies access",
            where=uri,
            found=message,
            fix=f"Give this account roles/storage.objectUser on gs://{bucket}, or use another account.",
        )
    return BerthError("Cloud Storage refuses the request", where=uri, found=f"{status} {message}")


def _lost(error: BaseException, uri: str) -> TemporaryError:
    return TemporaryError(
        "Cloud Storage cannot be reached",
        where=uri,
        found=summary(error),
        fix="Check the network, then run the same command again; finished files are kept.",
    )
