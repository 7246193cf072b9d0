"""Second pass over wikitext: scanned lines become paragraphs, list items and headings, compiled."""
