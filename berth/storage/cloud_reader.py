"""Reading an object of Cloud Storage in ranges: short ones after a seek, growing ones for sequential readers."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from typing_extensions import Buffer

from berth.errors import BerthError
from berth.storage.cloud_errors import explained, retry

if TYPE_CHECKING:
    from google.cloud.storage import Blob

# Bytes of a range. A request takes about 30 ms, the time to transfer a few MB; a Parquet footer or column is a few
# hundred kB.
SHORTEST, LONGEST = 1 << 18, 1 << 24


class ObjectReader(io.RawIOBase):
    """A seekable binary file over one generation of an object.

    Args:
        blob: The object, with its metadata loaded.
        uri: Its URI, for errors.

    Raises:
        BerthError: when reading, if the object is replaced or deleted, or the connection stays lost.
    """

    def __init__(self, blob: Blob, uri: str) -> None:
        self._blob, self._uri, self._size = blob, uri, int(blob.size or 0)
        self._offset = 0
        self._window, self._window_offset, self._length = b"", 0, SHORTEST

    def readable(self) -> bool:
        """Always true."""
        return True

    def seekable(self) -> bool:
        """Always true."""
        return True

    def tell(self) -> int:
        """Offset of the next byte."""
        return self._offset

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to an offset; nothing is read."""
        self._offset = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._offset, io.SEEK_END: self._size}[whence])
        return self._offset

    def readinto(self, buffer: Buffer) -> int:
        """Fill the buffer, up to the end of the object; returns the number of bytes read."""
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), max(0, self._size - self._offset))
        done = 0
        while done < wanted:
            start = self._offset - self._window_offset
            if not 0 <= start < len(self._window):
                self._fetch(wanted - done)
                start = 0
            part = self._window[start : start + wanted - done]
            view[done : done + len(part)] = part
            done += len(part)
            self._offset += len(part)
        return done

    def readall(self) -> bytes:
        """The rest of the object, in one request."""
        content = bytearray(max(0, self._size - self._offset))
        self.readinto(content)
        return bytes(content)

    def _fetch(self, wanted: int) -> None:
        """Read the window at the current offset: at least ``wanted`` bytes, unless the object ends before."""
        from google.api_core.exceptions import NotFound

        is_sequential = self._window and self._offset == self._window_offset + len(self._window)
        self._length = min(2 * self._length, LONGEST) if is_sequential else SHORTEST
        stop = min(self._size, self._offset + max(wanted, self._length))
        try:
            with explained(self._uri):
                self._window = self._blob.download_as_bytes(
                    start=self._offset, end=stop - 1, raw_download=True, checksum=None, retry=retry()
                )
        except BerthError as error:
            # The request names the generation, which no longer exists.
            if isinstance(error.__cause__, NotFound):
                raise BerthError(
                    "the object was replaced or deleted while it was being read",
                    where=self._uri,
                    fix="Run the same command again.",
                ) from error
            raise
        self._window_offset = self._offset
