"""Models that take raw text or token ids as TensorFlow SavedModels."""
