"""Compiles the kernels that a recipe's data stages need, on all cores, before the first stage: once on a machine."""

from __future__ import annotations

import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from berth import kernel_cache
from berth.errors import BerthError
from berth.progress import Progress
from berth.recipe import Recipe
from pipelines.engine.resources import usable_cores

log = logging.getLogger("berth.run")

IDS_OF_TWO_BYTES = 1 << 16
PARSING = ("cleanup", "parser")  # compiled before `dump`, which uses them


def compile_for(recipe: Recipe) -> None:
    """Compile what is not in this machine's cache yet, a process for each group of kernels (`pipelines/warm.py`).

    Raises:
        BerthError: if a process fails.
    """
    missing = [group for group in _groups(recipe) if not kernel_cache.is_compiled(group)]
    if not missing:
        return
    log.info("compiling the kernels for this processor: once on this machine, half a minute on two cores")
    last = [group for group in missing if group == "dump"]
    with (
        Progress("kernels", total=len(missing), unit="group") as progress,
        ThreadPoolExecutor(usable_cores()) as pool,
    ):
        for groups in ([group for group in missing if group not in last], last):
            for _ in pool.map(_compile, groups):
                progress.update()


def _groups(recipe: Recipe) -> list[str]:
    """The groups of kernels that the stages of this recipe use, the slowest first."""
    has_dumps = recipe.corpus.prepared is None and any(s.format == "wikipedia" for s in recipe.corpus.sources)
    large = "-large" if recipe.vocabulary.size > IDS_OF_TWO_BYTES else ""
    generators = sorted({f"{records.rng}{large}" for records in recipe.records.values()})
    sentences = ["sentences"] if recipe.corpus.prepared is None else []
    return [*(PARSING if has_dumps else ()), *generators, *sentences, *(["dump"] if has_dumps else [])]


def _compile(group: str) -> None:
    command = [sys.executable, "-m", "pipelines.warm", group]
    process = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if process.returncode:
        raise BerthError(
            "the kernels cannot be compiled",
            where=" ".join(command),
            found=process.stderr.strip().rpartition("\n")[2] or f"exit status {process.returncode}",
        )
