"""Which process of a training this is, before any engine is started."""

from __future__ import annotations

import json
import os


def process_number() -> int:
    """The number of this process among those of its training, from 0: from TF_CONFIG or JAX_PROCESS_ID.

    Process 0 writes the results; the others compute along.
    """
    if os.environ.get("TF_CONFIG"):
        return int(json.loads(os.environ["TF_CONFIG"]).get("task", {}).get("index", 0))
    return int(os.environ.get("JAX_PROCESS_ID", "0"))
