"""Records to batches: index, order, decoding, vocabulary."""
