"""Fuzz one target, guided by coverage: `PYTHONPATH=tests python -m fuzz TARGET --inputs N` (`make fuzz`).

Inputs with findings are saved in .fuzz/TARGET/findings, one of each kind, and the run continues; exit status 1 if there
are any. A crash of the process, or an input that takes too long, is saved there too and ends the run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fuzz import libfuzzer, target


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target", choices=target.names())
    parser.add_argument("--inputs", type=int, default=10_000, help="how many to try; default: 10,000")
    parser.add_argument("--seed", type=int, default=1, help="of the mutations; the same inputs follow from the same")
    parser.add_argument("--directory", type=Path, default=Path(".fuzz"), help="for findings and compiled kernels")
    options = parser.parse_args()
    sys.exit(libfuzzer.run(options.target, options.inputs, options.seed, options.directory.resolve()))


if __name__ == "__main__":
    main()
