"""Beam: its import, the choice of runner, Dataflow, the first step of a job, names of shards, progress."""
