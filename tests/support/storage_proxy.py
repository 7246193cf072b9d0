"""A proxy before the emulator of Cloud Storage: it fails where a test says so, and speaks the XML API's uploads."""

from __future__ import annotations

import base64
import http.client
from collections import defaultdict
from collections.abc import Mapping
from urllib.parse import parse_qs, quote, unquote, urlsplit

import google_crc32c

from support.stub_server import StubHandler, StubServer

Answer = tuple[int, dict[str, str], bytes]  # status, headers, body

# Headers of an answer that belong to one connection, and are not passed on.
OWN_HEADERS = ("content-length", "transfer-encoding", "connection", "date", "server")


class StorageProxy(StubServer):
    """Passes requests on to an emulator.

    Args:
        emulator: Address of the emulator.
    """

    def __init__(self, emulator: str) -> None:
        super().__init__(Handler)
        self.emulator = urlsplit(emulator)
        self.parts: defaultdict[str, dict[int, bytes]] = defaultdict(dict)


class Handler(StubHandler):
    """Answers as Cloud Storage does."""

    def fail(self, status: int) -> None:
        """Answer with the error that a fault asks for."""
        message = "denied by the test" if status == 403 else "The specified bucket does not exist."
        self.send_json(status, {"error": {"code": status, "message": message, "errors": [{"message": message}]}})

    def respond(self, body: bytes) -> None:
        """Answer the request."""
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        status, headers, content = (
            self._multipart(query, body)
            if "uploads" in query or "uploadId" in query
            else self._forward(self.command, self.path, dict(self.headers.items()), body)
        )
        passed_on = {
            name: value.replace(self.server.emulator.netloc, self.server.netloc)
            for name, value in headers.items()
            if name.lower() not in OWN_HEADERS
        }
        self.send(status, content, passed_on)

    def _forward(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        upstream = http.client.HTTPConnection(self.server.emulator.hostname, self.server.emulator.port)
        kept = {name: value for name, value in headers.items() if name.lower() not in ("host", "transfer-encoding")}
        upstream.request(method, path, body, {**kept, "content-length": str(len(body))})
        response = upstream.getresponse()
        content = response.read()
        upstream.close()
        if "json" in (response.getheader("content-type") or ""):  # links in it lead here, too
            content = content.replace(self.server.emulator.netloc.encode(), self.server.netloc.encode())
        return response.status, dict(response.getheaders()), content

    def _multipart(self, query: Mapping[str, list[str]], body: bytes) -> Answer:
        """Uploads in parts, https://cloud.google.com/storage/docs/multipart-uploads."""
        name = unquote(urlsplit(self.path).path).lstrip("/")
        if self.command == "POST" and "uploads" in query:
            xml = '<R xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><UploadId>u1</UploadId></R>'
            return 200, {"content-type": "application/xml"}, xml.encode()
        if self.command == "PUT":
            self.server.parts[name][int(query["partNumber"][0])] = body
            checksum = base64.b64encode(google_crc32c.value(body).to_bytes(4, "big")).decode()
            return 200, {"etag": f'"{query["partNumber"][0]}"', "x-goog-hash": f"crc32c={checksum}"}, b""
        parts = self.server.parts.pop(name, {})
        if self.command == "DELETE":
            return 204, {}, b""
        bucket, _, key = name.partition("/")
        path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(key, safe='')}"
        whole = b"".join(part for _, part in sorted(parts.items()))
        status, _, _ = self._forward("POST", path, {"content-type": "application/octet-stream"}, whole)
        return status, {"content-type": "application/xml"}, b"<R/>"
