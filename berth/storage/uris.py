"""URIs of files: local paths, ``gs://BUCKET/KEY``, and ``package://PACKAGE/PATH`` for files of installed packages."""

from __future__ import annotations

import os
import posixpath
import sys
from importlib.util import find_spec
from pathlib import Path

from berth.errors import BerthError, UsageError

CLOUD_SCHEME, PACKAGE_SCHEME = "gs://", "package://"


def is_cloud(uri: str) -> bool:
    """Whether the URI names an object or prefix in Cloud Storage."""
    return uri.startswith(CLOUD_SCHEME)


def local_path(uri: str) -> Path:
    """The local path of a URI: a plain path, or a file of an installed package.

    Raises:
        BerthError: for gs:// URIs, and for a package that is not installed.
    """
    if is_cloud(uri):
        raise BerthError("a local file is expected here", where=uri, found="an object in Cloud Storage")
    if not uri.startswith(PACKAGE_SCHEME):
        return Path(uri)
    package, _, name = uri.removeprefix(PACKAGE_SCHEME).partition("/")
    spec = find_spec(package) if package.isidentifier() else None  # finds it without importing it
    if spec is None or not spec.submodule_search_locations:
        raise BerthError(
            f"the package {package!r} that holds this file is not installed",
            where=uri,
            fix=f"Install it (pip install {package}), or give another file.",
        )
    return Path(spec.submodule_search_locations[0]) / name


def check_text(text: str, what: str, where: str = "") -> None:
    """Check what the system gave as bytes: JSON and YAML cannot hold those that its encoding does not know.

    Raises:
        UsageError: if there are any.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"{what} is not text in this locale's encoding",
            where=where,
            found=repr(os.fsencode(text))[1:],
            expected=f"text in {sys.getfilesystemencoding()}",
            fix="Rename it, or choose a locale with UTF-8: export LC_ALL=C.UTF-8.",
        ) from None


def join(base: str, *names: str) -> str:
    """The URI of ``names`` under ``base``."""
    if is_cloud(base):
        return posixpath.join(base, *names)
    return os.path.join(base, *names)


def absolute(uri: str) -> str:
    """The URI in a form that does not depend on the current directory."""
    return uri if uri.startswith((CLOUD_SCHEME, PACKAGE_SCHEME)) else os.path.abspath(uri)


def below(directory: str, uri: str) -> str:
    """The path, below a directory, of a file in it; "" is the current directory."""
    if is_cloud(directory):
        return uri.removeprefix(f"{directory.rstrip('/')}/")
    return os.path.relpath(uri, directory or ".")


def basename(uri: str) -> str:
    """The last component of a URI."""
    return posixpath.basename(uri.rstrip("/"))


def parent(uri: str) -> str:
    """The URI of the directory that contains ``uri``."""
    return posixpath.dirname(uri.rstrip("/"))
