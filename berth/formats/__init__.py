"""File formats that stages exchange: articles, sentences, vocabulary, records, results."""
