"""The training loop: order of events, logs, processes."""
