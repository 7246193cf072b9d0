"""The lease of a stage's directory in a bucket, which has no locks: one launcher at a time works there.

The lease is an object that its holder replaces every few seconds. Each write names the generation that it replaces, so
of several writers one succeeds. Clocks are never compared: another process takes the lease over when it has seen the
same generation, by its own monotonic clock, for as long as the lease says that its holder may be silent.

A holder that was paused or cut off for longer does not notice it until it renews. So it renews before it writes the
manifest. It may still be paused between that renewal and the manifest; but a manifest is created only if there is none,
and both processes make the same bytes, so that it does not matter which of them writes it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from berth import storage
from berth.errors import BerthError, TemporaryError
from berth.storage import cloud

log = logging.getLogger("berth.stage")

LEASE = ".lease"
# A renewal that is lost six times in a row lets the lease end. Requests are repeated for about a minute (berth.retry).
SECONDS, RENEWAL_SECONDS, POLL_SECONDS = 60.0, 10.0, 2.0
LONGEST_SECONDS = 3600.0


class Term(BaseModel):
    """The content of the lease: who holds it, and how long it may go without renewal.

    ``holder`` differs for each lease that is taken, ``host`` and ``process`` are for people.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    holder: str
    host: str
    process: int
    seconds: float = Field(gt=0, le=LONGEST_SECONDS)


class Lease:
    """The lease of one directory, as one process sees it. Its methods may be called from several threads.

    Args:
        directory: URI of the directory, in a bucket.
    """

    def __init__(self, directory: str) -> None:
        self._directory, self.uri = directory, storage.join(directory, LEASE)
        self._term = Term(holder=uuid.uuid4().hex, host=socket.gethostname(), process=os.getpid(), seconds=SECONDS)
        self._generation = 0
        self._lost: BerthError | None = None
        self._one_request = threading.Lock()

    def acquire(self) -> None:
        """Take the lease; if there is one, wait until its holder gives it back or has been silent for too long.

        Raises:
            BerthError: if its holder is alive, or another process has taken it meanwhile.
        """
        known, since, seconds = 0, 0.0, 0.0
        while True:
            now = time.monotonic()  # before the request: what it finds was there then or later
            found = cloud.generation(self.uri) or 0
            if found and not known:
                known, since = found, time.monotonic()  # after the request: what it found was there then or earlier
                seconds = self._announce()
            elif found not in (0, known):
                raise self._busy()
            elif not found or now - since >= seconds:
                self._generation = found
                if not self._write():
                    continue  # another process was faster
                if found:
                    log.warning("%s was not renewed for %.0f s: its holder's work is continued", self.uri, seconds)
                return
            time.sleep(POLL_SECONDS)

    def renew(self) -> bool:
        """Replace the lease; False if another process has taken it over.

        Raises:
            TemporaryError: if Cloud Storage cannot be reached.
            BerthError: if it lets nobody replace the lease.
        """
        with self._one_request:
            if self._lost is None:
                try:
                    if not self._write():
                        self._lost = self._taken_over()
                except TemporaryError:
                    raise
                except BerthError as error:
                    self._lost = self._refused(error)
                    raise self._lost from error
            return self._lost is None

    def check(self) -> None:
        """Raise a BerthError if it is known by now that the lease was lost; sends no request."""
        if self._lost is not None:
            raise self._lost

    def release(self) -> None:
        """Delete the lease, unless another process has it. A failure costs the next process some waiting."""
        with self._one_request:
            if self._lost is not None:
                return
            try:
                cloud.delete_version(self.uri, self._generation)
            except BerthError as error:
                log.warning("others wait up to %.0f s, since the lease was not removed: %s", SECONDS, error)

    def _write(self) -> bool:
        """Replace the lease if it has the known generation; whether it is this process's own then.

        A write whose answer was lost has given it another generation: then it is written once more, so that it is new.
        """
        content = self._term.model_dump_json().encode()
        while (written := cloud.replace(content, self.uri, self._generation)) is None:
            version = cloud.read_version(self.uri)
            if version is None or (term := _read(version[0])) is None or term.holder != self._term.holder:
                return False
            self._generation = version[1]
        self._generation = written
        return True

    def _announce(self) -> float:
        """Say that this process waits, and for how many seconds at most."""
        version = cloud.read_version(self.uri)
        term = _read(version[0]) if version is not None else None
        seconds = term.seconds if term is not None else SECONDS
        holder = f"process {term.process} on {term.host}" if term is not None else "another process"
        log.info("%s may be working on %s: waiting up to %.0f s to see whether it is", holder, self._directory, seconds)
        return seconds

    def _busy(self) -> BerthError:
        return BerthError(
            "another process is working on this output",
            where=self._directory,
            fix="Wait until it has finished, or stop it, then run again.",
        )

    def _taken_over(self) -> BerthError:
        return BerthError(
            "another process has taken over this output",
            where=self._directory,
            found=f"a lease that is no longer this process's, which was paused or offline for over {SECONDS:.0f} s",
            fix="Let the other process finish: it continues what this one began.",
        )

    def _refused(self, error: BerthError) -> BerthError:
        return BerthError(
            "the lease of a running stage cannot be renewed: objects here cannot be replaced or deleted",
            where=self.uri,
            found=error.found or error.what,
            fix="Give this account roles/storage.objectUser on the bucket, and use one without a retention policy.",
        )


@contextlib.contextmanager
def held(directory: str) -> Iterator[Lease]:
    """Hold the lease of a directory, which a thread renews, and give it back at the end, also after an error.

    Raises:
        BerthError: as :meth:`Lease.acquire`.
    """
    lease = Lease(directory)
    lease.acquire()
    try:
        with renewed(lease):
            yield lease
    finally:
        lease.release()


@contextlib.contextmanager
def renewed(lease: Lease) -> Iterator[None]:
    """Renew a lease in the background."""
    ended = threading.Event()
    thread = threading.Thread(target=_keep, args=(lease, ended), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _keep(lease: Lease, ended: threading.Event) -> None:
    while not ended.wait(RENEWAL_SECONDS):
        try:
            if not lease.renew():
                log.error("%s was taken over by another process: this one stops", lease.uri)
                return
        except TemporaryError as error:
            log.warning("the lease is not renewed yet: %s", error)
        except BerthError as error:
            log.error("%s", error)
            return


def _read(content: bytes) -> Term | None:
    """The content of a lease; None if it is damaged, or another version's."""
    try:
        return Term.model_validate_json(content)
    except ValidationError:
        return None
