"""Sentences: Punkt's training and splitting, and the spreading of documents over shards."""
