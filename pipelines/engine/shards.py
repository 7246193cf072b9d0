"""Names of shards, and progress over the shards that workers complete."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping

from berth import storage
from berth.errors import BerthError
from berth.progress import Progress
from berth.stage.output import Output

SECONDS_BETWEEN_LOOKS, SECONDS_IN_THE_CLOUD = 0.5, 5.0

# Work done so far in shards that workers of this process are writing. Of workers elsewhere only complete shards count.
_under_way: dict[str, int] = {}


def report(shard: str, done: int) -> None:
    """Tell how much of a shard's work is done."""
    _under_way[shard] = done


def shard_names(stem: str, count: int, extension: str) -> list[str]:
    """``stem-00000-of-00008.extension`` and so on, in order."""
    return [f"{stem}-{index:05d}-of-{count:05d}.{extension}" for index in range(count)]


@contextlib.contextmanager
def watched(name: str, output: Output, sizes: Mapping[str, int], unit: str) -> Iterator[None]:
    """Show progress while workers, wherever they are, complete shards.

    Args:
        name: What is being done.
        output: Where the shards appear.
        sizes: Work in each shard that is still to be done, by its name.
        unit: The unit of ``sizes``.
    """
    done = threading.Event()

    def look() -> None:
        waiting, shown = dict(sizes), 0
        while waiting:
            ended = done.wait(pause)
            with contextlib.suppress(BerthError):  # a look that fails is no reason to stop, or to say anything
                for shard in output.complete() & waiting.keys():
                    del waiting[shard]
            left = sum(size - min(size, _under_way.get(shard, 0)) for shard, size in waiting.items())
            progress.update(total - left - shown)
            shown = total - left
            if ended:
                return

    pause = SECONDS_IN_THE_CLOUD if storage.is_cloud(output.uri) else SECONDS_BETWEEN_LOOKS
    total = sum(sizes.values())
    with Progress(name, total=total, unit=unit) as progress:
        watcher = threading.Thread(target=look, name=f"progress of {name}", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
            for shard in sizes:
                _under_way.pop(shard, None)
