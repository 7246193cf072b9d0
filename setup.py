"""Entry for tools that want a setup.py, such as Beam's ``--setup_file``; all metadata stands in pyproject.toml."""

from setuptools import setup

setup()
