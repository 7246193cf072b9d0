"""Learning a BERT vocabulary: word counts by tf.Transform, WordPiece by merging, SentencePiece converted."""
