"""One range of an object of Cloud Storage in one request, which ends in time even if the answer trickles in."""

from __future__ import annotations

import time
from urllib.parse import quote

from berth.errors import BerthError
from berth.storage import cloud
from berth.storage.cloud_errors import explained, retry

# The longest time for the answer to one request, whatever arrives meanwhile: the client's own limit is only for
# the time between two packets. A range is about 1 MiB.
SECONDS = 60.0
CONNECT_SECONDS = 10.0


def read_object_range(uri: str, start: int, size: int, generation: str | None) -> bytearray:
    """A range of an object, repeated as the policy for all requests says where it may succeed later.

    Args:
        uri: The object.
        start: Offset of the range.
        size: Its bytes, at least 1.
        generation: The object's generation, if it must still have that one.

    Raises:
        BerthError: if the object was replaced or deleted, or has no such range, or the connection stays lost.
    """
    from google.cloud.storage.exceptions import InvalidResponse

    try:
        with explained(uri):
            return retry()(_request)(uri, start, size, generation)
    except BerthError as error:
        cause = error.__cause__
        if isinstance(cause, InvalidResponse) and cause.response.status_code in (404, 416) and generation is not None:
            raise BerthError(
                "the object was replaced, deleted or shortened while it was being read",
                where=f"{uri}, bytes {start} to {start + size - 1}",
                fix="Run the same command again.",
            ) from error
        raise


def _request(uri: str, start: int, size: int, generation: str | None) -> bytearray:
    import requests  # type: ignore[import-untyped]
    from google.cloud.storage.exceptions import InvalidResponse

    # The client's own session, with its credentials: the client can neither limit the time of an answer nor break it
    # off. https://cloud.google.com/storage/docs/json_api/v1/objects/get, "alt=media"
    client = cloud.client()
    bucket, key = cloud.split(uri)
    url = f"{client.api_endpoint}/download/storage/v1/b/{bucket}/o/{quote(key, safe='')}?alt=media"
    if generation is not None:
        url += f"&generation={generation}"
    headers = {"Range": f"bytes={start}-{start + size - 1}", "Accept-Encoding": "gzip"}  # never decompressed there
    deadline = time.monotonic() + SECONDS
    content, done = bytearray(size), 0
    timeout = (CONNECT_SECONDS, SECONDS)
    with client._http.get(url, headers=headers, stream=True, timeout=timeout) as response:
        if response.status_code != requests.codes.partial_content:
            raise InvalidResponse(response, f"HTTP {response.status_code} for a range")
        # bytes 0-99/1234, RFC 9110, 14.4. Where the object ends before, no other request would give more.
        given = response.headers.get("content-range", "").partition("/")[0].split()[-1:]
        if given != [f"{start}-{start + size - 1}"]:
            raise BerthError(
                "Cloud Storage gave another part of the object than it was asked for",
                where=uri,
                found=f"bytes {''.join(given) or 'unknown'}",
                expected=f"bytes {start}-{start + size - 1}, which the object had when it was opened",
                fix="Check the object's size, then run the same command again.",
            )
        while done < size and (part := response.raw.read1(size - done, decode_content=False)):
            content[done : done + len(part)] = part
            done += len(part)
            if time.monotonic() > deadline:
                raise requests.Timeout(f"{done} of {size} bytes arrived in {SECONDS:g} s")
    if done < size:
        raise requests.ConnectionError(f"the answer ended after {done} of {size} bytes")
    return content
