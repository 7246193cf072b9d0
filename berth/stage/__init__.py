"""Stages: work that runs once, resumes after a kill, and is proven by a manifest.

The facade for code that runs stages; files, inputs and lineage of finished stages are in the modules here.
"""

from berth.stage.identity import STARTED, Identity
from berth.stage.lease import LEASE
from berth.stage.lock import LOCK
from berth.stage.stage import Destination, Directory, Result, Stage, Workspace, run

__all__ = ["LEASE", "LOCK", "STARTED", "Destination", "Directory", "Identity", "Result", "Stage", "Workspace", "run"]
