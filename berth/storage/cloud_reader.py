"""Reading an object of Cloud Storage in ranges: short ones for who jumps about, ever longer ones for who reads on."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from typing_extensions import Buffer

from berth.errors import BerthError
from berth.storage.cloud_errors import explained, retry

if TYPE_CHECKING:
    from google.cloud.storage import Blob

# A request takes some 30 ms, in which some MB could pass. A Parquet footer, or one column, is a few hundred kB.
SHORTEST, LONGEST = 1 << 18, 1 << 24


class ObjectReader(io.RawIOBase):
    """A seekable binary file over one generation of an object.

    Args:
        blob: The object, its metadata loaded.
        uri: Its URI, for errors.

    Raises:
        BerthError: when reading, if the object is replaced or deleted, or the connection stays lost.
    """

    def __init__(self, blob: Blob, uri: str) -> None:
        self._blob, self._uri, self._size = blob, uri, int(blob.size or 0)
        self._at = 0
        self._window, self._window_at, self._length = b"", 0, SHORTEST

    def readable(self) -> bool:
        """Always true."""
        return True

    def seekable(self) -> bool:
        """Always true."""
        return True

    def tell(self) -> int:
        """Place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a place; nothing is read."""
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        return self._at

    def readinto(self, buffer: Buffer) -> int:
        """Fill the buffer as far as the object goes; returns the number of bytes."""
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), max(0, self._size - self._at))
        done = 0
        while done < wanted:
            start = self._at - self._window_at
            if not 0 <= start < len(self._window):
                self._fetch(wanted - done)
                start = 0
            part = self._window[start : start + wanted - done]
            view[done : done + len(part)] = part
            done += len(part)
            self._at += len(part)
        return done

    def readall(self) -> bytes:
        """Everything from here on, in one request."""
        content = bytearray(max(0, self._size - self._at))
        self.readinto(content)
        return bytes(content)

    def _fetch(self, wanted: int) -> None:
        """Read the window anew from the present place."""
        from google.api_core.exceptions import NotFound

        goes_on = self._window and self._at == self._window_at + len(self._window)
        self._length = min(2 * self._length, LONGEST) if goes_on else SHORTEST
        stop = min(self._size, self._at + max(wanted, self._length))
        try:
            with explained(self._uri):
                self._window = self._blob.download_as_bytes(
                    start=self._at, end=stop - 1, raw_download=True, checksum=None, retry=retry()
                )
        except BerthError as error:
            # The blob names its generation, and that one is gone.
            if isinstance(error.__cause__, NotFound):
                raise BerthError(
                    "the object was replaced or deleted while it was being read", where=self._uri
                ) from error
            raise
        self._window_at = self._at
