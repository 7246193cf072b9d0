"""Coverage-guided fuzzing of a target by atheris, which is libFuzzer for Python (the extra `fuzz`)."""

from __future__ import annotations

import logging
import os
import resource
import shutil
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType

from fuzz import target as targets

ROOT = Path(__file__).parents[2]
PACKAGES = ("berth", "pipelines", "trainer")
SECONDS_PER_INPUT = 120  # by the clock of the wall: much, for a machine that is busy
LONGEST_INPUT = 4096
# Beyond what the process has at the start: an input that takes all memory of the machine gets a MemoryError instead.
MOST_MEMORY = 6 << 30


def run(name: str, inputs: int, seed: int, directory: Path) -> int:
    """Fuzz a target; does not return.

    Args:
        name: Of the target.
        inputs: How many to try.
        seed: Of the mutations.
        directory: Gets the findings, and keeps the kernels that are compiled with bounds checking.
    """
    # Kernels are compiled with bounds checking; coverage is that of the Python code around them.
    os.environ.update(NUMBA_BOUNDSCHECK="1", NUMBA_CACHE_DIR=str(directory / "kernels"), TF_CPP_MIN_LOG_LEVEL="3")
    if Path("/dev/shm").is_dir():
        os.environ["TMPDIR"] = "/dev/shm"
    import atheris

    sys.path[:0] = [str(ROOT)]
    with atheris.instrument_imports(include=[*PACKAGES, "fuzz.targets"], exclude=_modules_with_kernels()):
        from berth.storage import cloud

        setattr(cloud, "client", targets.no_network)  # noqa: B010  mypy: of another type
        target = targets.load(name)
    logger = logging.getLogger("berth")
    logger.addHandler(_Formatting())
    logger.propagate = False
    corpus, findings = directory / name / "corpus", directory / name / "findings"
    shutil.rmtree(corpus, ignore_errors=True)
    for each in (corpus, findings):
        each.mkdir(parents=True, exist_ok=True)
    fuzzing = _Fuzzing(target, inputs, findings)
    arguments = [
        f"-seed={seed}",
        f"-timeout={SECONDS_PER_INPUT}",
        f"-max_len={LONGEST_INPUT}",
        "-len_control=0",
        "-rss_limit_mb=0",
        f"-dict={targets.FOLDER / 'dictionary.txt'}",
        f"-artifact_prefix={findings}/",
        str(corpus),
        *(str(each) for each in (target.seeds, target.regressions) if each.is_dir()),
    ]
    soft = _address_space() + MOST_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (soft, resource.RLIM_INFINITY))
    atheris.Setup([sys.argv[0], *arguments], fuzzing.one)
    atheris.Fuzz()
    return 1


class _Fuzzing:
    """The run of a target: counts inputs and keeps one of each kind of finding."""

    def __init__(self, target: targets.Target, inputs: int, findings: Path) -> None:
        self.target, self.inputs, self.findings = target, inputs, findings
        self.done = 0
        self.kinds: set[str] = set()
        self.started = time.process_time()

    def one(self, data: bytes) -> None:
        """Try one input. The last one ends the process."""
        try:
            self.target.run(data)
        except Exception as error:
            self._keep(data, error)
        self.done += 1
        if self.done >= self.inputs:
            self._end()

    def _keep(self, data: bytes, error: Exception) -> None:
        origin = error.__cause__ if isinstance(error, targets.FindingError) and error.__cause__ else error
        kind = f"{type(origin).__name__}-{_place(origin.__traceback__)}"
        if kind not in self.kinds:
            self.kinds.add(kind)
            (self.findings / kind).write_bytes(data)
            sys.stderr.write(f"FINDING {kind}: {data[:300]!r}\n{''.join(traceback.format_exception(error)[-6:])}\n")

    def _end(self) -> None:
        seconds = time.process_time() - self.started
        sys.stderr.write(
            f"{self.target.name}: {self.done:,} inputs, {self.done / seconds:,.0f} per CPU second, "
            f"{len(self.kinds)} kinds of findings{''.join(f' {kind}' for kind in sorted(self.kinds))}\n"
        )
        sys.stderr.flush()
        targets.clean()
        os._exit(1 if self.kinds else 0)  # libFuzzer's own end would start Python's again


class _Formatting(logging.Handler):
    """Formats what is logged, so that errors in that are found, and drops it."""

    def emit(self, record: logging.LogRecord) -> None:
        record.getMessage().encode("utf-8", "backslashreplace")


def _modules_with_kernels() -> list[str]:
    """The modules that numba compiles functions of: it cannot compile instrumented ones."""
    found = ["berth.kernels"]
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "from berth.kernels import" in path.read_text():
                found.append(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return found


def _place(trace: TracebackType | None) -> str:
    """The innermost place in Berth's own code, as MODULE-LINE."""
    frames = [frame for frame, _ in traceback.walk_tb(trace)]
    lines = [line for _, line in traceback.walk_tb(trace)]
    own = [
        (Path(frame.f_code.co_filename), line)
        for frame, line in zip(frames, lines, strict=True)
        if any(str(ROOT / package) in frame.f_code.co_filename for package in PACKAGES)
    ]
    return f"{own[-1][0].stem}-{own[-1][1]}" if own else "target"


def _address_space() -> int:
    """Bytes of addresses that the process has."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
