"""The container image that components run in on a cluster."""

import os

from berth import __version__

# The name holds "python" so that kfp.local, which runs components as plain Python processes, knows that it can.
IMAGE = os.environ.get("BERTH_IMAGE", f"berth-python:{__version__}")
