"""Documents before sentence splitting: reading groups of articles, normalising text, dropping duplicates, filtering."""
