"""Keyed hashes: stable, uniform, independent."""

from pipelines.documents.keyed_hash import keyed_hash


def test_values_never_change():
    """Shards of existing corpora depend on them."""
    assert keyed_hash(12345, "shard", "en.wikipedia.org:12") == 6720967525992493091
    assert keyed_hash(0, "order", "") == 18141412793236619438


def test_seed_purpose_and_document_matter():
    values = {keyed_hash(seed, purpose, name) for seed in (0, 1, -1) for purpose in ("shard", "order") for name in "ab"}
    assert len(values) == 12


def test_documents_spread_evenly():
    shards = [keyed_hash(7, "shard", f"en.wikipedia.org:{number}") % 8 for number in range(8000)]
    assert all(900 < shards.count(shard) < 1100 for shard in range(8))
