"""Training, evaluation and export of BERT models from masked records."""
