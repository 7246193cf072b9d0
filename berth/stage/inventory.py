"""What a stage has made: every file of its output, with size, digest and records, and the sum of all counters."""

from __future__ import annotations

from berth import storage
from berth.errors import BerthError
from berth.stage.manifest import NAME, ManifestFile
from berth.stage.output import Output, is_hidden, sum_of_counters
from berth.stage.unchanged import holds


def inventory(output: Output) -> tuple[dict[ManifestFile, str], dict[str, int]] | None:
    """Every file of the result, sorted by path, with its revision; and the sum of all counters.

    Files with a receipt were hashed while they were written; others are hashed now. A listing may lack what was written
    a moment ago: a shard with a receipt exists, and the receipts of files without one are asked for by name. None if
    the receipt of a shard is gone: another process in the same bucket has removed it.

    Raises:
        BerthError: if a shard is not what its receipt says.
    """
    known = {receipt.file.path: receipt for receipt in output.receipts()}
    entries = {}
    paths = sorted({*visible(output.uri), *filter(_is_visible, known)})
    for path in paths:
        if path not in known and (unlisted := output.receipt(path)) is not None:
            known[path] = unlisted
    if output.named.intersection(paths).difference(known):
        return None
    uris = [output.path(path) for path in paths]
    for path, uri, revision in zip(paths, uris, storage.revisions(uris), strict=True):
        receipt = known.get(path)
        if receipt is None:
            entry = ManifestFile(path=path, size=storage.size(uri), sha256=storage.sha256(uri))
        elif holds(uri, receipt.file.sha256, receipt.revision, revision):
            entry = receipt.file
        else:
            raise BerthError(
                "a shard was changed while the stage was running",
                where=uri,
                fix="Run the same command again: the shard is made again.",
            )
        entries[entry] = str(revision)
    return entries, sum_of_counters(known.values())


def visible(uri: str) -> list[str]:
    """Paths, in a directory, of the files that belong to its result: no part of them begins with a dot."""
    return list(filter(_is_visible, storage.names_below(uri)))


def _is_visible(name: str) -> bool:
    return name != NAME and not is_hidden(name)
