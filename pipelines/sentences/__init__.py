"""Sentences: training Punkt, splitting text, and distributing documents over shards."""
