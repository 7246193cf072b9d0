"""Corpora of other forms than dumps, one file a form. Each becomes article files (berth/formats/articles.py)."""
