"""What goes wrong with Google Cloud Storage: found out fast, tried again where that helps, and put into words."""

from __future__ import annotations

import contextlib
import http.client
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from berth.errors import BerthError

if TYPE_CHECKING:
    from google.api_core.retry import Retry

log = logging.getLogger("berth.cloud")

# For how many seconds a lost connection is tried again, and the pauses between, each twice the last.
RETRY_SECONDS = 120.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 16.0
# Where every machine of Google has its metadata server, and how long another machine is asked whether it is one.
METADATA_SERVER = ("169.254.169.254", 80)
PROBE_SECONDS = 1.0
METADATA_FLAVOR = {"Metadata-Flavor": "Google"}
_PRODUCT_NAME = Path("/sys/class/dmi/id/product_name")


def retry() -> Retry:
    """The policy of all requests: a connection that is lost, or a server that is busy, is tried again for a while."""
    from google.api_core.retry import Retry

    return Retry(
        predicate=is_transient,
        initial=FIRST_PAUSE,
        maximum=LONGEST_PAUSE,
        timeout=RETRY_SECONDS,
        on_error=lambda error: log.warning("Cloud Storage: %s; trying again", _words(error)),
    )


def is_transient(error: BaseException) -> bool:
    """Whether the same request may succeed later."""
    import requests  # type: ignore[import-untyped]
    import urllib3
    from google.api_core import exceptions as api
    from google.auth.exceptions import TransportError
    from google.cloud.storage.exceptions import InvalidResponse

    if isinstance(error, InvalidResponse):  # of uploads and downloads
        return error.response.status_code in (408, 429) or error.response.status_code >= 500
    lost = (ConnectionError, requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    busy = (api.ServerError, api.TooManyRequests)
    return isinstance(error, (*lost, *busy, urllib3.exceptions.HTTPError, TransportError))


def check_credentials() -> None:
    """Refuse to go on where there are no credentials, within about a second.

    google-auth looks for a metadata server for 20 s before it gives up. It is left to do so on machines of Google,
    where the server of a young pod may need a moment; elsewhere one short question decides.

    Raises:
        BerthError: if there are none.
    """
    if os.environ.get("STORAGE_EMULATOR_HOST") or os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return
    gcloud = Path(os.environ.get("CLOUDSDK_CONFIG") or Path.home() / ".config" / "gcloud")
    if (gcloud / "application_default_credentials.json").exists() or _has_metadata_server():
        return
    raise _no_credentials("neither a key file, nor a login of gcloud, nor a machine of Google")


@contextlib.contextmanager
def explained(uri: str, of_bucket: bool = False) -> Iterator[None]:
    """Turn a refusal of Cloud Storage, or a connection that stays lost, into a BerthError that says what to do.

    Args:
        uri: What is worked on.
        of_bucket: Whether only a bucket can be missing: objects are listed or made.
    """
    from google.api_core import exceptions as api
    from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError
    from google.cloud.storage.exceptions import DataCorruption, InvalidResponse

    try:
        yield
    except InvalidResponse as error:
        if is_transient(error):
            raise _lost(error, uri) from error
        raise _refusal(error.response.status_code, _words(error), uri, of_bucket) from error
    except DefaultCredentialsError as error:
        raise _no_credentials(_words(error)) from error
    except GoogleAuthError as error:
        if isinstance(error, TransportError):
            raise _lost(error, uri) from error
        raise _no_credentials(_words(error)) from error
    except api.RetryError as error:
        raise _lost(error.cause or error, uri) from error
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
    """The error for an object that is not there."""
    return BerthError("there is no such object", where=uri, fix="Check the bucket's name and the path.")


def damaged(uri: str) -> BerthError:
    """The error for a copy that is not what was sent."""
    return BerthError(
        "a copy differs from its original (CRC32C)", where=uri, fix="Run the same command again: it is copied anew."
    )


def is_missing_bucket(message: str) -> bool:
    """Whether a 404 is about the bucket rather than the object, by its text; nothing else tells."""
    return "bucket does not exist" in message.lower()


def _refusal(status: int, message: str, uri: str, of_bucket: bool) -> BerthError:
    bucket = uri.removeprefix("gs://").partition("/")[0]
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
            fix=f"Give this account roles/storage.objectUser on gs://{bucket}, or log in as another.",
        )
    return BerthError("Cloud Storage refuses the request", where=uri, found=f"{status} {message}")


def _lost(error: BaseException, uri: str) -> BerthError:
    return BerthError(
        "Cloud Storage cannot be reached",
        where=uri,
        found=_words(error),
        fix="Check the network, then run the same command again: what is complete is kept.",
    )


def _no_credentials(found: str) -> BerthError:
    return BerthError(
        "no credentials for Google Cloud Storage",
        found=found,
        fix="Run `gcloud auth application-default login`, or point GOOGLE_APPLICATION_CREDENTIALS at a key file.",
    )


def _has_metadata_server() -> bool:
    if os.environ.get("GCE_METADATA_HOST"):
        return True
    with contextlib.suppress(OSError):
        if _PRODUCT_NAME.read_text().startswith("Google"):
            return True
    server = http.client.HTTPConnection(*METADATA_SERVER, timeout=PROBE_SECONDS)
    try:
        server.request("GET", "/", headers=METADATA_FLAVOR)
        return dict(server.getresponse().getheaders()).items() >= METADATA_FLAVOR.items()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        server.close()


def _words(error: BaseException) -> str:
    """An error's first line, without the addresses of objects that libraries put there."""
    return str(error).split("\n")[0][:300] or type(error).__name__
