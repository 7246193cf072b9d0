"""Progress over the shards of a Beam job, wherever its workers run."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping

from berth import storage
from berth.errors import BerthError
from berth.progress import Progress
from berth.stage.output import Output

# How often the output is searched for new receipts: locally, and in a bucket, where each listing is a request.
POLL_SECONDS, CLOUD_POLL_SECONDS = 0.5, 5.0

# Work done in shards that workers of this process are writing. Workers elsewhere count only by their complete shards.
_unfinished: dict[str, int] = {}


def report_progress(shard: str, done: int) -> None:
    """Report how much of a shard's work is done, in the unit that the launcher's progress bar counts."""
    _unfinished[shard] = done


@contextlib.contextmanager
def shard_progress(name: str, output: Output, sizes: Mapping[str, int], unit: str) -> Iterator[None]:
    """Show progress while workers, wherever they run, complete shards.

    Args:
        name: What is being done.
        output: Where the shards appear.
        sizes: Shard name → work in it, of the shards that are not complete yet.
        unit: The unit of ``sizes``.
    """
    done = threading.Event()

    def poll() -> None:
        waiting, shown = dict(sizes), 0
        while waiting:
            ended = done.wait(pause)
            # A listing that fails is no reason to stop, or to say anything: the next one may succeed.
            with contextlib.suppress(BerthError):
                for shard in output.complete() & waiting.keys():
                    del waiting[shard]
            left = sum(size - min(size, _unfinished.get(shard, 0)) for shard, size in waiting.items())
            progress.update(total - left - shown)
            shown = total - left
            if ended:
                return

    pause = CLOUD_POLL_SECONDS if storage.is_cloud(output.uri) else POLL_SECONDS
    total = sum(sizes.values())
    with Progress(name, total=total, unit=unit) as progress:
        watcher = threading.Thread(target=poll, name=f"progress of {name}", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
            for shard in sizes:
                _unfinished.pop(shard, None)
