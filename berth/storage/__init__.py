"""Files by URI, local or in Cloud Storage. All reading and writing goes through these functions."""

from berth.storage.files import (
    atomic_write,
    delete,
    exists,
    glob,
    is_directory,
    is_file,
    link,
    make_directory,
    names,
    names_below,
    open_read,
    read_all,
    read_bytes,
    read_text,
    revision,
    revisions,
    sha256,
    size,
    sizes,
)
from berth.storage.given import parse, path
from berth.storage.local import RandomReader
from berth.storage.local_errors import explained
from berth.storage.patterns import Pattern
from berth.storage.uris import PACKAGE_SCHEME, absolute, basename, below, is_cloud, join, local_path, parent

__all__ = [
    "PACKAGE_SCHEME",
    "Pattern",
    "RandomReader",
    "absolute",
    "atomic_write",
    "basename",
    "below",
    "delete",
    "exists",
    "explained",
    "glob",
    "is_cloud",
    "is_directory",
    "is_file",
    "join",
    "link",
    "local_path",
    "make_directory",
    "names",
    "names_below",
    "open_read",
    "parent",
    "parse",
    "path",
    "read_all",
    "read_bytes",
    "read_text",
    "revision",
    "revisions",
    "sha256",
    "size",
    "sizes",
]
