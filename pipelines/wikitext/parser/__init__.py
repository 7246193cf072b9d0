"""First pass over wikitext: one walk over the bytes of a page with an explicit stack, compiled."""
