"""Stages: work that is done once, resumed after a kill, and proven by a manifest."""

from berth.stage.stage import LOCK, STARTED, Destination, Directory, Result, Stage, Workspace, run, stage_digest

__all__ = ["LOCK", "STARTED", "Destination", "Directory", "Result", "Stage", "Workspace", "run", "stage_digest"]
