"""BERT's tokenizer as operations of a TensorFlow graph."""
