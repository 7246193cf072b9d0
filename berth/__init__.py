"""Berth: from raw text to evaluated BERT models, reproducibly. The ground floor, used by every other floor."""

__version__ = "0.2.0"
