"""Credentials for Google Cloud Storage: whether there are any, found out in about a second."""

from __future__ import annotations

import contextlib
import http.client
import os
from pathlib import Path

from berth.errors import BerthError

# The address of the metadata server of every Google machine, and how long to wait for it on other machines.
METADATA_SERVER = ("169.254.169.254", 80)
PROBE_SECONDS = 1.0
METADATA_FLAVOR = {"Metadata-Flavor": "Google"}
_PRODUCT_NAME = Path("/sys/class/dmi/id/product_name")


def check_credentials() -> None:
    """Check that there are credentials.

    google-auth searches for a metadata server for 20 s. Machines of Google leave that to it, since the server of a
    new pod may need a moment; other machines probe for the server once, for a second.

    Raises:
        BerthError: if there are no credentials.
    """
    if os.environ.get("STORAGE_EMULATOR_HOST") or os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return
    gcloud = Path(os.environ.get("CLOUDSDK_CONFIG") or Path.home() / ".config" / "gcloud")
    if (gcloud / "application_default_credentials.json").exists() or _has_metadata_server():
        return
    raise missing_credentials("neither a key file, nor a login of gcloud, nor a machine of Google")


def missing_credentials(found: str) -> BerthError:
    """The error for missing or unusable credentials; ``found`` says what was found instead."""
    return BerthError(
        "there are no credentials for Google Cloud Storage",
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
