"""A proxy before the emulator of Cloud Storage: faults, preconditions, and the XML API's uploads in parts."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import threading
from collections import defaultdict
from collections.abc import Mapping
from urllib.parse import parse_qs, quote, unquote, urlsplit

import google_crc32c

from support.stub_server import StubHandler, StubServer

Answer = tuple[int, dict[str, str], bytes]  # status, headers, body

MESSAGES = {403: "denied by the test", 412: "At least one of the pre-conditions you specified did not hold."}
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
        self.one_write = threading.Lock()


class Handler(StubHandler):
    """Answers as Cloud Storage does."""

    def fail(self, status: int) -> None:
        """Answer with the error that a fault asks for."""
        self._send(_refusal(status))

    def respond(self, body: bytes) -> None:
        """Answer the request."""
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        if "uploads" in query or "uploadId" in query:
            self._send(self._multipart(query, body))
            return
        with self.server.one_write if "ifGenerationMatch" in query else contextlib.nullcontext():
            is_met = self._is_met(query, body)
            answer = (
                self._forward(self.command, self.path, dict(self.headers.items()), body) if is_met else _refusal(412)
            )
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        status, headers, content = answer
        passed_on = {
            name: value.replace(self.server.emulator.netloc, self.server.netloc)
            for name, value in headers.items()
            if name.lower() not in OWN_HEADERS
        }
        self.send(status, content, passed_on)

    def _is_met(self, query: Mapping[str, list[str]], body: bytes) -> bool:
        """Whether the object that a request writes or deletes has the generation that it names, if it names one."""
        wanted = query.get("ifGenerationMatch")
        if wanted is None:
            return True
        path = urlsplit(self.path).path.removeprefix("/upload")
        if self.command == "POST":  # the key is in the metadata, the first of two parts
            metadata = body.partition(b"\r\n\r\n")[2].partition(b"\r\n")[0]
            path += f"/{quote(json.loads(metadata)['name'], safe='')}"
        status, _, content = self._forward("GET", path, {}, b"")
        return wanted == [json.loads(content)["generation"] if status == 200 else "0"]

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


def _refusal(status: int) -> Answer:
    """The answer with an error of the service."""
    message = MESSAGES.get(status, "The specified bucket does not exist.")
    error = {"error": {"code": status, "message": message, "errors": [{"message": message}]}}
    return status, {"content-type": "application/json"}, json.dumps(error).encode()
