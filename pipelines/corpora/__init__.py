"""Corpora in other formats than dumps, one module a format. All become article files (berth/formats/articles.py)."""
