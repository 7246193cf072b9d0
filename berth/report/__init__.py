"""The report of a run: one self-contained HTML page, made by the stage in build.py."""
