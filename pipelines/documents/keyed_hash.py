"""Keyed hashes of documents, which decide their shard, their order there and whether they are held out."""

from __future__ import annotations

import hashlib


def keyed_hash(seed: int, purpose: str, document: str) -> int:
    """A number of 64 bits that depends on seed, purpose and document only, uniform and independent of other purposes.

    BLAKE2b (RFC 7693) with the seed as its key and the purpose as its personalization.

    Args:
        seed: The recipe's seed.
        purpose: Name of the decision, at most 16 ASCII characters.
        document: The document's stable id.
    """
    digest = hashlib.blake2b(
        document.encode(), digest_size=8, key=str(seed).encode(), person=purpose.encode().ljust(16, b"\0")
    )
    return int.from_bytes(digest.digest(), "big")
