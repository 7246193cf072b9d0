"""Berth: from raw text to evaluated BERT models, reproducibly. The base of all other packages, and the application."""

__version__ = "0.2.0"
