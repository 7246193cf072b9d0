"""The one parser of paths and patterns that a user gives. Everything else takes a URI as it is."""

from __future__ import annotations

import os
import re

from berth.errors import UsageError
from berth.storage.files import exists, is_directory
from berth.storage.patterns import Pattern, has_wildcards
from berth.storage.uris import CLOUD_SCHEME, PACKAGE_SCHEME, local_path

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def path(text: str) -> str:
    """The URI that a user gives on the command line: a home directory (``~/``) is written out.

    Raises:
        UsageError: for storage that Berth cannot read, and a home directory that does not exist.
    """
    _check_scheme(text)
    if not text.startswith("~"):
        return text
    whole = os.path.expanduser(text)
    if whole.startswith("~") and not exists(text):
        raise UsageError(
            "there is no such home directory",
            where=text,
            found=text.partition("/")[0],
            fix=f"Write the whole path; for a name that begins with ~, write ./{text}.",
        )
    return whole


def parse(text: str) -> str | Pattern:
    """The URI or pattern that a user means.

    What exists under the very name that is given is meant literally, so that a directory ``out[1]`` needs no escapes:
    the first component with wildcards that is not the name of an existing file or directory begins the pattern.

    Raises:
        UsageError: for storage that Berth cannot read.
    """
    _check_scheme(text)
    uri = str(local_path(text)) if text.startswith(PACKAGE_SCHEME) else text
    if not has_wildcards(uri) or exists(uri):
        return uri
    parts = uri.split("/")
    for number, part in enumerate(parts):
        before = "/".join(parts[:number])
        if has_wildcards(part) and not is_directory(f"{before}/{part}" if number else part):
            return Pattern(before or ("/" if number else ""), "/".join(parts[number:]))
    return uri


def _check_scheme(text: str) -> None:
    scheme = _SCHEME.match(text)
    if scheme is not None and scheme.group() not in (CLOUD_SCHEME, PACKAGE_SCHEME):
        raise UsageError(
            "this storage cannot be read",
            where=text,
            found=scheme.group(),
            expected=f"a local path, or {CLOUD_SCHEME}BUCKET/PATH",
        )
