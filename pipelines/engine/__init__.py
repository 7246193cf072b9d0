"""Beam: the choice of runner and its options, the first elements of a job, progress over shards, Dataflow."""
