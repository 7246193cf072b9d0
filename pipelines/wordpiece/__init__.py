"""Learning a BERT vocabulary: word counts, WordPiece by merging, SentencePiece converted."""
