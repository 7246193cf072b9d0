"""What benchmarks/training.py runs: Berth's step, those of others, and the figures of an accelerator."""
