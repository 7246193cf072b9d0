"""BERT's characters and words."""
